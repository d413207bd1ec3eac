/** Callbacks about clients that come over TLS: RTMPS, HTTPS-FLV, HTTPS-TS, secure WebSockets, and HLS over HTTPS. */
import assert from "node:assert/strict";
import { get } from "node:https";
import { after, afterEach, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { makeCertificate } from "../support/certificates.ts";
import { type HookNote, HookServer } from "../support/hook-server.ts";
import { type ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeHlsClip, publishTo } from "./hls-runs.ts";

const WAIT_MS = 20_000;
const LIMIT = { timeout: 60_000 };
const ACTIONS = ["on_connect", "on_close", "on_publish", "on_unpublish", "on_play", "on_stop"];
/** Not what the threads of weir talk to each other by. */
const CLIENT = "127.0.0.8";
const PAGE = "https://page.example/watch";

let hooks: HookServer;
let weir: InProcess;
let https: number;
let rtmps: number;
let publishers: ClipPublisher[];

before(async () => {
  hooks = await HookServer.start();
  [https, rtmps] = [await findFreePort(), await findFreePort()];
  const http = await findFreePort();
  const { key, certificate } = makeCertificate();
  const files = `key ${key}; cert ${certificate};`;
  weir = await startInProcess({
    workers: 1,
    directives: `http_backend uws; gateways 1; rtmps { enabled on; listen 127.0.0.1:${rtmps}; ${files} }
      http_server { enabled on; listen 127.0.0.1:${http}; https { enabled on; listen 127.0.0.1:${https}; ${files} } }
      vhost ts { http_remux { enabled on; mount [vhost]/[app]/[stream].ts; } ${hooks.directives(ACTIONS)} }`,
    vhost: `http_remux { enabled on; } hls { enabled on; hls_fragment 0.4; hls_window 1; hls_path ${makeScratch()}; }
      ${hooks.directives(ACTIONS)}`,
  });
  const clip = await makeHlsClip();
  publishers = await Promise.all(
    ["a", "a?vhost=ts"].map((name) => publishTo(weir.port, name, clip)),
  );
  hooks.notes.length = 0;
});

afterEach(async () => {
  const isOver = (): boolean =>
    weir.server.connections === 2 && weir.server.hooks.backlog.count === 0;
  await waitUntil("everybody has left", isOver, WAIT_MS);
  hooks.notes.length = 0;
});

after(async () => {
  for (const publisher of publishers ?? []) {
    publisher.close();
  }
  await weir?.close();
  await hooks?.close();
});

function secure(): TLSSocket {
  const to = { host: "127.0.0.1", port: rtmps, localAddress: CLIENT };
  return connect({ ...to, rejectUnauthorized: false });
}

async function told(action: string): Promise<HookNote> {
  await waitUntil(action, () => hooks.of(action).length > 0, WAIT_MS);
  const [note, ...more] = hooks.of(action);
  assert.ok(note !== undefined && more.length === 0, `${action} came once`);
  return note;
}

/** Fields that the begin and the end of the same use have in common. */
async function assertPair(begin: string, end: string, wanted: object): Promise<void> {
  const [{ fields: first }, { fields: last }] = [await told(begin), await told(end)];
  const { pageUrl: _, ...rest } = first;
  assert.deepEqual({ ...rest, action: end }, last);
  for (const [name, value] of Object.entries(wanted)) {
    assert.equal(first[name], value, name);
  }
}

for (const [mode, begin, end] of [
  ["publish", "on_publish", "on_unpublish"],
  ["play", "on_play", "on_stop"],
] as const) {
  test(`RTMPS, ${mode}: the client's address, tcUrl and parameters`, LIMIT, async () => {
    const stream = mode === "play" ? "a" : "b";
    const url = `rtmps://localhost:${rtmps}/live/${stream}?key=1`;
    const socket = secure();
    const peer = new RtmpPeer(url, mode, { socket, pageUrl: PAGE });
    await peer.waitReady(WAIT_MS);
    peer.close();
    const tcUrl = `rtmps://localhost:${rtmps}/live`;
    const client = { ip: CLIENT, vhost: "__defaultVhost__", app: "live" };
    await assertPair(begin, end, { ...client, tcUrl, stream, param: "?key=1" });
    const [on, off] = [await told("on_connect"), await told("on_close")];
    const { ip, tcUrl: connected, pageUrl } = on.fields;
    assert.deepEqual({ ip, connected, pageUrl }, { ip: CLIENT, connected: tcUrl, pageUrl: PAGE });
    assert.equal(off.fields.ip, CLIENT);
    assert.equal(off.fields.client_id, on.fields.client_id);
    const { send_bytes: sent, recv_bytes: received } = off.fields;
    assert.ok(Number(sent) > 3000 && Number(received) > 3000, "bytes of RTMP");
  });
}

test("RTMPS, refused: no Start, and its end is told", LIMIT, async () => {
  hooks.answers.set("on_publish", "code 1");
  const peer = new RtmpPeer(`rtmps://localhost:${rtmps}/live/b`, "publish", { socket: secure() });
  await peer.waitEnd(WAIT_MS);
  assert.equal(peer.isReady, false);
  await told("on_close");
  assert.equal(hooks.of("on_unpublish").length, 0);
  hooks.answers.clear();
});

/** A viewer that is let in, and leaves. */
async function viewByHttps(path: string): Promise<void> {
  const from = { agent: false, rejectUnauthorized: false, localAddress: CLIENT };
  const headers = { referer: PAGE };
  const request = get(`https://127.0.0.1:${https}${path}`, { ...from, headers });
  request.on("error", () => undefined);
  await new Promise<void>((resolve) =>
    request.on("response", (one) => one.once("data", () => resolve())),
  );
  request.destroy();
}

async function viewBySocket(path: string): Promise<void> {
  const from = { rejectUnauthorized: false, localAddress: CLIENT };
  const headers = { referer: PAGE };
  const socket = new WebSocket(`wss://127.0.0.1:${https}${path}`, { ...from, headers });
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => void socket.once("message", () => resolve()));
  socket.terminate();
}

