/** What the API changes: kicks and reloads; and what it does not show. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Answer, startApi } from "../support/api.ts";
import { readFlv } from "../support/flv-file.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, REPOSITORY, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));

describe("what the API changes", LIMIT, () => {
  test("E-50 a kick ends that connection and no other, and is logged", async () => {
    const weir = await startApi({ workers: 2 });
    try {
      const peer = await new RtmpPeer(weir.url("kick"), "publish").waitReady(WAIT_MS);
      const publisher = new ClipPublisher(peer, frames);
      const players = [1, 2].map(() => new RtmpPeer(weir.url("kick"), "play"));
      await Promise.all(players.map((player) => player.waitFrames(5, WAIT_MS)));
      const { clients } = await weir.get("/api/v1/clients");
      const [first, other] = clients.filter(({ type }) => type === "rtmp-play");
      const kicked = await weir.raw(`/api/v1/clients/${first?.id}`, { method: "DELETE" });
      assert.equal(((await kicked.json()) as Answer).code, 0);
      await waitUntil("a player is gone", () => players.some(({ end }) => end !== "open"), WAIT_MS);
      assert.equal(players.filter(({ end }) => end === "open").length, 1);
      const line = `[${first?.id}] kicked by ip=127.0.0.1`;
      await waitUntil("the kick is logged", () => weir.log().includes(line), WAIT_MS);
      assert.equal((await weir.get(`/api/v1/clients/${first?.id}`)).code, 2049);
      assert.equal((await weir.get(`/api/v1/clients/${other?.id}`)).client.id, other?.id);
      const { stream } = await weir.get(`/api/v1/streams/${other?.stream}`);
      await weir.raw(`/api/v1/clients/${stream.publish.cid}`, { method: "DELETE" });
      await waitUntil("the publisher is gone", () => peer.end !== "open", WAIT_MS);
      publisher.close();
    } finally {
      await weir.stop();
    }
  });

  test("a reload tells what it changed, or what is wrong and where; a plan changes nothing", async () => {
    const directory = makeScratch();
    const [port, apiPort, nextPort] = await Promise.all([1, 2, 3].map(findFreePort));
    const file = join(directory, "weir.conf");
    const conf = (http: string, vhost = ""): string =>
      makeWeirConf(directory, port ?? 0, {
        directives: `auto_reload_for_docker off; http_api { ${http} }`,
        vhost,
      });
    const api = (http: number | undefined, more = ""): string =>
      `enabled on; listen 127.0.0.1:${http}; raw_api { enabled on; allow_reload on; } ${more}`;
    writeFileSync(file, conf(api(apiPort)));
    const weir = await startWeir({ port: port ?? 0, conf: readFileSync(file, "utf8"), file });
    const ask = async (rpc: string, at = apiPort): Promise<Answer> => {
      const url = `http://127.0.0.1:${at}/api/v1/raw?rpc=${rpc}`;
      return (await (await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) })).json()) as Answer;
    };
    try {
      await waitUntil("the API listens", () => isListening(apiPort ?? 0), WAIT_MS);
      writeFileSync(file, conf(api(apiPort), "play { gop_cache off; }"));
      const plan = await ask("plan");
      assert.deepEqual(plan.data.steps, [
        {
          place: "vhost __defaultVhost__.play.gop_cache",
          before: "on",
          after: "off",
          effect: "hot",
        },
      ]);
      assert.equal((await ask("reload-fetch")).data.state, 0);
      const done = await ask("reload");
      assert.deepEqual([done.code, done.data.state, done.data.rid], [0, 90, "1"]);
      assert.deepEqual(done.data.steps, plan.data.steps);
      writeFileSync(file, `${conf(api(apiPort))}\nnonsense 1;`);
      const wrong = await ask("reload");
      assert.equal(wrong.code, 1060);
      assert.equal(wrong.data.err, 1023);
      assert.match(wrong.data.msg, /weir\.conf:\d+:\d+: .*nonsense/);
      const fetched = await ask("reload-fetch");
      assert.deepEqual([fetched.code, fetched.data.msg], [0, wrong.data.msg]);
      assert.equal((await ask("plan")).code, 1060);
      assert.deepEqual([await ask("query"), await ask("x")], [{ code: 1062 }, { code: 1060 }]);
      writeFileSync(file, conf(api(nextPort)));
      await ask("reload");
      assert.equal((await ask("raw", nextPort)).code, 0);
      await waitUntil(
        "the old port closes",
        async () => !(await isListening(apiPort ?? 0)),
        WAIT_MS,
      );
      writeFileSync(file, conf(`enabled on; listen 127.0.0.1:${nextPort};`));
      await ask("reload", nextPort);
      assert.deepEqual(await ask("reload", nextPort), { code: 1061 });
      const line = "API, ip=127.0.0.1: done";
      await waitUntil("the reload is logged", () => weir.log().includes(line), WAIT_MS);
    } finally {
      await weir.stop();
    }
  });

  test("secrets of URLs and of the configuration are not shown", async () => {
    const weir = await startApi({ httpApi: "raw_api { enabled on; allow_reload on; }" });
    try {
      const url = `rtmp://127.0.0.1:${weir.port}/live?token=canary/secret?txSecret=canary`;
      const peer = await new RtmpPeer(url, "publish").waitReady(WAIT_MS);
      const publisher = new ClipPublisher(peer, frames);
      await waitUntil(
        "the stream is listed",
        async () => (await weir.get("/api/v1/streams")).streams.length > 0,
        WAIT_MS,
      );
      for (const path of [
        "streams",
        "clients",
        "vhosts",
        "summaries",
        "tests/requests?token=canary",
      ]) {
        const text = await (await weir.raw(`/api/v1/${path}`)).text();
        assert.doesNotMatch(text, /canary/, path);
      }
      publisher.close();
    } finally {
      await weir.stop();
    }
  });
});

test("an origin of a mesh sends players to the one that has the stream", LIMIT, async () => {
  const origin = await startApi();
  const { port: apiPort } = new URL(origin.api);
  const vhost = `cluster { origin_cluster on; coworkers 127.0.0.1:${apiPort}; }`;
  const asker = await startApi({ vhost });
  try {
    const peer = await new RtmpPeer(origin.url("here"), "publish").waitReady(WAIT_MS);
    const publisher = new ClipPublisher(peer, frames);
    const query = "vhost=x&app=live&stream=here&coworker=192.0.2.7:1985";
    const { data } = await origin.get(`/api/v1/clusters?${query}`);
    assert.deepEqual(data, {
      query: { ip: "", vhost: "x", app: "live", stream: "here" },
      origin: {
        ip: "192.0.2.7",
        port: origin.port,
        vhost: "x",
        api: `127.0.0.1:${apiPort}`,
        routers: [`127.0.0.1:${apiPort}`],
      },
    });
    const missing = await origin.get("/api/v1/clusters?app=live&stream=nowhere");
    assert.equal(Reflect.get(missing.data, "origin"), null);
    const player = new RtmpPeer(asker.url("here"), "play");
    await player.waitEnd(WAIT_MS);
    const isSent = (): boolean => asker.log().includes("refused: RTMP 302 Redirect");
    await waitUntil("the player is sent on", isSent, WAIT_MS);
    publisher.close();
  } finally {
    await Promise.all([origin.stop(), asker.stop()]);
  }
});
