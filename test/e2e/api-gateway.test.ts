/** The API on http_server's port, on both HTTP libraries: all of it where both have one port, the version else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Answer } from "../support/api.ts";
import { readFlv } from "../support/flv-file.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";
import { REPOSITORY, type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
/** What a browser asks before a page of another origin may send DELETE. */
const PREFLIGHT: RequestInit = {
  method: "OPTIONS",
  headers: { origin: "http://pages.example", "access-control-request-method": "DELETE" },
};

async function start(backend: string, http: number, api: number): Promise<RunningServer> {
  const weir = await startWeir({
    directives: [
      `http_api { enabled on; listen 127.0.0.1:${api}; }`,
      `http_server { enabled on; listen 127.0.0.1:${http}; }`,
      `gateways 2; http_backend ${backend};`,
    ].join("\n"),
    vhost: "http_remux { enabled on; }",
  });
  await waitUntil("gateways listen", () => isListening(http), WAIT_MS);
  return weir;
}

function ask(port: number, path: string, init: RequestInit = {}): Promise<Response> {
  const signal = AbortSignal.timeout(WAIT_MS);
  return fetch(`http://127.0.0.1:${port}${path}`, { signal, redirect: "manual", ...init });
}

async function read(port: number, path: string, init: RequestInit = {}): Promise<Answer> {
  return (await (await ask(port, path, init)).json()) as Answer;
}

for (const backend of ["uws", "node"]) {
  describe(`http_backend ${backend}`, LIMIT, () => {
    test("one port: everything, for every gateway one server, and streams beside it", async () => {
      const port = await findFreePort();
      const weir = await start(backend, port, port);
      try {
        const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));
        const peer = await new RtmpPeer(weir.url("one"), "publish").waitReady(WAIT_MS);
        const publisher = new ClipPublisher(peer, frames);
        const viewers = await Promise.all([1, 2, 3].map(() => ask(port, "/live/one.flv")));
        assert.deepEqual(
          viewers.map(({ status }) => status),
          [200, 200, 200],
        );
        await waitUntil(
          "all four are listed with what they got",
          async () => {
            const { clients } = await read(port, "/api/v1/clients/?count=100");
            const served = clients.filter((one) => one.type === "flv-play" && one.send_bytes > 0);
            return clients.length === 4 && served.length === 3;
          },
          WAIT_MS,
        );
        const { clients } = await read(port, "/api/v1/clients");
        const [viewer] = clients.filter(({ type }) => type === "flv-play");
        assert.match(viewer?.shard ?? "", /^gateway-/);
        const path = `/api/v1/clients/${viewer?.id}`;
        assert.equal((await read(port, path, { method: "DELETE" })).code, 0);
        const isGone = async (): Promise<boolean> => (await read(port, path)).code === 2049;
        await waitUntil("the viewer is gone", isGone, WAIT_MS);
        const redirect = await ask(port, "/api/v1/tests/redirects");
        assert.equal(redirect.status, 301);
        assert.equal((await ask(port, "/api/v1/nothing")).status, 404);
        assert.equal((await ask(port, `/api/v1/versions?x=${"a".repeat(5000)}`)).status, 400);
        const allowed = await Promise.all(
          ["/api/v1/clients/1", "/live/one.flv"].map(async (path) => {
            const preflight = await ask(port, path, PREFLIGHT);
            return preflight.headers.get("access-control-allow-methods");
          }),
        );
        assert.deepEqual(allowed, ["*", "GET, HEAD, OPTIONS"]);
        assert.equal((await read(port, "/rtc/v1/play/", { method: "POST", body: "{}" })).code, 400);
        assert.equal((await ask(port, "/rtc/v1/whip/?app=live", { method: "POST" })).status, 501);
        const head = await ask(port, "/api/v1/versions", { method: "HEAD" });
        assert.equal(head.status, 200);
        publisher.close();
        await Promise.all(viewers.map((one) => one.body?.cancel()));
      } finally {
        await weir.stop();
      }
    });

    test("two ports: http_server has the version and nothing else of it", async () => {
      const [http, api] = [await findFreePort(), await findFreePort()];
      const weir = await start(backend, http, api);
      try {
        assert.equal((await read(http, "/api/v1/versions")).code, 0);
        assert.equal((await ask(http, "/api/v1/streams")).status, 404);
        assert.equal((await ask(http, "/metrics")).status, 404);
        assert.equal((await ask(http, "/rtc/v1/play/", { method: "POST" })).status, 405);
        const preflight = await ask(http, "/api/v1/streams", PREFLIGHT);
        assert.equal(preflight.headers.get("access-control-allow-methods"), "GET, HEAD, OPTIONS");
        assert.equal((await read(api, "/api/v1/streams")).code, 0);
      } finally {
        await weir.stop();
      }
    });
  });
}
