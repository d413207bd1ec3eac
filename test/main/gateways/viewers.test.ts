/** Which paths are a stream's, and which are somebody else's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../../src/main/accept/admission.ts";
import { Clients } from "../../../src/main/coordinator/clients.ts";
import { Coordinator } from "../../../src/main/coordinator/coordinator.ts";
import type { Edge } from "../../../src/main/coordinator/edge.ts";
import { checkPassage } from "../../../src/main/coordinator/passage.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { Viewers } from "../../../src/main/gateways/viewers.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { Tokens } from "../../../src/main/tokens/tokens.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { ViewerAnswer } from "../../../src/protocol/control/calls.ts";

const TEXT = `
  listen 1935; daemon off;
  vhost plain { http_remux { enabled on; mount [vhost]/[app]/[stream].flv; } }
  vhost closed {
    http_remux { enabled on; }
    security { enabled on; deny play all; }
  }
  vhost waiting { http_remux { enabled on; } cluster { mode remote; origin 127.0.0.1; } }
  vhost off { }
  vhost packets { http_remux { enabled on; mount [vhost]/[app]/[stream].ts; } }
  vhost other { http_remux { enabled on; mount [vhost]/[app]/[stream].mp4; } }
`;

/** What refusals are counted as; of the last question only. */
const reasons: string[] = [];

/** An answer of a gateway that has no row left. */
function ask(host: string, path: string, query = "", passed = ""): Promise<ViewerAnswer> {
  reasons.length = 0;
  const { config } = decodeConfig(TEXT, "x.conf", { include: () => "", environment: {} });
  const coordinator = new Coordinator(new RingPool(2 ** 20), [], () => 0);
  const edge = {
    isNotFound: (key: string) => key.endsWith("/missing"),
    passage: (identity: { path: string }) => checkPassage(identity.path, "here"),
  } as unknown as Edge;
  const admission = new Admission({
    config: () => config,
    coordinator,
    edge,
    shards: [],
    forwards: { ask: () => undefined, admitted: () => undefined },
    tokens: new Tokens(),
    log: { warn: () => undefined },
    isShortOfMemory: () => false,
  });
  const log = { info: () => undefined, debug: () => undefined } as unknown as Logger;
  const clients = new Clients();
  const hooks = { open: () => undefined };
  const refused = (reason: string): void => void reasons.push(reason);
  const directory = { admission, coordinator, clients, edge, hooks, log, refused };
  const viewers = new Viewers({ ...directory, config: () => config, shards: [] });
  const gateway = { isAlive: true, allocateRow: () => -1 } as unknown as ShardLink;
  const rest = { referer: "", userAgent: "", isSecure: false, passed };
  return viewers.admit(gateway, { path, query, host, ip: "1.2.3.4", ...rest });
}

for (const [what, host, path] of [
  ["a path of another shape", "plain", "/live/show/a.flv"],
  ["another ending", "plain", "/live/a.m3u8"],
  ["what is no text", "plain", "/live/%zz.flv"],
  ["a vhost that does not remux", "off", "/live/a.flv"],
  ["a vhost that is not there", "nowhere", "/live/a.flv"],
  ["a mount of no stream's form", "other", "/live/a.mp4"],
] as const) {
  test(`${what} is not mounted`, async () => {
    assert.deepEqual(await ask(host, path), { allowed: false, isMounted: false });
    assert.deepEqual(reasons, []);
  });
}

test("what is mounted and refused says why", async () => {
  const denied = await ask("closed:8080", "/live/a.flv");
  assert.ok(!denied.allowed && denied.isMounted);
  assert.equal(denied.status, 403);
  assert.deepEqual(reasons, ["ERR_SECURITY_DENIED"]);
  const byQuery = await ask("nowhere", "/live/a.flv", "vhost=closed");
  assert.ok(!byQuery.allowed && byQuery.isMounted);
});

test("the vhost that is named decides how it is remuxed, by whichever parameter", async () => {
  for (const query of ["domain=packets", "vhost=packets", "x=1&vhost=&domain=PACKETS"]) {
    const packets = await ask("plain", "/live/a.ts", query);
    assert.ok(!packets.allowed && packets.isMounted && packets.status === 503, query);
    assert.deepEqual(await ask("plain", "/live/a.flv", query), {
      allowed: false,
      isMounted: false,
    });
  }
  const own = await ask("plain", "/live/a.flv", "vhost=__defaultVhost__");
  assert.ok(!own.allowed && own.isMounted);
});

test("a request that names two vhosts is nobody's", async () => {
  const asked = await ask("plain", "/live...vhost...closed/a.flv");
  assert.deepEqual(asked, { allowed: false, isMounted: false });
});

test("a gateway without rows says so", async () => {
  const answer = await ask("plain", "/live/a.flv");
  assert.ok(!answer.allowed && answer.isMounted);
  assert.equal(answer.status, 503);
  assert.deepEqual(reasons, ["no_room"]);
});

for (const [what, status, path, passed] of [
  ["a stream that no origin had a moment ago", 404, "/live/missing.flv", ""],
  ["a circle", 508, "/live/a.flv", "there,here"],
  ["a way without end", 508, "/live/a.flv", "there,".repeat(1000)],
] as const) {
  test(`${what} has a status of its own`, async () => {
    const answer = await ask("waiting", path, "", passed);
    assert.ok(!answer.allowed && answer.isMounted);
    assert.equal(answer.status, status);
    assert.deepEqual(reasons, [status === 404 ? "ERR_STREAM_NOT_FOUND" : "ERR_EDGE_LOOP"]);
  });
}
