/** A client and a server session against each other: any fragmentation of both directions gives the same dialogue. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encodeMessage } from "../../../src/protocol/rtmp/chunk-encoder.ts";
import type { ClientSessionOptions } from "../../../src/protocol/rtmp/client-session.ts";
import { ClientSession } from "../../../src/protocol/rtmp/client-session.ts";
import { ServerSession } from "../../../src/protocol/rtmp/server-session.ts";
import { Wire } from "./client-harness.ts";
import { concat, openHost } from "./session-harness.ts";

const URL = "rtmp://origin/live/show?token=abc&vhost=demo.com";

function open(options: ClientSessionOptions, lengths: () => number): Wire {
  const client = new ClientSession(openHost(), options);
  const wire = new Wire(client, new ServerSession(openHost(), {}), lengths);
  client.start(wire.clientSink);
  wire.settle();
  return wire;
}

function media(
  type: number,
  timestamp: number,
  length: number,
): Parameters<ClientSession["sendMedia"]>[0] {
  const payload = new Uint8Array(length).fill(type);
  return { type, timestamp, payload, chunkStreamId: 0, streamId: 0 };
}

interface Outcome {
  readonly client: readonly string[];
  readonly server: readonly string[];
  readonly up: string;
  readonly down: string;
}

function outcomeOf(wire: Wire): Outcome {
  return {
    client: wire.clientSink.events,
    server: wire.serverSink.events,
    up: Buffer.from(concat(...wire.clientBytes)).toString("base64"),
    down: Buffer.from(concat(...wire.serverBytes)).toString("base64"),
  };
}

function publish(lengths: () => number, options: Partial<ClientSessionOptions> = {}): Outcome {
  const wire = open({ url: URL, mode: "publish", chunkSizeOut: 1000, ...options }, lengths);
  const { client, clientSink } = wire;
  assert.equal(client.isReady, true);
  client.sendMedia(media(8, 0, 7), clientSink);
  client.sendMedia(media(9, 0xff_ff_ff, 2500), clientSink);
  const parts: Uint8Array[] = [];
  client.encode(media(9, 0x01_00_00_00, 10), {
    put: (source, start, end) => parts.push(source.slice(start, end)),
  });
  clientSink.write(concat(...parts));
  wire.settle();
  client.close(clientSink);
  wire.settle();
  return outcomeOf(wire);
}

function play(lengths: () => number): Outcome {
  const wire = open({ url: URL, mode: "play" }, lengths);
  const { server, serverSink } = wire;
  const send = (type: number, timestamp: number, length: number): void => {
    const header = { chunkStreamId: 6, type, streamId: 1, timestamp };
    serverSink.write(encodeMessage(header, new Uint8Array(length).fill(2), server.chunkSizeOut));
  };
  send(18, 0, 20);
  send(9, 0, 70_000);
  send(8, 23, 9);
  wire.settle();
  wire.client.close(wire.clientSink);
  wire.settle();
  return outcomeOf(wire);
}

describe("client against server", { timeout: 60_000 }, () => {
  const all = (): number => Number.MAX_SAFE_INTEGER;
  const frames = (type: number, time: number, length: number): string =>
    `media 1 ${type} ${time} ${Buffer.alloc(length, type).toString("hex")}`;

  it("publish in FMLE's order, with media and goodbye", () => {
    const { client, server } = publish(all);
    assert.deepEqual(server, [
      "connect demo.com live",
      "publish 1 demo.com/live/show?token=abc fmle-publish",
      frames(8, 0, 7),
      frames(9, 0xff_ff_ff, 2500),
      frames(9, 0x01_00_00_00, 10),
      "close 1",
    ]);
    const status = "status status NetStream.Publish.Start Started publishing stream.";
    assert.deepEqual(client, [status, "ready"]);
  });

  it("3.7 publish as SRS's edges do is seen as flash-publish", () => {
    const { server } = publish(all, { announce: false });
    assert.equal(server[1], "publish 1 demo.com/live/show?token=abc flash-publish");
  });

  it("play", () => {
    const { client, server } = play(all);
    const options = JSON.stringify({ start: -2, durationMs: 0, reset: true });
    assert.deepEqual(server, [
      "connect demo.com live",
      `play 1 demo.com/live/show?token=abc ${options}`,
      "close 1",
    ]);
    assert.deepEqual(client.slice(0, 4), [
      "status status NetStream.Play.Reset Playing and resetting stream.",
      "status status NetStream.Play.Start Started playing stream.",
      "ready",
      "media 18 0 0200117c52746d7053616d706c6541636365737301010101",
    ]);
    assert.deepEqual(
      client.slice(4).map((line) => line.slice(0, 10)),
      ["media 18 0", "media 9 0 ", "media 8 23"],
    );
  });

  it("B-29 each form of the handshake", () => {
    for (const digest of ["simple", "scheme0", "scheme1"] as const) {
      assert.equal(publish(all, { digest }).client.at(-1), "ready");
    }
  });

  for (const [name, run] of [
    ["publish", publish],
    ["play", play],
  ] as const) {
    it(`${name}: any fragmentation of both directions`, () => {
      const whole = run(all);
      const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 40 });
      fc.assert(
        fc.property(sizes, (lengths) => {
          let turn = 0;
          const next = (): number => lengths[turn++ % lengths.length] ?? 1;
          assert.deepEqual(run(next), whole);
        }),
        { numRuns: 60 },
      );
    });
  }
});
