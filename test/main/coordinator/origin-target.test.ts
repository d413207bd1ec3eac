/** What an edge asks of an origin, and by which protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { originTarget, type Target } from "../../../src/main/coordinator/origin-target.ts";
import { checkPassage, extendPassage } from "../../../src/main/coordinator/passage.ts";
import type { ClusterConfig } from "../../../src/protocol/conf/cluster.ts";
import { RejectedError } from "../../../src/protocol/errors.ts";
import type { StreamRequest } from "../../../src/protocol/rtmp/stream-url.ts";

const request = {
  vhost: "v",
  app: "live/sub",
  stream: "a b",
  param: "?token=1",
  host: "edge",
} as StreamRequest;
const names = { serverId: "here", version: "1", pid: 2 };

function target(
  cluster: Partial<ClusterConfig>,
  from: { isHttp?: boolean; isPull?: boolean; url?: string } = {},
): Target {
  const { isHttp = false, isPull = true, url } = from;
  const options = {
    vhost: "v",
    cluster: { protocol: "rtmp", vhost: "[vhost]", followClient: false, ...cluster },
    demand: { id: "id", request, path: "there", isHttp },
    isPull,
  } as Parameters<typeof originTarget>[1];
  return originTarget({ host: "origin", port: 0, url }, options, names);
}

test("the directive names the protocol, follow_client the first client's; a push is RTMP", () => {
  const protocols = [
    target({}),
    target({ protocol: "flv" }),
    target({ protocol: "flvs" }, { isHttp: true }),
    target({ followClient: true }),
    target({ followClient: true, protocol: "flv" }),
    target({ followClient: true }, { isHttp: true }),
    target({ followClient: true, protocol: "flvs" }, { isHttp: true }),
    target({ followClient: true, protocol: "flv" }, { isHttp: true, isPull: false }),
  ].map(({ protocol, port }) => [protocol, port]);
  assert.deepEqual(protocols, [
    ["rtmp", 1935],
    ["flv", 80],
    ["flvs", 443],
    ["rtmp", 1935],
    ["rtmp", 1935],
    ["flv", 80],
    ["flvs", 443],
    ["rtmp", 1935],
  ]);
});

test("a pull by HTTP-FLV asks for what the client asked for, or for what a redirect named", () => {
  assert.equal(target({ protocol: "flv" }).url, "http://origin:80/live/sub/a%20b.flv?token=1");
  for (const [url, protocol] of [
    ["http://far/other/x.flv?y=2", "flv"],
    ["https://far/other/x.flv?y=2", "flvs"],
  ] as const) {
    const redirected = target({ protocol: "flv" }, { url });
    assert.deepEqual([redirected.url, redirected.protocol], [url, protocol]);
  }
});

test("a path of servers grows by this one, in characters that a header may hold", () => {
  assert.equal(target({}).path, "there,here");
  assert.equal(extendPassage("", "a,b\n\u{1f600}"), "a?b???");
  assert.equal(checkPassage("x\r\ny,z", "here"), "x??y,z");
  assert.throws(() => checkPassage("x,a?b?,z", "a,b\n"), RejectedError);
});
