/** Names of viewers by HTTP in the API: forms that a running SRS 7.0.18 gave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOf, tcUrlOf } from "../../../src/main/admin/viewer-names.ts";
import type { Client } from "../../../src/main/coordinator/clients.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { StreamRequest } from "../../../src/protocol/rtmp/stream-url.ts";

const { config } = decodeConfig(
  `listen 1935;
  vhost __defaultVhost__ {}
  vhost other.example.com {
    http_remux { enabled on; mount [vhost]/[app]/[stream]/live.ts; }
    hls { hls_m3u8_file [app]/[stream]-[app].m3u8; }
  }`,
  "test.conf",
  { include: () => "", environment: {} },
);
const DEFAULT = { vhost: "__defaultVhost__", app: "live/deep", name: "a$&b" };
const OTHER = { vhost: "other.example.com", app: "live", name: "demo" };
const GONE = { vhost: "gone.example.com", app: "live", name: "demo" };

function client(type: Client["type"], host: string): Client {
  const request: Partial<StreamRequest> = { tcUrl: "rtmp://asked/app", host };
  return { type, request } as Client;
}

test("the tcUrl of a viewer by HTTP is of its host, or of the vhost that is no default", () => {
  const viewer = client("flv-play", "127.0.0.1");
  assert.equal(tcUrlOf(viewer, DEFAULT), "http://127.0.0.1/live/deep");
  assert.equal(tcUrlOf(viewer, OTHER), "http://other.example.com/live");
  assert.equal(tcUrlOf(client("flv-play", "::1"), DEFAULT), "http://[::1]/live/deep");
  assert.equal(tcUrlOf(client("rtmp-play", "127.0.0.1"), DEFAULT), "rtmp://asked/app");
});

test("its name is that of the file, by the vhost's own templates", () => {
  for (const [type, named, expected] of [
    ["flv-play", DEFAULT, "a$&b.flv"],
    ["hls-play", DEFAULT, "a$&b.m3u8"],
    ["rtmp-play", DEFAULT, "a$&b"],
    ["fmle-publish", DEFAULT, "a$&b"],
    ["flv-play", OTHER, "live.ts"],
    ["hls-play", OTHER, "demo-live.m3u8"],
  ] as const) {
    assert.equal(nameOf(client(type, "h"), named, config), expected, `${type} ${named.vhost}`);
  }
});

test("where a reload has taken the vhost away the stream's name is told", () => {
  const { config: alone } = decodeConfig("listen 1935; vhost x.example.com {}", "t", {
    include: () => "",
    environment: {},
  });
  assert.equal(nameOf(client("flv-play", "h"), GONE, alone), "demo");
});
