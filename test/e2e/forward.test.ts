/** Streams that are sent on to other servers: destinations that come and go, backends, reloads; and who must not notice. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { type InProcess, shardOf, startInProcess } from "../main/accept/in-process.ts";
import { makeCertificate } from "../support/certificates.ts";
import { HookServer } from "../support/hook-server.ts";
import { MultiPeer } from "../support/multi-peer.ts";
import { RecordingOrigin } from "../support/recording-origin.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, waitUntil } from "../support/scratch.ts";
import { clip, closeAll, closeLater, play, publishTo, WAIT_MS } from "./edge-nodes.ts";
import { assertWhole, mediaOf, openOrigin, order } from "./forward-nodes.ts";

const LIMIT = { timeout: 60_000 };
const KEY = "never-to-be-seen";

/** Sends on. */
let weir: InProcess;
/** Is sent to. */
let far: InProcess;
let securePort = 0;
let hooks: HookServer;
/** A server that takes connections and says nothing. */
let mute: Server;
const muted = new Set<Socket>();
const open: { close(): void }[] = [];

before(async () => {
  hooks = await HookServer.start();
  mute = createServer((socket) => {
    muted.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  [weir, far] = await Promise.all([
    startInProcess({ directives: "exporter { enabled on; }" }),
    startInProcess({ directives: await secure() }),
  ]);
});

after(async () => {
  for (const one of open) {
    one.close();
  }
  await closeAll();
  for (const socket of muted) {
    socket.destroy();
  }
  mute?.close();
  await Promise.all([weir?.close(), far?.close(), hooks?.close()]);
});

beforeEach(() => {
  hooks.notes.length = 0;
  hooks.answers.clear();
});

/** Directives by which the far server listens for RTMP over TLS too. */
async function secure(): Promise<string> {
  const { key, certificate } = makeCertificate();
  securePort = await findFreePort();
  return `rtmps { enabled on; listen 127.0.0.1:${securePort}; key ${key}; cert ${certificate}; }`;
}

async function publish(name: string): Promise<ClipPublisher> {
  const publisher = await publishTo(weir.port, name);
  open.push(publisher);
  return publisher;
}

async function forward(directives: string, more = ""): Promise<void> {
  const block = directives === "" ? "" : `forward { enabled on; ${directives} }`;
  const vhost = `${block} ${more}`;
  const report = await weir.reload({ directives: "exporter { enabled on; }", vhost });
  assert.equal(report.error, undefined, JSON.stringify(report));
}

function lines(pattern: RegExp): string[] {
  return weir
    .log()
    .split("\n")
    .filter((line) => pattern.test(line));
}

function counted(state: "works" | "waits"): number {
  return weir.server.forwards.counts[state];
}

async function gets(origin: RecordingOrigin, stream: string, frames = 5): Promise<void> {
  const enough = (): boolean => mediaOf(origin.received(stream)).length >= frames;
  await waitUntil(`${frames} frames come`, enough, WAIT_MS);
}

test(
  "every destination gets what is published, byte for byte, with name, vhost and parameters",
  LIMIT,
  async () => {
    const { origin, at } = await openOrigin();
    await forward(`destination 127.0.0.1:${far.port} ${at};`);
    const watcher = play(weir.port, "all");
    const publisher = await publish("all?vhost=live.example&key=1");
    const player = play(far.port, "all?vhost=live.example");
    await gets(origin, "all", 30);
    await waitUntil("a player there gets it", () => player.received.length > 30, WAIT_MS);
    publisher.pause();
    // From the very first frame on.
    assert.equal(mediaOf(origin.received("all"))[0], order[0]);
    assertWhole(origin.received("all"));
    assertWhole(player.received);
    assertWhole(watcher.received);
    const [asked] = origin.publishes;
    assert.equal(asked?.request.app, "live");
    assert.equal(asked?.request.stream, "all");
    assert.equal(asked?.request.vhost, "live.example");
    assert.equal(asked?.request.param, "?key=1");
    assert.match(asked?.connect?.tcUrl ?? "", /^rtmp:\/\/live\.example:\d+\/live$/);
    publisher.close();
    await waitUntil("it is told", () => origin.ended.includes("all"), WAIT_MS);
    const ended = (): boolean =>
      far.server.coordinator.find("__defaultVhost__/live/all")?.publisher == null;
    await waitUntil("it has ended there", ended, WAIT_MS);
    assert.equal(counted("works") + counted("waits"), 0);
    watcher.close();
    player.close();
  },
);

test(
  "destinations that refuse, hang or die are tried again; publisher, player and others lose nothing",
  LIMIT,
  async () => {
    const { port: mutePort } = mute.address() as AddressInfo;
    const { origin, at } = await openOrigin();
    const { origin: dying, at: dyingAt } = await openOrigin();
    const deadPort = await findFreePort();
    await forward(`destination 127.0.0.1:${deadPort} 127.0.0.1:${mutePort} ${at} ${dyingAt};`);
    const publisher = await publish("faults");
    const watcher = await play(weir.port, "faults").waitReady(WAIT_MS);
    await Promise.all([gets(origin, "faults"), gets(dying, "faults")]);
    dying.reset();
    // Nobody was behind this one until now.
    const late = closeLater(new RecordingOrigin());
    await late.open(deadPort);
    await gets(late, "faults");
    await waitUntil("it is back", () => dying.publishes.length > 1, WAIT_MS);
    const before = dying.received("faults").length;
    await waitUntil("and gets more", () => dying.received("faults").length > before + 10, WAIT_MS);
    await waitUntil("three of four work", () => counted("works") === 3, WAIT_MS);
    publisher.pause();
    assertWhole(origin.received("faults"));
    assertWhole(watcher.received);
    assertWhole(late.received("faults"));
    assert.equal(origin.publishes.length, 1);
    assert.equal(publisher.peer.end, "open");
    publisher.close();
    await waitUntil("all are over", () => counted("works") + counted("waits") === 0, WAIT_MS);
    assert.equal(lines(/forward lost its destination: connect .*faults/).length, 1);
    watcher.close();
  },
);

test(
  "a reload adds, removes and switches off while a stream is published; what stays is not disturbed",
  LIMIT,
  async () => {
    const [one, two] = [await openOrigin(), await openOrigin()];
    await forward("");
    const publisher = await publish("reloaded");
    await forward(`destination ${one.at};`);
    await gets(one.origin, "reloaded");
    await forward(`destination ${one.at} ${two.at};`);
    await gets(two.origin, "reloaded");
    await forward(`destination ${two.at} ${two.at};`);
    await waitUntil("it is told", () => one.origin.ended.length === 1, WAIT_MS);
    const before = two.origin.received("reloaded").length;
    await gets(two.origin, "reloaded", before + 10);
    assert.equal(two.origin.publishes.length, 1);
    assertWhole(two.origin.received("reloaded"));
    await forward("");
    await waitUntil("that too", () => two.origin.ended.length === 1, WAIT_MS);
    assert.equal(publisher.peer.end, "open");
    publisher.close();
    assert.deepEqual(
      lines(/forward (begins|ends), .*reloaded/).map((line) => /forward (\w+)/.exec(line)?.[1]),
      ["begins", "begins", "ends", "ends"],
    );
  },
);

test("a backend says where a stream goes to, and its keys are in no log", LIMIT, async () => {
  const [named, other] = [await openOrigin(), await openOrigin()];
  const urls = [`rtmp://${named.at}/up/${KEY}?token=${KEY}`, ""];
  hooks.answers.set("on_forward", { body: JSON.stringify({ code: 0, data: { urls } }) });
  await forward(
    `backend ${hooks.url("on_forward")} ${hooks.url("second")}; destination ${other.at};`,
  );
  const publisher = await publish("asked?key=1");
  await gets(named.origin, KEY);
  const [note, more] = hooks.of("on_forward");
  assert.equal(more, undefined);
  const { client_id: client, service_id: service, server_id: server, ...rest } = note?.fields ?? {};
  assert.match(String(client), /^[a-z0-9]{8}$/);
  assert.ok(String(service).length > 0 && String(server).length > 0);
  assert.deepEqual(rest, {
    action: "on_forward",
    ip: "127.0.0.1",
    vhost: "__defaultVhost__",
    app: "live",
    tcUrl: `rtmp://127.0.0.1:${weir.port}/live`,
    stream: "asked",
    param: "?key=1",
  });
  const [asked] = named.origin.publishes;
  assert.equal(asked?.request.app, "up");
  assert.equal(asked?.request.param, `?token=${KEY}`);
  assert.equal(other.origin.publishes.length, 0);
  named.origin.refusal = "NetStream.Publish.BadName";
  named.origin.reset();
  await waitUntil("it is told", () => lines(/lost its destination: closed/).length > 0, WAIT_MS);
  assert.equal(lines(new RegExp(KEY)).length, 0);
  // Another backend is asked about what is published, and one that fails changes nothing.
  hooks.answers.set("elsewhere", { body: JSON.stringify({ data: { urls: [] }, code: 1 }) });
  await forward(`backend ${hooks.url("elsewhere")};`);
  await waitUntil("it stays", () => lines(/forwards stay as they are/).length === 1, WAIT_MS);
  assert.equal(counted("waits"), 1);
  const list = [`rtmp://${other.at}/up/reloaded`];
  hooks.answers.set("third", { body: JSON.stringify({ code: 0, data: { urls: list } }) });
  await forward(`backend ${hooks.url("third")};`);
  await gets(other.origin, "reloaded");
  assert.equal(counted("waits"), 0);
  publisher.close();
});

test(
  "a backend that refuses, fails or says something else refuses the publish",
  LIMIT,
  async () => {
    const on = { enabled: hooks.directives(["on_publish", "on_unpublish"]) };
    const vhost = `${on.enabled} forward { enabled on; backend ${hooks.url("on_forward")}; }`;
    await weir.reload({ directives: "exporter { enabled on; }", vhost });
    const answers: readonly (string | { body: string })[] = [
      "code 1",
      "500",
      "0",
      "reset",
      { body: '{"code":0}' },
      { body: '{"code":0,"data":{"urls":"rtmp://a/b/c"}}' },
      { body: '{"code":0,"data":{"urls":["http://a/b/c"]}}' },
      { body: '{"code":0,"data":{"urls":[7]}}' },
      { body: '{"code":0,"data":{"urls":["rtmp://a"]}}' },
    ];
    for (const [index, answer] of answers.entries()) {
      hooks.answers.set("on_forward", answer as { body: string });
      const peer = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/no${index}`, "publish");
      await peer.waitEnd(WAIT_MS);
      assert.ok(!peer.isReady, JSON.stringify(answer));
      assert.deepEqual(peer.statuses, ["NetStream.Publish.Denied"]);
    }
    const told = (): boolean => hooks.of("on_unpublish").length === answers.length;
    await waitUntil("each end is told", told, WAIT_MS);
    assert.equal(weir.server.coordinator.size, 0);
    // A client that leaves meanwhile takes no name along.
    hooks.answers.set("on_forward", "hang");
    const gone = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/yes`, "publish");
    await waitUntil("it is asked", () => hooks.of("on_forward").length > answers.length, WAIT_MS);
    gone.reset();
    await waitUntil("it is gone", () => hooks.of("on_unpublish").length > answers.length, WAIT_MS);
    // An empty list is an answer.
    hooks.answers.set("on_forward", { body: '{"code":0,"data":{"urls":[]}}' });
    (await publish("yes")).close();
  },
);

test(
  "a stream that is sent to its own server is refused there, and nothing spins",
  LIMIT,
  async () => {
    await forward(`destination 127.0.0.1:${weir.port};`);
    const publisher = await publish("circle");
    const player = play(weir.port, "circle");
    await waitUntil(
      "it is refused",
      () => lines(/lost its destination: .*circle/).length > 0,
      WAIT_MS,
    );
    const before = weir.server.forwards.faults.get("refused") ?? 0;
    const count = player.received.length;
    await waitUntil("it goes on", () => player.received.length > count + 25, WAIT_MS);
    const times = (weir.server.forwards.faults.get("refused") ?? 0) - before;
    // A second has passed, or many where the host is slow: once in 0.5 s at the most.
    assert.ok(times < 20, `${times} attempts`);
    assert.equal(publisher.peer.end, "open");
    assert.equal(lines(/lost its destination: .*circle/).length, 1);
    publisher.close();
    player.close();
  },
);

test("a backend may send a stream back under another name", LIMIT, async () => {
  const answer = (urls: string[]): { body: string } => ({
    body: JSON.stringify({ code: 0, data: { urls } }),
  });
  hooks.answers.set("on_forward", answer([]));
  hooks.answers.set("on_forward first", answer([`rtmp://127.0.0.1:${weir.port}/again/second`]));
  await forward(`backend ${hooks.url("on_forward")};`);
  const publisher = await publish("first");
  const player = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/again/second`, "play");
  await waitUntil("it comes", () => player.received.length > 10, WAIT_MS);
  publisher.close();
  player.close();
});

test(
  "a backend may name a destination behind TLS, whose certificate is checked unless told otherwise",
  LIMIT,
  async () => {
    const urls = [`rtmps://127.0.0.1:${securePort}/live/secure`];
    hooks.answers.set("on_forward", { body: JSON.stringify({ code: 0, data: { urls } }) });
    const backend = `backend ${hooks.url("on_forward")};`;
    await forward(backend);
    const publisher = await publish("behind");
    const refused = (): boolean =>
      lines(/lost its destination: connect .*certificate.*behind/).length > 0;
    await waitUntil("it is told", refused, WAIT_MS);
    await forward(backend, "cluster { origin_tls_verify off; }");
    const player = play(far.port, "secure");
    await waitUntil("it comes", () => player.received.length > 10, WAIT_MS);
    assertWhole(player.received);
    publisher.close();
    const ended = (): boolean =>
      far.server.coordinator.find("__defaultVhost__/live/secure")?.publisher == null;
    await waitUntil("it has ended there", ended, WAIT_MS);
    player.close();
  },
);

test(
  "each publish begins anew: of the same name, on the same connection, after its shard died",
  LIMIT,
  async () => {
    const { origin, at } = await openOrigin();
    await forward(`destination ${at};`);
    const comes = async (): Promise<void> => {
      const before = origin.received("again").length;
      await waitUntil("it comes", () => origin.received("again").length > before + 5, WAIT_MS);
    };
    for (const times of [1, 2]) {
      const publisher = await publish("again");
      await comes();
      publisher.close();
      await waitUntil("it is told", () => origin.ended.length === times, WAIT_MS);
    }
    const connection = await MultiPeer.connect(weir.port);
    open.push(connection);
    for (const times of [3, 4]) {
      const stream = await connection.publish("again");
      const publisher = new ClipPublisher(stream, clip);
      await comes();
      publisher.close();
      await waitUntil("that too", () => origin.ended.length === times, WAIT_MS);
    }
    const lost = await publish("again");
    await comes();
    await weir.server.supervisor.links[shardOf(weir.server, "again")]
      ?.fault("throw")
      .catch(() => undefined);
    await lost.peer.waitEnd(WAIT_MS);
    const next = async (): Promise<boolean> => {
      try {
        await publish("again");
        return true;
      } catch {
        // Its name is free when the shard is gone.
        return false;
      }
    };
    await waitUntil("its name is free", next, WAIT_MS);
    await comes();
    assert.equal(counted("works") + counted("waits"), 1);
  },
);
