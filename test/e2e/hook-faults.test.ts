/** Threads that die, and origins: each client's callbacks come once and in order, whatever it was that went. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { WebSocket } from "ws";
import type { ShardLink } from "../../src/main/shards/shard-link.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { makeCertificate } from "../support/certificates.ts";
import type { Frame } from "../support/flv-file.ts";
import { HlsClient } from "../support/hls-client.ts";
import { HOOK_ACTIONS } from "../support/hook-bench.ts";
import { assertOrdered } from "../support/hook-order.ts";
import { type HookNote, HookServer } from "../support/hook-server.ts";
import { MultiPeer } from "../support/multi-peer.ts";
import { type ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { closeAll, startEdge, startNode, WAIT_MS } from "./edge-nodes.ts";
import { makeHlsClip, publishTo } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const LIMITS = { watchMs: 50, hangWarnMs: 500, hangKillMs: 1500, crashesMax: 1000 };

let frames: Frame[];

before(async () => {
  frames = await makeHlsClip();
});

/** A viewer by HTTP or WebSocket that is let in. */
interface Viewer {
  isOver(): boolean;
  close(): void;
}

async function viewByHttp(port: number): Promise<Viewer> {
  let [isIn, isOver] = [false, false];
  const over = (): void => {
    isOver = true;
  };
  const request = get(`http://127.0.0.1:${port}/live/a.flv`, { agent: false }, (response) => {
    response.on("data", () => {
      isIn = true;
    });
    response.on("error", over).on("close", over);
  }).on("error", over);
  await waitUntil("it watches", () => isIn || isOver, WAIT_MS);
  return { isOver: () => isOver, close: () => request.destroy() };
}

async function viewBySocket(port: number): Promise<Viewer> {
  let [isIn, isOver] = [false, false];
  const over = (): void => {
    isOver = true;
  };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live/a.flv`);
  socket.on("message", () => {
    isIn = true;
  });
  socket.on("close", over).on("error", over);
  await waitUntil("it watches", () => isIn || isOver, WAIT_MS);
  return { isOver: () => isOver, close: () => socket.terminate() };
}

function sessionsOf(hooks: HookServer, action: string): string[] {
  return hooks.of(action).map(({ fields }) => String(fields.client_id));
}

describe("a thread that dies", () => {
  let hooks: HookServer;
  let weir: InProcess;
  let http: number;
  let rtmps: number;
  let publisher: ClipPublisher;

  before(async () => {
    hooks = await HookServer.start();
    [http, rtmps] = [await findFreePort(), await findFreePort()];
    const { key, certificate } = makeCertificate();
    weir = await startInProcess({
      workers: 1,
      directives: `http_backend uws; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }
        rtmps { enabled on; listen 127.0.0.1:${rtmps}; key ${key}; cert ${certificate}; }`,
      vhost: `http_remux { enabled on; } ${hooks.directives(HOOK_ACTIONS)}
        hls { enabled on; hls_fragment 0.4; hls_window 4; hls_path ${makeScratch()}; }`,
      limits: LIMITS,
    });
    publisher = await publishTo(weir.port, "a", frames);
  });

  afterEach(async () => {
    hooks.delayMs = 0;
  });

  after(async () => {
    publisher?.close();
    await weir?.close();
    await hooks?.close();
    assertOrdered(hooks.notes);
  });

  /** Only the publisher is left, and all is told. */
  async function settle(): Promise<void> {
    const { server } = weir;
    const isOver = (): boolean =>
      server.clients.connections <= 1 &&
      server.lobby.size === 0 &&
      server.hooks.backlog.count === 0;
    await waitUntil("all have left, all is told", isOver, WAIT_MS);
  }

  const linkOf = (role: ShardLink["role"]): ShardLink | undefined =>
    weir.server.supervisor.links.find((link) => link?.role === role);

  async function breakOne(role: ShardLink["role"], fault: "throw" | "hang"): Promise<void> {
    const broken = linkOf(role);
    void broken?.fault(fault).catch(() => undefined);
    const isBack = (): boolean => linkOf(role) !== broken && linkOf(role)?.isAlive === true;
    await waitUntil("another one runs", isBack, WAIT_MS);
  }

  test("a gateway: on_stop of FLV and WebSocket once, sessions of HLS stay", LIMIT, async () => {
    const client = new HlsClient(http);
    const own = await client.session("/live/a.m3u8");
    await client.get(own);
    const viewers = await Promise.all([viewByHttp(http), viewBySocket(http), viewByHttp(http)]);
    await waitUntil("all are asked", () => hooks.of("on_play").length >= 4, WAIT_MS);
    const stopped = hooks.of("on_stop").length;
    await breakOne("gateway", "throw");
    await waitUntil("they are let go", () => viewers.every((one) => one.isOver()), WAIT_MS);
    const isTold = (): boolean => hooks.of("on_stop").length >= stopped + viewers.length;
    await waitUntil("their ends are told", isTold, WAIT_MS);
    await waitUntil("it listens", () => isListening(http), WAIT_MS);
    const asked = hooks.of("on_play").length;
    assert.equal((await client.get(own)).status, 200);
    assert.equal(hooks.of("on_play").length, asked, "the session of HLS goes on");
    const again = await viewByHttp(http);
    again.close();
    await settle();
    const [plays, stops] = [sessionsOf(hooks, "on_play"), sessionsOf(hooks, "on_stop")];
    const [session] = plays.filter((one) => !stops.includes(one));
    assert.deepEqual([...stops, session].sort(), [...plays].sort());
  });

  test("the packager: on_stop of a session of HLS, on_play when it goes on", LIMIT, async () => {
    const client = new HlsClient(http);
    const own = await client.session("/live/a.m3u8");
    const id = /hls_ctx=(\w+)/.exec(own)?.[1] ?? assert.fail(own);
    const countOf = (action: string): number =>
      sessionsOf(hooks, action).filter((one) => one === id).length;
    assert.deepEqual([countOf("on_play"), countOf("on_stop")], [1, 0]);
    await breakOne("packager", "throw");
    await waitUntil("its end is told", () => countOf("on_stop") > 0, WAIT_MS);
    const isServed = async (): Promise<boolean> => (await client.get(own)).status === 200;
    await waitUntil("it is served again", isServed, WAIT_MS);
    assert.deepEqual([countOf("on_play"), countOf("on_stop")], [2, 1]);
  });

  test("TLS: clients of RTMPS have their ends, once", LIMIT, async () => {
    const socket = connect({ host: "127.0.0.1", port: rtmps, rejectUnauthorized: false });
    const peer = new RtmpPeer(`rtmps://127.0.0.1:${rtmps}/live/a`, "play", { socket });
    await peer.waitReady(WAIT_MS);
    const closed = hooks.of("on_close").length;
    weir.server.tlsFront.fault("throw");
    await waitUntil("its end is told", () => hooks.of("on_close").length > closed, WAIT_MS);
    await settle();
    assert.equal(hooks.of("on_close").length, closed + 1);
    assert.equal(hooks.notes.at(-2)?.action, "on_stop");
  });

  for (const fault of ["throw", "hang"] as const) {
    test(
      `a shard (${fault}) while a client of it is decided about: begin, end and close, in this order`,
      LIMIT,
      async () => {
        const peer = await MultiPeer.connect(weir.port);
        await peer.publish(`own-${fault}`);
        const own = (): HookNote[] => {
          const [begin] = hooks
            .of("on_publish")
            .filter(({ fields: { stream } }) => stream === `own-${fault}`);
          const client = begin?.fields.client_id;
          return hooks.notes.filter(({ fields: { client_id: of } }) => of === client);
        };
        hooks.delayMs = fault === "throw" ? 400 : 3000;
        const stream = await peer.create();
        stream.say("play", null, "later");
        const isAsked = (): boolean => own().some(({ action }) => action === "on_play");
        await waitUntil("it is asked", isAsked, WAIT_MS);
        await breakOne("shard", fault);
        hooks.delayMs = 0;
        const isClosed = (): boolean => own().some(({ action }) => action === "on_close");
        await waitUntil("it is closed", isClosed, WAIT_MS);
        peer.close();
        assert.deepEqual(
          own().map(({ action, fields }) => `${action} ${String(fields.stream ?? "")}`),
          [
            "on_connect ",
            `on_publish own-${fault}`,
            "on_play later",
            ...[`on_unpublish own-${fault}`, "on_stop later"],
            "on_close ",
          ],
        );
        publisher.close();
        await settle();
        publisher = await publishTo(weir.port, "a", frames);
      },
    );
  }
});

