/** Where other origins of a mesh are told that a stream is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterRoute } from "../../../src/main/admin/cluster-route.ts";
import type { RouteRequest } from "../../../src/main/admin/route.ts";
import type { Coordinator } from "../../../src/main/coordinator/coordinator.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";

const LIMIT = { timeout: 10_000 };

async function originOf(directives: string): Promise<unknown> {
  const text = `${directives} vhost __defaultVhost__ { }`;
  const { config } = decodeConfig(text, "test.conf", { include: () => "", environment: {} });
  const find = () => ({ publisher: { shard: 0, row: 1 } });
  const coordinator = { find } as unknown as Coordinator;
  const query = new URLSearchParams("app=live&stream=a&coworker=192.0.2.7:1985");
  const request = { query } as RouteRequest;
  const answer = await clusterRoute({ config: () => config, coordinator }).answer(request);
  return Reflect.get(Reflect.get(answer, "data"), "origin");
}

test("the API's address of an origin has a host, and is the only router", LIMIT, async () => {
  for (const [listen, api] of [
    ["19850", "192.0.2.7:19850"],
    ["127.0.0.1:19850", "127.0.0.1:19850"],
    ["19850 127.0.0.1:19851", "192.0.2.7:19850"],
  ]) {
    assert.deepEqual(await originOf(`listen 19350; http_api { enabled on; listen ${listen}; }`), {
      ip: "192.0.2.7",
      port: 19_350,
      vhost: "",
      api,
      routers: [api],
    });
  }
});