for (const [what, path, vhost, view] of [
  ["HTTPS-FLV", "/live/a.flv?key=2", "__defaultVhost__", viewByHttps],
  ["HTTPS-TS", "/live/a.ts?key=2&vhost=ts", "ts", viewByHttps],
  ["WSS-FLV", "/live/a.flv?key=2", "__defaultVhost__", viewBySocket],
] as const) {
  test(`${what}: the viewer's address, page and parameters`, LIMIT, async () => {
    await view(path);
    const streamUrl = `${vhost === "ts" ? "ts" : ""}/live/a`;
    const place = { vhost, app: "live", stream: "a", stream_url: streamUrl };
    const tcUrl = `rtmp://${vhost}/live`;
    const wanted = {
      ip: CLIENT,
      ...place,
      tcUrl,
      param: path.slice(path.indexOf("?")),
      pageUrl: PAGE,
    };
    await assertPair("on_play", "on_stop", wanted);
    assert.equal(hooks.of("on_connect").length + hooks.of("on_close").length, 0, "RTMP's only");
  });
}

test("HLS over HTTPS: once for each session", LIMIT, async () => {
  const fetchText = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { referer: PAGE };
      const from = { agent: false, rejectUnauthorized: false, localAddress: CLIENT, headers };
      get(`https://127.0.0.1:${https}${path}`, from, (response) => {
        let text = "";
        response.on("data", (part: Buffer) => {
          text += part.toString();
        });
        response.on("end", () => resolve(text));
      }).on("error", reject);
    });
  const master = await fetchText("/live/a.m3u8?key=3&x=a%20+b");
  const own = /^.*hls_ctx=.*$/m.exec(master)?.[0] ?? assert.fail(master);
  await fetchText(own.startsWith("/") ? own : `/live/${own}`);
  const place = { ip: CLIENT, stream: "a", tcUrl: "rtmp://127.0.0.1/live" };
  await assertPair("on_play", "on_stop", { ...place, param: "?key=3&x=a%20+b", pageUrl: PAGE });
});
