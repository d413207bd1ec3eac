/** The block `cluster`: which origins there are, and what an edge may not be without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterConfig } from "../../../src/protocol/conf/cluster.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { decodeOriginAddress } from "../../../src/protocol/conf/endpoint.ts";

function clusterOf(text: string): ClusterConfig {
  const conf = `listen 1935; vhost v { ${text} }`;
  const options = { include: () => "", environment: {} };
  const vhost = decodeConfig(conf, "test.conf", options).config.vhosts.get("v");
  assert.ok(vhost);
  return vhost.cluster;
}

test("origins are names or addresses of either family, with or without port", () => {
  const { isEdge, origins } = clusterOf(
    "cluster { mode remote; origin a.example.com B:1936 10.0.0.1 [fd00::1]:1937 fd00::2 [::1]; }",
  );
  assert.equal(isEdge, true);
  assert.deepEqual(origins, [
    { host: "a.example.com", port: 0 },
    { host: "b", port: 1936 },
    { host: "10.0.0.1", port: 0 },
    { host: "fd00::1", port: 1937 },
    { host: "fd00::2", port: 0 },
    { host: "::1", port: 0 },
  ]);
});

test("what is no origin is none", () => {
  for (const text of [
    "",
    "a:0",
    "a:65536",
    "a:b",
    "[::1",
    "::1]:1",
    "a b",
    "rtmp://a",
    "-a",
    "a/b",
  ]) {
    assert.equal(decodeOriginAddress(text), undefined, text);
  }
});

test("an edge without origin, or with one that cannot be, is refused; SRS's old form is taken", () => {
  assert.throws(() => clusterOf("cluster { mode remote; }"), { code: "ERR_CONF_ORIGIN" });
  assert.throws(() => clusterOf("cluster { mode remote; origin rtmp://a; }"), {
    code: "ERR_CONF_ORIGIN",
  });
  const { isEdge, origins, vhost } = clusterOf("mode remote; origin a b; vhost same.example.com;");
  assert.deepEqual([isEdge, origins.length, vhost], [true, 2, "same.example.com"]);
});

test("defaults are SRS's, and times that SRS has in its code", () => {
  const cluster = clusterOf("cluster { mode remote; origin a; }");
  assert.deepEqual(
    { ...cluster, origins: 1 },
    {
      isEdge: true,
      origins: 1,
      protocol: "rtmp",
      followClient: false,
      tokenTraverse: false,
      vhost: "[vhost]",
      debugUpnode: true,
      originCluster: false,
      coworkers: [],
      tlsVerify: true,
      balance: "hash",
      redirectAllow: [],
      connectTimeoutMs: 2000,
      replyTimeoutMs: 3000,
      firstMediaTimeoutMs: 5000,
      stallTimeoutMs: 5000,
      lingerMs: 3000,
      waitMs: 15_000,
      notFoundMs: 3000,
      holdMs: 5000,
      holdBytes: 8 * 1024 * 1024,
    },
  );
  assert.equal(clusterOf("").isEdge, false);
});
