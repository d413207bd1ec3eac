/**
 * E-27, E-52, E-70, E-71, F-86: one secret through every protocol, the API, callbacks, tokens, an edge, reloads and the
 * death of a thread; what the servers print, write, list and answer is then searched for it.
 *
 * Left out is what only echoes to its owner: the first playlist of a session of HLS repeats its viewer's own query.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { publish, StampedPublisher, WireClient } from "../main/accept/wire-client.ts";
import type { Description } from "../support/api.ts";
import { readFlv } from "../support/flv-file.ts";
import { HookServer } from "../support/hook-server.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { runCommand } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { REPOSITORY, WEIR } from "../support/weir.ts";
import {
  type CanaryServer,
  Heard,
  PARAMETERS,
  rewrite,
  SECRET,
  signed,
  startEdge,
  startOrigin,
  WAIT_MS,
} from "./canary-servers.ts";

const LIMIT = { timeout: 90_000 };
const PAGE = `http://user:${SECRET}@pages.example/?token=${SECRET}`;
const clip = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));

const heard = new Heard();
/** Signatures are secrets too. */
const signatures = new Set<string>();
let hooks: HookServer;
let origin: CanaryServer;
let edge: CanaryServer;
const broken = join(makeScratch(), "broken");
const open: { close(): void }[] = [];

function query(action: "publish" | "play", stream: string): string {
  const text = signed(action, stream);
  signatures.add(new URLSearchParams(text).get("sign") ?? "");
  return text;
}

function peer(mode: "publish" | "play", { ports }: CanaryServer, name: string): RtmpPeer {
  const url = `rtmp://127.0.0.1:${ports.rtmp}/live/${name}`;
  const one = new RtmpPeer(url, mode, { pageUrl: PAGE, swfUrl: PAGE });
  open.push(one);
  return one;
}

async function publishTo(server: CanaryServer, name: string): Promise<ClipPublisher> {
  const publisher = new ClipPublisher(await peer("publish", server, name).waitReady(WAIT_MS), clip);
  open.push(publisher);
  return publisher;
}

/** Waits until it is refused; what it was told is heard. */
async function assertRefused(what: string, one: RtmpPeer): Promise<void> {
  await one.waitEnd(WAIT_MS);
  assert.equal(one.isReady, false, what);
  heard.add(what, [...one.statuses, ...one.descriptions].join("\n"));
}

function askWithPage(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { referer: PAGE, "user-agent": SECRET, ...init.headers };
  const signal = AbortSignal.timeout(WAIT_MS);
  return fetch(url, { redirect: "manual", signal, ...init, headers });
}

async function watch(what: string, url: string, bytes = 1000): Promise<void> {
  const viewer = new HttpViewer(url);
  open.push(viewer);
  await viewer.waitBody(what, (body) => body.length > bytes, WAIT_MS);
  heard.add(`${what}: headers`, JSON.stringify(viewer.headers));
}

function watchSocket(what: string, url: string): Promise<void> {
  const socket = new WebSocket(url, { rejectUnauthorized: false, origin: PAGE });
  open.push({ close: () => socket.terminate() });
  return new Promise((resolve, reject) => {
    socket.on("upgrade", ({ headers }) => heard.add(`${what}: headers`, JSON.stringify(headers)));
    socket.on("message", () => resolve());
    socket.on("error", reject);
  });
}

function watchHttps(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, rejectUnauthorized: false } as const;
    const request = get(url, options, (answer) => answer.once("data", () => resolve()));
    request.on("error", reject);
    open.push({ close: () => request.destroy() });
  });
}

/** Every path of the API's own description, metrics and the console. */
async function listenToApi(server: CanaryServer, name: string): Promise<void> {
  const { credentials: authorization, ports } = server;
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    askWithPage(`http://127.0.0.1:${ports.api}${path}`, init);
  const headers = { authorization };
  const described = await ask("/api/v1/openapi.json", { headers });
  const { paths } = (await described.json()) as Description;
  const rpcs = ["raw", "plan", "reload", "reload-fetch", "query", SECRET];
  const more = [
    ...rpcs.map((rpc) => `/api/v1/raw?rpc=${rpc}&token=${SECRET}`),
    `/api/v1/clients/${SECRET}`,
    `/api/v1/streams?vhost=${SECRET}&count=50`,
    "/console/",
  ];
  for (const path of [...Object.keys(paths), ...more]) {
    const mark = path.includes("?") ? "&" : "?";
    const full = `${path.replace("{id}", "none")}${mark}token=${SECRET}`;
    await heard.addAnswer(`${name}: ${path}`, await ask(full, { headers }));
    await heard.addAnswer(`${name}: ${path} without`, await ask(full));
  }
  const wrong = { authorization: authorization.replace(/^(\w+) .*/, `$1 ${SECRET}`) };
  assert.equal(
    await heard.addAnswer(`${name}: wrong`, await ask("/api/", { headers: wrong })),
    401,
  );
}

before(async () => {
  hooks = await HookServer.start();
  origin = await startOrigin(hooks, broken);
  edge = await startEdge(origin);
});