test(
  "an edge whose origin goes: players there have one end each; its segments have no client",
  LIMIT,
  async () => {
    const hooks = await HookServer.start();
    try {
      const origin = await startNode("");
      const publisher = await publishTo(origin.weir.port, "a", frames);
      const edge = await startEdge(
        origin.weir.port,
        `} ${hooks.directives([...HOOK_ACTIONS, "on_hls"])} hls { enabled on; hls_fragment 0.4; hls_path ${makeScratch()}; `,
      );
      const player = new RtmpPeer(`rtmp://127.0.0.1:${edge.weir.port}/live/a`, "play");
      await player.waitReady(WAIT_MS);
      await player.waitFrames(5, WAIT_MS);
      const viewers = [await viewByHttp(edge.http), await viewBySocket(edge.http)];
      await waitUntil("a segment is told", () => hooks.of("on_hls").length > 0, WAIT_MS);
      const { client_id: client, stream, ip } = hooks.of("on_hls")[0]?.fields ?? {};
      assert.deepEqual({ client, stream, ip }, { client: "", stream: "a", ip: "" });
      publisher.close();
      await origin.weir.close();
      // Some may be let go, others wait for another origin: all leave at last.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      for (const one of [...viewers, player]) {
        one.close();
      }
      const { server } = edge.weir;
      const isOver = (): boolean => server.connections === 0 && server.hooks.backlog.count === 0;
      await waitUntil("all is told", isOver, WAIT_MS);
      assert.equal(hooks.of("on_play").length, 3);
      assert.equal(hooks.of("on_stop").length, 3);
      assert.equal(hooks.of("on_publish").length + hooks.of("on_unpublish").length, 0);
      assert.equal(assertOrdered(hooks.notes.filter(({ action }) => action !== "on_hls")), 3);
    } finally {
      await closeAll();
      await hooks.close();
    }
  },
);
