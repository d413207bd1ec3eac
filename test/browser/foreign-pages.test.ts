/**
 * E-45, E-46: what a page of another host can make its reader's browser do to an API of the loopback, in a real browser:
 * read it, and change nothing. A page of the same host, and one with credentials of its own, may change.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type ApiServer, startApi } from "../support/api.ts";
import { startChromium } from "../support/browser.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const LIMIT = { timeout: 120_000 };
const WAIT_MS = 40_000;
const FOREIGN = "pages.example";
const BASIC = `Basic ${btoa("op:secret")}`;

let open: ApiServer;
let guarded: ApiServer;
let browser: Browser;
let pagesPort: number;
const pages = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>x</title>");
});

before(async () => {
  const raw = "raw_api { enabled on; allow_reload on; }";
  open = await startApi({ httpApi: raw });
  guarded = await startApi({
    httpApi: `${raw} auth { enabled on; username op; password secret; }`,
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  pagesPort = (pages.address() as AddressInfo).port;
  browser = await startChromium([`--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1`]);
});

after(async () => {
  await browser?.close();
  pages.close();
  pages.closeAllConnections();
  await Promise.all([open?.stop(), guarded?.stop()]);
});

/** A page of a host, whose reader has shown the password to the guarded API before. */
async function openPage(host: string): Promise<Page> {
  const context = await browser.newContext({
    httpCredentials: { username: "op", password: "secret", origin: guarded.api },
  });
  const page = await context.newPage();
  await page.goto(`http://${host}:${pagesPort}/`);
  return page;
}

/** What a script gets: the status and text, or why there is no answer. */
function fetchIn(page: Page, url: string, init: RequestInit = {}): Promise<string> {
  return page.evaluate(
    ([to, options]) =>
      fetch(to, options)
        .then(async (answer) => `${answer.status} ${await answer.text()}`)
        .catch((error: unknown) => String(error)),
    [url, init] as const,
  );
}

async function playerOf(weir: ApiServer): Promise<{ peer: RtmpPeer; url: string }> {
  const peer = await new RtmpPeer(weir.url("wanted"), "play").waitReady(WAIT_MS);
  const headers = { authorization: BASIC };
  const listed = await (await weir.raw("/api/v1/clients", { headers })).json();
  const { clients } = listed as { clients: { id: string }[] };
  return { peer, url: `${weir.api}/api/v1/clients/${clients[0]?.id}` };
}

test("a foreign page reads, and neither kicks nor reloads", LIMIT, async () => {
  const { peer, url } = await playerOf(open);
  const page = await openPage(FOREIGN);
  assert.match(await fetchIn(page, `${open.api}/api/v1/versions`), /^200 \{"code":0/);
  assert.match(await fetchIn(page, url, { method: "DELETE" }), /Failed to fetch/);
  const reload = `${open.api}/api/v1/raw?rpc=reload`;
  assert.match(await fetchIn(page, reload), /^403 Pages of other hosts/);
  assert.match(await fetchIn(page, reload, { method: "POST", body: "x" }), /^403/);
  await fetchIn(page, reload, { mode: "no-cors" });
  await page.evaluate(
    `new Promise((done) => Object.assign(new Image(), { onerror: done, src: "${reload}" }))`,
  );
  const refusals = (): number =>
    open.log().match(/refused: .* of a page of another host/g)?.length ?? 0;
  await waitUntil("all four reloads are refused", () => refusals() === 4, WAIT_MS);
  assert.doesNotMatch(open.log(), /\[reload\]|kicked/);
  assert.equal(peer.end, "open");

  const near = await openPage("localhost");
  assert.match(await fetchIn(near, reload), /^200/);
  assert.match(await fetchIn(near, url, { method: "DELETE" }), /^200/);
  await peer.waitEnd(WAIT_MS);
});

test("a password that the browser knows does not help a foreign page", LIMIT, async () => {
  const { peer, url } = await playerOf(guarded);
  const page = await openPage(FOREIGN);
  const reload = `${guarded.api}/api/v1/raw?rpc=reload`;
  const include = { credentials: "include" } as const;
  assert.match(await fetchIn(page, reload, include), /Failed to fetch|^403|^401/);
  assert.match(await fetchIn(page, url, { ...include, method: "DELETE" }), /Failed to fetch/);
  assert.doesNotMatch(guarded.log(), /\[reload\]|kicked/);
  assert.equal(peer.end, "open");
  const own = { method: "DELETE", headers: { authorization: BASIC } };
  assert.match(await fetchIn(page, url, own), /^200/, "one that it has itself does");
  await peer.waitEnd(WAIT_MS);
});
