/** E-02, E-07: one rule of tokens for RTMP, HTTP-FLV and WebSocket; a reload changes the keys. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { signedQuery } from "../../src/main/tokens/signed-url.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { publish, StampedPublisher } from "../main/accept/wire-client.ts";
import { FlvViewer } from "../support/flv-viewer.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";

const WAIT_MS = 20_000;
const TIMEOUT = { timeout: 60_000 };
const SECRET = "the-secret";

let weir: InProcess;
let http: number;

function options(token: string): Parameters<typeof startInProcess>[0] & object {
  return {
    workers: 1,
    directives: `http_backend node; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
    vhost: `http_remux { enabled on; } token { enabled on; ${token} }`,
  };
}

before(async () => {
  http = await findFreePort();
  weir = await startInProcess(options(`secret ${SECRET};`));
});

after(() => weir.close());

function query(action: "publish" | "play", stream: string, seconds = 60): string {
  const expires = Math.floor(Date.now() / 1000) + seconds;
  const what = { action, vhost: "__defaultVhost__", app: "live", stream, expires, ip: "" };
  return signedQuery(SECRET, what);
}

function rtmp(mode: "publish" | "play", name: string): RtmpPeer {
  return new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/${name}`, mode);
}

async function statusOf(path: string): Promise<number> {
  const stop = new AbortController();
  try {
    const response = await fetch(`http://127.0.0.1:${http}${path}`, { signal: stop.signal });
    return response.status;
  } finally {
    stop.abort();
  }
}

/** Whether a WebSocket stays open until it is told to wait for media, or how it was refused. */
function webSocketOutcome(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${http}${path}`);
    socket.on("unexpected-response", (_request, response) => resolve(`${response.statusCode}`));
    socket.on("open", () => setTimeout(() => socket.close(), 300));
    socket.on("close", (code) => resolve(`closed ${code}`));
    socket.on("error", () => undefined);
  });
}

async function assertRefused(peer: RtmpPeer, status: string): Promise<void> {
  await peer.waitEnd(WAIT_MS);
  assert.equal(peer.isReady, false);
  assert.ok(peer.statuses.includes(status), peer.statuses.join(" "));
}

test("RTMP: a signed URL publishes and plays, each with its own", TIMEOUT, async () => {
  const publisher = await rtmp("publish", `a${query("publish", "a")}`).waitReady(WAIT_MS);
  const player = await rtmp("play", `a${query("play", "a")}`).waitReady(WAIT_MS);
  await assertRefused(rtmp("publish", `b${query("play", "b")}`), "NetStream.Publish.Denied");
  await assertRefused(rtmp("publish", "b"), "NetStream.Publish.Denied");
  await assertRefused(rtmp("play", `a${query("publish", "a")}`), "NetStream.Play.Failed");
  await assertRefused(rtmp("play", `a${query("play", "a", -100)}`), "NetStream.Play.Failed");
  player.close();
  publisher.close();
});

test("HTTP-FLV and WebSocket: the same rule", TIMEOUT, async () => {
  assert.equal(await statusOf("/live/a.flv"), 403);
  assert.equal(await statusOf(`/live/a.flv${query("play", "b")}`), 403);
  assert.equal(await webSocketOutcome("/live/a.flv"), "403");
  const publisher = new StampedPublisher(await publish(weir.port, `a${query("publish", "a")}`));
  assert.match(await webSocketOutcome(`/live/a.flv${query("play", "a")}`), /^closed/);
  assert.equal(await statusOf(`/live/a.flv${query("play", "a")}`), 200);
  publisher.close();
});

test(
  "E-14 a token is a ticket: neither its end nor a reload ends what it began",
  TIMEOUT,
  async () => {
    const free = { ...options("play off; secret x;"), vhost: "http_remux { enabled on; }" };
    assert.equal((await weir.reload(free)).error, undefined);
    const publisher = new StampedPublisher(await publish(weir.port, "t"));
    const player = await rtmp("play", "t").waitReady(WAIT_MS);
    const viewer = new FlvViewer(`http://127.0.0.1:${http}/live/t.flv`);
    await viewer.waitFrames(5, WAIT_MS);

    const ticketed = options(`secret ${SECRET}; skew 0;`);
    const strict = { ...ticketed, directives: `${ticketed.directives} strict on;` };
    for (const next of [ticketed, strict]) {
      assert.equal((await weir.reload(next)).error, undefined);
      assert.equal(await statusOf("/live/t.flv"), 403);
      await assertRefused(rtmp("play", "t"), "NetStream.Play.Failed");
      await assertRefused(rtmp("publish", "t2"), "NetStream.Publish.Denied");
    }
    const ends = Math.floor(Date.now() / 1000) + 2;
    const late = await rtmp("play", `t${query("play", "t", 2)}`).waitReady(WAIT_MS);
    await waitUntil("its token is over", () => Date.now() > (ends + 1) * 1000, WAIT_MS);
    await assertRefused(rtmp("play", `t${query("play", "t", -1)}`), "NetStream.Play.Failed");
    for (const one of [player, late]) {
      await one.waitFrames(one.received.length + 20, WAIT_MS);
      assert.equal(one.end, "open");
      one.close();
    }
    await viewer.waitFrames(viewer.received.length + 20, WAIT_MS);
    viewer.close();
    publisher.close();
    assert.equal((await weir.reload(options(`secret ${SECRET};`))).error, undefined);
  },
);