after(async () => {
  for (const one of open) {
    one.close();
  }
  await Promise.all([origin?.weir.stop(), edge?.weir.stop()]);
  await hooks?.close();
});

describe("one secret in everything", LIMIT, () => {
  test("published and played by RTMP and RTMPS", async () => {
    await publishTo(origin, `show${query("publish", "show")}`);
    for (const vhost of ["ts", "aac", "mp3"]) {
      await publishTo(origin, `show?vhost=${vhost}.test&${PARAMETERS}`);
    }
    await peer("play", origin, `show${query("play", "show")}`).waitReady(WAIT_MS);
    const secure = connectTls({
      host: "127.0.0.1",
      port: origin.ports.rtmps,
      rejectUnauthorized: false,
    });
    open.push(new StampedPublisher(await publish(secure, `tls${query("publish", "tls")}`)));
    const ofApp = `rtmp://user:${SECRET}@127.0.0.1:${origin.ports.rtmp}/live?vhost=ts.test&${PARAMETERS}/show`;
    const player = new RtmpPeer(ofApp, "play");
    open.push(player);
    await player.waitReady(WAIT_MS);
  });

  test("watched by HTTP, HTTPS, WebSocket and HLS", async () => {
    const { http, https } = origin.ports;
    const own = (): string => query("play", "show");
    await watch("HTTP-FLV", `http://127.0.0.1:${http}/live/show.flv${own()}`);
    await watchHttps(`https://127.0.0.1:${https}/live/show.flv${own()}`);
    await watchSocket("WS", `ws://127.0.0.1:${http}/live/show.flv${own()}`);
    await watchSocket("WSS", `wss://127.0.0.1:${https}/live/show.flv${own()}`);
    const other = (form: string): string =>
      `http://127.0.0.1:${http}/live/show.${form}?vhost=${form}.test&${PARAMETERS}`;
    await watch("HTTP-TS", other("ts"));
    await watch("HTTP-AAC", other("aac"));
    const silent = new HttpViewer(other("mp3"));
    open.push(silent);
    for (const [what, url] of [
      ["HLS", `http://127.0.0.1:${http}/live/show.m3u8${own()}`],
      ["HLS without sessions", other("aac").replace(".aac?", ".m3u8?")],
    ] as const) {
      const listed = await askWithPage(url);
      const text = await listed.text();
      assert.equal(listed.status, 200, `${what}: ${text}`);
      const [uri = ""] = /^[^#\n]+$/m.exec(text) ?? [];
      const next = await askWithPage(String(new URL(uri, url)));
      await heard.addAnswer(`${what}: what it lists`, next);
      assert.equal(next.status, 200, what);
    }
  });

  test("refused by every protocol", async () => {
    const { http, https } = origin.ports;
    const wrong = `?expires=1999999999&sign=${SECRET}&${PARAMETERS}`;
    const forged = `?jwt=${SECRET}.${SECRET}.${SECRET}&${PARAMETERS}`;
    for (const bad of [wrong, forged, `?${PARAMETERS}`, query("play", "other")]) {
      await assertRefused("publish", peer("publish", origin, `show${bad}`));
      await assertRefused("play", peer("play", origin, `show${bad}`));
      for (const path of ["show.flv", "show.m3u8", "none.ts", "none.html"]) {
        const answer = await askWithPage(`http://127.0.0.1:${http}/live/${path}${bad}`);
        const status = await heard.addAnswer(`GET ${path}`, answer);
        assert.ok(status === 403 || status === 404, `${path} ${status}`);
      }
    }
    const nowhere = new RtmpPeer(`${PAGE.replace("http", "rtmp")}/x`, "play");
    open.push(nowhere);
    const odd = new WireClient(
      origin.ports.rtmp,
      Buffer.from(`GET /?token=${SECRET} HTTP/1.1\r\n`),
    );
    await odd.waitEnd(WAIT_MS);
    const plain = new WireClient(https, Buffer.from(`GET /?token=${SECRET} HTTP/1.1\r\n\r\n`));
    await plain.waitEnd(WAIT_MS);
    hooks.answers.set("on_play", "code 1");
    await assertRefused("callback", peer("play", origin, `show${query("play", "show")}`));
    hooks.answers.set("on_play", "garbage");
    await assertRefused("callback", peer("play", origin, `show${query("play", "show")}`));
    hooks.answers.clear();
  });

  test("E-27 callbacks carry parameters as they were sent", () => {
    const [note] = hooks.of("on_publish");
    const param = String(note?.fields.param);
    assert.match(param, /^\?expires=\d+&sign=[\w-]{43}&token=CANARY/);
    assert.ok(param.endsWith(PARAMETERS), param);
    const { authorization } = note?.headers ?? {};
    assert.equal(authorization, `Basic ${btoa(`user:${SECRET}`)}`);
  });

  test("pulled, pushed and refused through an edge", async () => {
    const { http } = edge.ports;
    const own = (): string => query("play", "show");
    const player = await peer("play", edge, `show${own()}`).waitReady(WAIT_MS);
    await player.waitFrames(20, WAIT_MS);
    await watch("edge FLV", `http://127.0.0.1:${http}/live/show.flv${own()}`);
    await watch("pull by HTTP", `http://127.0.0.1:${http}/live/show.flv${own()}&vhost=flv.test`);
    await publishTo(edge, `pushed${query("publish", "pushed")}`);
    await peer("play", origin, `pushed${query("play", "pushed")}`).waitFrames(5, WAIT_MS);
    const bad = `?expires=1999999999&sign=${SECRET}&${PARAMETERS}`;
    await assertRefusedLater(peer("play", edge, `secret${bad}`));
    await assertRefusedLater(peer("publish", edge, `secret${bad}`));
    const viewer = await askWithPage(`http://127.0.0.1:${http}/live/x.flv${bad}&vhost=flv.test`);
    await heard.addAnswer("edge refused by HTTP", viewer);
    const log = edge.weir.log();
    assert.match(log, /edge-pull|pull/);
  });

  test("listed, asked, kicked and reloaded by the API", async () => {
    await listenToApi(origin, "origin");
    await listenToApi(edge, "edge");
    const { api } = origin.ports;
    const headers = { authorization: origin.credentials };
    const clients = await askWithPage(`http://127.0.0.1:${api}/api/v1/clients`, { headers });
    const { clients: listed } = (await clients.json()) as { clients: { id: string }[] };
    assert.ok(listed.length > 5, "clients were listed with their secrets masked");
    const kick = `http://127.0.0.1:${api}/api/v1/clients/${listed[0]?.id}?token=${SECRET}`;
    await heard.addAnswer("kick", await askWithPage(kick, { headers, method: "DELETE" }));
    assert.match(heard.of("origin: /api/v1/clients"), /\*\*\*/);
    assert.match(heard.of("origin: /api/v1/console/settings"), /hook_secret/);
  });

  test("in configurations that are compared, and in those that are wrong", async () => {
    const headers = { authorization: origin.credentials };
    const ask = (rpc: string): Promise<Response> =>
      askWithPage(`http://127.0.0.1:${origin.ports.api}/api/v1/raw?rpc=${rpc}`, { headers });
    const { conf } = origin;
    const other = join(makeScratch(), "other.conf");
    const wrong = [
      conf.replace(/hook_secret \S+/, `hook_secret ${SECRET} ${SECRET}`),
      conf.replace(/hook_secret \S+;/, `hook_secret ${SECRET}`),
      conf.replace(/hook_secret \S+;/, `hook_secret "${SECRET};`),
      conf.replace(/hook_secret \S+;/, `hook_secret { ${SECRET}; }`),
      conf.replace(/password \S+/, `password ${SECRET} ${SECRET}`),
      conf.replace(/jwt_secret \S+;/, `jwt_secret ${SECRET};`),
      conf.replace(/secret \S+-token-key;/, `secret "";`),
      conf.replaceAll("on_play http:", "on_play ftp:"),
      conf.replaceAll(/on_play \S+/g, `on_play http://user:${SECRET}@[::/x?key=${SECRET}`),
      conf.replace("forward 127.0.0.1:1;", `cluster { mode remote; origin user:${SECRET}@h; }`),
    ];
    const next = conf.replaceAll(`${SECRET}-`, `${SECRET}+`).replaceAll("?key=", "?k=1&key=");
    for (const [index, text] of [next, ...wrong].entries()) {
      writeFileSync(other, text);
      if (index < 3) {
        const args = ["-t", "--diff", origin.file, "-c", other];
        const { stdout, stderr } = await runCommand(WEIR, args, { timeoutMs: WAIT_MS });
        heard.add(`weir ${args.join(" ")} of ${index}`, stdout + stderr);
      }
      rewrite(origin, text);
      await heard.addAnswer(`plan of ${index}`, await ask("plan"));
      await heard.addAnswer(`reload of ${index}`, await ask("reload"));
    }
    rewrite(origin, conf);
    await heard.addAnswer("reload", await ask("reload"));
    assert.match(heard.of("plan of 0"), /hook_secret/);
    assert.match(heard.of("reload of 0"), /on_play/);
  });

  test("while a shard dies", async () => {
    assert.doesNotMatch(readLog(), /died/);
    writeFileSync(broken, "");
    const hasDied = (): boolean => readLog().includes("died: broken");
    await waitUntil("a shard dies", hasDied, WAIT_MS);
    rmSync(broken);
  });

  test("is found nowhere but there", async () => {
    for (const one of open.splice(0)) {
      one.close();
    }
    await Promise.all([origin.weir.stop(), edge.weir.stop()]);
    heard.addServer("origin", origin);
    heard.addServer("edge", edge);
    assert.ok(heard.count > 150, `only ${heard.count} texts were heard`);
    assert.match(readLog(), /on_play|refused/);
    assert.deepEqual(heard.leaks([...signatures]), []);
  });
});

function readLog(): string {
  return readFileSync(join(origin.directory, "weir.log"), "utf8");
}

/** By the origin, after the edge had taken it. */
async function assertRefusedLater(one: RtmpPeer): Promise<void> {
  await one.waitEnd(WAIT_MS);
  heard.add("refused by the origin", [...one.statuses, ...one.descriptions].join("\n"));
}
