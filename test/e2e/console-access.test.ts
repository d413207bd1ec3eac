/** Where the console is: at the API's port, at http_server's port where both are one, and the way from one to the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

async function start(directives: string, ports: readonly number[]): Promise<RunningServer> {
  const weir = await startWeir({ directives });
  for (const port of ports) {
    await waitUntil(`port ${port} listens`, () => isListening(port), WAIT_MS);
  }
  return weir;
}

function ask(port: number, path: string, init: RequestInit = {}): Promise<Response> {
  const signal = AbortSignal.timeout(WAIT_MS);
  return fetch(`http://127.0.0.1:${port}${path}`, { signal, redirect: "manual", ...init });
}

async function assertConsole(port: number): Promise<void> {
  const page = await ask(port, "/console/");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const html = await page.text();
  const names = [...html.matchAll(/(?:src|href)="([^":,]+)"/g)].map(([, name]) => name);
  assert.equal(names.length, 2);
  for (const name of names) {
    const file = await ask(port, `/console/${name}`);
    assert.equal(file.status, 200, name);
    assert.match(file.headers.get("cache-control") ?? "", /immutable/);
    assert.ok((await file.text()).length > 1000);
  }
  assert.equal((await ask(port, "/console")).headers.get("location"), "/console/");
  assert.equal((await ask(port, "/console/nothing.js")).status, 404);
  assert.equal((await ask(port, "/console/..%2f..%2fmain%2fcli.js")).status, 404);
  assert.equal((await ask(port, "/console/", { method: "POST" })).status, 405);
  const head = await ask(port, "/console/", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
}

for (const backend of ["uws", "node"]) {
  test(`one port, http_backend ${backend}`, LIMIT, async () => {
    const port = await findFreePort();
    const weir = await start(
      `http_backend ${backend}; gateways 1;
       http_server { enabled on; listen 127.0.0.1:${port}; }
       http_api { enabled on; listen 127.0.0.1:${port}; auth { enabled on; password p; } }`,
      [port],
    );
    await assertConsole(port);
    assert.equal(
      (await ask(port, "/api/v1/console")).status,
      401,
      "the page is open, figures are not",
    );
    await weir.stop();
  });
}

test("two ports: at the API's, and http_server's says where", LIMIT, async () => {
  const [http, api] = [await findFreePort(), await findFreePort()];
  const weir = await start(
    `gateways 1; strict on; http_server { enabled on; listen 127.0.0.1:${http}; }
     http_api { enabled on; listen 127.0.0.1:${api}; auth { enabled on; type bearer; token t; } }`,
    [http, api],
  );
  await assertConsole(api);
  const way = await ask(http, "/console/");
  assert.equal(way.status, 302);
  assert.equal(way.headers.get("location"), `http://127.0.0.1:${api}/console/`);
  assert.equal((await ask(api, "/api/v1/console/settings")).status, 401);
  const headers = { authorization: "Bearer t" };
  const settings = await ask(api, "/api/v1/console/settings", { headers });
  const told = (await settings.json()) as { settings: unknown };
  assert.equal(told.settings, null, "raw_api is off");
  await weir.stop();
});

test("without the API there is no console", LIMIT, async () => {
  const http = await findFreePort();
  const weir = await start(`gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`, [
    http,
  ]);
  assert.equal((await ask(http, "/console/")).status, 404);
  await weir.stop();
});

test("settings are told without their secrets", LIMIT, async () => {
  const port = await findFreePort();
  const weir = await start(
    `http_api { enabled on; listen 127.0.0.1:${port}; raw_api { enabled on; }
       auth { enabled on; type bearer; token canary-f3a1; } }`,
    [port],
  );
  const headers = { authorization: "Bearer canary-f3a1" };
  const answer = await ask(port, "/api/v1/console/settings", { headers });
  const text = await answer.text();
  assert.ok(!text.includes("canary"));
  const { settings } = JSON.parse(text) as { settings: { place: string; value: string }[] };
  const read = (place: string): string | undefined =>
    settings.find((setting) => setting.place === place)?.value;
  assert.equal(read("http_api.auth.token"), "***");
  assert.equal(read("http_api.listen"), `127.0.0.1:${port}`);
  await weir.stop();
});

test("an edge's origins are told with their health", LIMIT, async () => {
  const [port, dead] = [await findFreePort(), await findFreePort()];
  const weir = await startWeir({
    directives: `http_api { enabled on; listen 127.0.0.1:${port}; }`,
    vhost: `cluster { mode remote; origin 127.0.0.1:${dead}; }`,
  });
  const player = new RtmpPeer(weir.url("show"), "play");
  await waitUntil(
    "the dead origin is left alone",
    async () => {
      if (!(await isListening(port))) {
        return false;
      }
      const answer = await ask(port, "/api/v1/console");
      const { data } = (await answer.json()) as { data: Overview };
      const [origin] = data.origins;
      return origin?.address === `127.0.0.1:${dead}` && origin.open && data.attempts > 0;
    },
    WAIT_MS,
  );
  player.reset();
  await weir.stop();
});

interface Overview {
  readonly attempts: number;
  readonly origins: readonly { readonly address: string; readonly open: boolean }[];
}