test("E-11 who guesses is told late, and right tokens count all the while", TIMEOUT, async () => {
  const wrong = query("play", "g").replace(/sign=.*/, `sign=${"A".repeat(43)}`);
  const guess = async (): Promise<number> => {
    const from = performance.now();
    assert.equal(await statusOf(`/live/g.flv${wrong}`), 403);
    return performance.now() - from;
  };
  // Missing, late and misdirected ones are no guesses.
  for (const other of ["", query("play", "g", -100)]) {
    assert.equal(await statusOf(`/live/g.flv${other}`), 403);
  }
  for (let time = 0; time < 10; time += 1) {
    await guess();
  }
  const { guesses } = weir.server.tokens;
  const before = guesses.lateCount;
  assert.ok((await guess()) >= 490);
  assert.equal(guesses.lateCount, before + 1);
  const publisher = await rtmp("publish", `g${query("publish", "g")}`).waitReady(WAIT_MS);
  const player = await rtmp("play", `g${query("play", "g")}`).waitReady(WAIT_MS);
  for (const mode of ["publish", "play"] as const) {
    await assertRefused(
      rtmp(mode, `h${wrong}`),
      mode === "publish" ? "NetStream.Publish.Denied" : "NetStream.Play.Failed",
    );
  }
  assert.equal(guesses.lateCount, before + 3);
  const left = rtmp("play", `h${wrong}`);
  await waitUntil("it is to be told late", () => guesses.lateCount === before + 4, WAIT_MS);
  left.reset();
  await waitUntil("it is gone", () => weir.server.lobby.size === 0, WAIT_MS);
  player.close();
  publisher.close();
});

test("a reload reads the key anew, and keeps the old one when it cannot", TIMEOUT, async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const file = join(makeScratch(), "key.pem");
  writeFileSync(file, publicKey.export({ type: "spki", format: "pem" }));
  const rules = `play off; jwt ES256; jwt_key_file ${file};`;
  assert.equal((await weir.reload(options(rules))).error, undefined);
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 60;
  const text = `${encode({ alg: "ES256" })}.${encode({ exp, act: "publish", stream: "live/*" })}`;
  const key = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
  const jwt = `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
  const publisher = await rtmp("publish", `j?jwt=${jwt}`).waitReady(WAIT_MS);
  publisher.close();
  rmSync(file);
  const { error } = await weir.reload(options(`${rules} skew 5;`));
  assert.match(String(error), /the key cannot be read/);
  const again = await rtmp("publish", `j2?jwt=${jwt}`).waitReady(WAIT_MS);
  again.close();
  await assertRefused(rtmp("publish", "j3"), "NetStream.Publish.Denied");
});
