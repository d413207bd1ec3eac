/** The web console over HTTPS, on a port of the API's own that asks for credentials: streams play, nothing comes in the clear. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startChromium, takePicture } from "../support/browser.ts";
import { makeCertificate } from "../support/certificates.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeStampedClip } from "../support/stamped-clip.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 120_000 };
/** For a machine that is busy with other things. */
const PATIENCE_MS = 40_000;
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let weir: RunningServer;
let publisher: ClipPublisher;
let browser: Browser;
let console: string;
let https: number;

before(async () => {
  https = await findFreePort();
  const [http, api, apis] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const { key, certificate } = makeCertificate();
  const tls = `key ${key}; cert ${certificate};`;
  weir = await startWeir({
    directives: [
      `http_server { enabled on; listen 127.0.0.1:${http}; https { enabled on; listen 127.0.0.1:${https}; ${tls} } }`,
      `http_api { enabled on; listen 127.0.0.1:${api}; auth { enabled on; username op; password secret; }`,
      `raw_api { enabled on; allow_reload on; } https { enabled on; listen 127.0.0.1:${apis}; ${tls} } }`,
      "gateways 1;",
    ].join("\n"),
    vhost: "http_remux { enabled on; } hls { enabled on; hls_fragment 2; hls_window 12; }",
  });
  for (const port of [https, apis]) {
    await waitUntil(`${port} listens`, () => isListening(port), PATIENCE_MS);
  }
  const peer = await new RtmpPeer(weir.url("show"), "publish").waitReady(PATIENCE_MS);
  publisher = new ClipPublisher(peer, await makeStampedClip(makeScratch(), 10));
  console = `https://127.0.0.1:${apis}/console/`;
  browser = await startChromium();
});

after(async () => {
  await browser?.close();
  publisher?.close();
  await weir?.stop();
});

/** The console, signed in; what is asked for in the clear, refused or mixed is a fault. */
async function openConsole(
  options: Parameters<Browser["newPage"]>[0] = {},
  from = console,
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ ignoreHTTPSErrors: true, ...options });
  page.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  const look = (url: string): void => {
    if (!/^(blob:|data:|https:|wss:)/.test(url)) {
      faults.push(`asks ${url}`);
    }
  };
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => look(request.url()));
  page.on("websocket", (socket) => look(socket.url()));
  page.on("console", (message) => {
    if (/mixed content|Content Security Policy|blocked/i.test(message.text())) {
      faults.push(message.text());
    }
  });
  await page.goto(from);
  await page.getByLabel("Name").waitFor();
  return { page, faults };
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel("Name").fill("op");
  await page.getByLabel("Password").fill("secret");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "live/show" }).waitFor();
}

test("a stream plays over HTTPS, WSS and HLS", LIMIT, async () => {
  // From the port of streams the way leads to the API's, over TLS too.
  const { page, faults } = await openConsole({}, `https://127.0.0.1:${https}/console/`);
  assert.ok(page.url().startsWith(console), page.url());
  await signIn(page);
  await page.getByRole("link", { name: "live/show" }).click();
  const frames = (): Promise<number> =>
    page.evaluate(
      "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames",
    ) as Promise<number>;
  for (const way of ["HTTP-FLV", "WS-FLV", "HLS"]) {
    await page.getByRole("button", { name: `Watch ${way}` }).click();
    await waitUntil(`frames come by ${way}`, async () => (await frames()) > 15, PATIENCE_MS);
    await page.getByRole("button", { name: "Stop" }).click();
    await waitUntil("the player is gone", async () => (await frames()) === 0, PATIENCE_MS);
  }
  assert.deepEqual(faults, []);
  await page.close();
});

for (const colorScheme of ["dark", "light"] as const) {
  test(`on a phone, ${colorScheme}: every page, sign-in too`, LIMIT, async () => {
    const { page, faults } = await openConsole({ ...PHONE, colorScheme });
    const look = async (name: string): Promise<void> => {
      await takePicture(page, `console-https-${colorScheme}-${name}`);
      const width = await page.evaluate("document.documentElement.scrollWidth");
      assert.equal(width, PHONE.viewport.width, `${name} is wider than the screen`);
    };
    await look("sign-in");
    await signIn(page);
    for (const name of ["Streams", "Clients", "Server", "Settings"]) {
      await page.getByRole("link", { name, exact: true }).tap();
      await page.locator("tbody tr").first().waitFor();
      await look(name.toLowerCase());
    }
    await page.getByRole("link", { name: "Streams", exact: true }).tap();
    await page.getByRole("link", { name: "live/show" }).tap();
    await page.getByRole("button", { name: "Watch HTTP-FLV" }).tap();
    await page.getByRole("button", { name: "Stop" }).waitFor();
    await look("stream");
    assert.deepEqual(faults, []);
    await page.close();
  });
}
