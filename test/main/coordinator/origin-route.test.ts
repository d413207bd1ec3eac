/** The way of one pull or push over its origins. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { OriginPool, rendezvous } from "../../../src/main/coordinator/origin-pool.ts";
import { OriginRoute } from "../../../src/main/coordinator/origin-route.ts";
import { mayFollow } from "../../../src/main/coordinator/redirects.ts";
import type { ClusterConfig } from "../../../src/protocol/conf/cluster.ts";
import type { AttemptEnd } from "../../../src/protocol/control/upstream.ts";

let now: number;
let pool: OriginPool;

beforeEach(() => {
  now = 0;
  pool = new OriginPool({ now: () => now, random: () => 0.5 });
});

function clusterOf(hosts: readonly string[], extra: Partial<ClusterConfig> = {}): ClusterConfig {
  const origins = hosts.map((host) => ({ host, port: 0 }));
  return { origins, balance: "hash", redirectAllow: [], ...extra } as unknown as ClusterConfig;
}

function routeOf(key: string): OriginRoute {
  return new OriginRoute(key, { pool, random: () => 0.5 });
}

function ended(fault: AttemptEnd["fault"], mediaMs = 0): AttemptEnd {
  return { fault, detail: "", mediaMs };
}

/** Keys whose first origin is the first host. */
function keyFor(hosts: readonly string[]): string {
  const addresses = hosts.map((host) => `${host} 0`);
  for (let index = 0; ; index += 1) {
    const key = `v/live/${index}`;
    if (rendezvous(key, addresses)[0] === addresses[0]) {
      return key;
    }
  }
}

test("each origin is tried once, at once, then comes a pause that doubles", () => {
  const cluster = clusterOf(["a", "b"]);
  const route = routeOf(keyFor(["a", "b"]));
  const pauses: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const hosts: string[] = [];
    let answer = route.next(cluster);
    while (answer.kind === "go") {
      hosts.push(answer.host);
      route.ended(ended("not found"), cluster);
      answer = route.next(cluster);
    }
    assert.deepEqual(hosts, ["a", "b"]);
    pauses.push(answer.ms);
  }
  assert.deepEqual(pauses, [500, 1000, 2000]);
});

test("without any origin there is only waiting", () => {
  assert.deepEqual(routeOf("k").next(clusterOf([])), { kind: "wait", ms: 500 });
});

test("pauses grow to ten seconds while nothing comes, and a long session starts them over", () => {
  const cluster = clusterOf(["a"]);
  const route = routeOf("k");
  const step = (mediaMs: number): number => {
    assert.equal(route.next(cluster).kind, "go");
    route.ended(ended("closed", mediaMs), cluster);
    const answer = route.next(cluster);
    assert.equal(answer.kind, "wait");
    return answer.kind === "wait" ? answer.ms : 0;
  };
  assert.deepEqual(
    [step(2000), step(2000), step(2000), step(2000), step(2000), step(2000)],
    [500, 1000, 2000, 4000, 8000, 10_000],
  );
  assert.equal(step(60_000), 500);
});

test("an origin that is lost after a while is not the next one", () => {
  const cluster = clusterOf(["a", "b"]);
  const route = routeOf(keyFor(["a", "b"]));
  assert.deepEqual(route.next(cluster), { kind: "go", host: "a", port: 0 });
  route.works();
  route.ended(ended("closed", 30_000), cluster);
  assert.deepEqual(route.next(cluster), { kind: "go", host: "b", port: 0 });
});

test("an origin that cannot be reached is known to other streams, one without the stream is not blamed", () => {
  const cluster = clusterOf(["a"]);
  for (let stream = 0; stream < 3; stream += 1) {
    const route = routeOf(`missing-${stream}`);
    route.next(cluster);
    route.ended(ended("not found"), cluster);
  }
  assert.equal(routeOf("x").next(cluster).kind, "go");
  for (let stream = 0; stream < 3; stream += 1) {
    const route = routeOf(`refused-${stream}`);
    route.next(cluster);
    route.ended(ended("connect"), cluster);
  }
  assert.equal(routeOf("y").next(cluster).kind, "wait");
});

test("an origin that said no is not asked again for ten seconds", () => {
  const cluster = clusterOf(["a"]);
  const route = routeOf("k");
  route.next(cluster);
  route.ended(ended("refused"), cluster);
  assert.deepEqual(route.next(cluster), { kind: "wait", ms: 12_500 });
});

test("round robin starts at the first origin, whatever the stream, and goes on with each attempt", () => {
  const cluster = clusterOf(["a", "b", "c"], { balance: "round_robin" });
  for (const key of ["x", "y", "z"]) {
    const route = routeOf(key);
    const hosts = [1, 2, 3].map(() => {
      const answer = route.next(cluster);
      route.ended(ended("not found"), cluster);
      return answer.kind === "go" ? answer.host : "";
    });
    assert.deepEqual(hosts, ["a", "b", "c"]);
  }
});

test("origins that change count from the next attempt on", () => {
  const route = routeOf("k");
  route.next(clusterOf(["a"]));
  route.ended(ended("closed", 30_000), clusterOf(["a"]));
  assert.deepEqual(route.next(clusterOf(["b"])), { kind: "go", host: "b", port: 0 });
});

test("a redirect is followed at once, three times at most", () => {
  const cluster = clusterOf(["10.0.0.1"], { redirectAllow: ["*.example.com"] });
  const route = routeOf("k");
  route.next(cluster);
  const redirect = { ...ended("redirect"), redirect: { host: "n1.example.com", port: 1936 } };
  for (let hop = 0; hop < 3; hop += 1) {
    route.ended(redirect, cluster);
    assert.deepEqual(route.next(cluster), { kind: "go", host: "n1.example.com", port: 1936 });
  }
  route.ended(redirect, cluster);
  assert.equal(route.next(cluster).kind, "wait");
});

test("redirects lead to origins, allowed names and addresses of the same kind, never to link-local ones", () => {
  const origins = [{ host: "origin.example.com", port: 0 }];
  const ask = (host: string, from: string, allowed: string[] = []): boolean =>
    mayFollow({ host, from, origins, allowed });
  assert.equal(ask("origin.example.com", "1.2.3.4"), true);
  assert.equal(ask("8.8.8.8", "1.2.3.4"), true);
  assert.equal(ask("10.1.2.3", "1.2.3.4"), false);
  assert.equal(ask("10.1.2.3", "192.168.0.1"), true);
  assert.equal(ask("127.0.0.1", "10.0.0.1"), false);
  assert.equal(ask("127.0.0.1", "127.0.0.1"), true);
  assert.equal(ask("::ffff:127.0.0.1", "10.0.0.1"), false);
  for (const host of [
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "fe80::1",
    "2002:7f00:1::",
  ]) {
    assert.equal(ask(host, host), false, host);
  }
  for (const host of ["2130706433", "0x7f.1", "127.1", "localhost", "evil.com"]) {
    assert.equal(ask(host, "127.0.0.1"), false, host);
  }
  assert.equal(ask("evil.com", "1.2.3.4", ["*.example.com"]), false);
  assert.equal(ask("a.b.example.com", "1.2.3.4", ["*.example.com"]), true);
  assert.equal(ask("badexample.com", "1.2.3.4", ["*.example.com"]), false);
  assert.equal(ask("169.254.169.254", "1.2.3.4", ["169.254.169.254"]), true);
});
