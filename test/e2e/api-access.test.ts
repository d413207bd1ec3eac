/** Who may use the API and what it changes: credentials, pages of other origins, kicks, reloads. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answer, type ApiServer, startApi } from "../support/api.ts";
import { readFlv } from "../support/flv-file.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, REPOSITORY, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));

function basic(name: string, password: string): RequestInit {
  const given = Buffer.from(`${name}:${password}`).toString("base64");
  return { headers: { authorization: `Basic ${given}` } };
}

describe("basic authentication", LIMIT, () => {
  let weir: ApiServer;
  before(async () => {
    weir = await startApi({
      httpApi: "auth { enabled on; username admin; password canary; }",
    });
  });
  after(() => weir?.stop());

  test("guards what is below /api/, and tells how", async () => {
    for (const path of ["/api/v1/versions", "/api/", "/api/v1/nothing"]) {
      const refused = await weir.raw(path);
      assert.equal(refused.status, 401, path);
      assert.equal(refused.headers.get("www-authenticate"), 'Basic realm="weir"', path);
      assert.equal(await refused.text(), "");
    }
    assert.equal((await weir.raw("/")).status, 200);
    assert.equal((await weir.raw("/api/v1/versions", basic("admin", "canary"))).status, 200);
    assert.equal((await weir.raw("/api/v1/versions", { method: "OPTIONS" })).status, 200);
  });

  test("E-42 who guesses is left alone for a while, even when right; nothing is logged of it", async () => {
    for (const [name, password] of [
      ["admin", "wrong"],
      ["", "canary"],
      ["admin", ""],
    ] as const) {
      assert.equal((await weir.raw("/api/v1/versions", basic(name, password))).status, 401);
    }
    for (let guess = 0; guess < 7; guess += 1) {
      await weir.raw("/api/v1/versions", basic("admin", `guess${guess}`));
    }
    const locked = await weir.raw("/api/v1/versions", basic("admin", "canary"));
    assert.deepEqual([locked.status, locked.headers.get("retry-after")], [429, "60"]);
    assert.doesNotMatch(weir.log(), /canary|guess/);
  });
});

test("bearer authentication", LIMIT, async () => {
  const weir = await startApi({
    httpApi: "auth { enabled on; type bearer; token canary-of-128-bits; }",
  });
  try {
    const refused = await weir.raw("/api/v1/versions");
    assert.deepEqual(
      [refused.status, refused.headers.get("www-authenticate")],
      [401, 'Bearer realm="weir"'],
    );
    const headers = { authorization: "bearer canary-of-128-bits" };
    assert.equal((await weir.raw("/api/v1/versions", { headers })).status, 200);
  } finally {
    await weir.stop();
  }
});

describe("other origins and scripts", LIMIT, () => {
  let weir: ApiServer;
  before(async () => {
    weir = await startApi();
  });
  after(() => weir?.stop());

  test("pages of other origins may read, when the request says that it comes from one", async () => {
    const headers = { origin: "http://console.example" };
    const read = await weir.raw("/api/v1/versions", { headers });
    for (const name of ["origin", "methods", "headers"]) {
      assert.equal(read.headers.get(`access-control-allow-${name}`), "*", name);
    }
    assert.equal(read.headers.get("access-control-allow-credentials"), null);
    const plain = await weir.raw("/api/v1/versions");
    assert.equal(plain.headers.get("access-control-allow-origin"), null);
    assert.equal(plain.headers.get("x-content-type-options"), "nosniff");
  });

  test("A9-06 a callback is ignored, and so is a method beside it", async () => {
    const answer = await weir.raw("/api/v1/clients/x?callback=alert&method=DELETE");
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.deepEqual(await answer.json(), { code: 2049 });
  });

  test("E-47 a port of the loopback has no other name", async () => {
    const { port } = new URL(weir.api);
    const statusFor = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        httpRequest({ port, host: "127.0.0.1", path: "/api/v1/versions", headers: { host } })
          .once("response", (answer) => resolve(answer.resume().statusCode))
          .once("error", reject)
          .end();
      });
    assert.equal(await statusFor("rebound.example"), 403);
    assert.equal(await statusFor(`localhost:${port}`), 200);
  });

  test("A9-10 methods that an endpoint has not are refused with those that it has", async () => {
    for (const [method, path] of [
      ["POST", "/api/v1/streams"],
      ["DELETE", "/api/v1/streams/vid-x"],
      ["PUT", "/api/v1/versions"],
      ["PATCH", "/api/v1/versions"],
    ] as const) {
      const refused = await weir.raw(path, { method });
      assert.equal(refused.status, 405, `${method} ${path}`);
      assert.match(refused.headers.get("allow") ?? "", /GET/, path);
    }
    const head = await weir.raw("/api/v1/versions", { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  });
});

test(
  "scripts where they are asked for: safe names alone, and a method beside them",
  LIMIT,
  async () => {
    const weir = await startApi({ httpApi: "jsonp on; crossdomain off;" });
    try {
      const script = await weir.raw("/api/v1/versions/?callback=jQuery_1.cb");
      assert.equal(script.headers.get("content-type"), "text/javascript");
      assert.match(await script.text(), /^jQuery_1\.cb\(\{"code":0,.*\}\)$/);
      for (const name of ["alert(1)//", "<script>", "", "a".repeat(200)]) {
        const refused = await weir.raw(`/api/v1/versions?callback=${encodeURIComponent(name)}`);
        assert.equal(refused.status, 400, name);
      }
      const kick = await weir.raw("/api/v1/clients/nobody?callback=f&method=DELETE");
      assert.equal(await kick.text(), 'f({"code":2049})');
      const headers = { origin: "http://console.example" };
      const read = await weir.raw("/api/v1/versions", { headers });
      assert.equal(read.headers.get("access-control-allow-origin"), null);
    } finally {
      await weir.stop();
    }
  },
);

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
