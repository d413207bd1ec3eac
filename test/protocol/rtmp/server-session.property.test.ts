/** Any cut of the input, with a hand-off at it, gives the same events and the same bytes (DESIGN, "Life of a connection"). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ServerSession } from "../../../src/protocol/rtmp/server-session.ts";
import {
  acceptPending,
  command,
  concat,
  connect,
  handshakeBytes,
  message,
  openHost,
  Recorder,
} from "./session-harness.ts";

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 0xff);
}

const SET_DATA_FRAME = [
  2,
  0,
  13,
  ...Buffer.from("@setDataFrame"),
  2,
  0,
  10,
  ...Buffer.from("onMetaData"),
  5,
];

/** FMLE's order with everything that holds state between messages: windows, pings, long and interleaved messages. */
const PUBLISHING = concat(
  handshakeBytes(),
  connect({ flashVer: "FMLE/3.0", fourCcList: ["hvc1"], pageUrl: "" }),
  message(5, [0, 0x26, 0x25, 0xa0], { chunkStreamId: 2 }),
  command(0, "releaseStream", 2, null, "show"),
  command(0, "FCPublish", 3, null, "show"),
  command(0, "createStream", 4, null),
  command(0, "_checkbw", 5, null),
  command(1, "publish", 6, null, "show?token=abc", "live"),
  message(18, SET_DATA_FRAME, { streamId: 1 }),
  message(8, bytesOf(9, 1), { streamId: 1, timestamp: 20, chunkStreamId: 4 }),
  message(9, bytesOf(300, 2), { streamId: 1, timestamp: 0xff_ff_ff, chunkStreamId: 6 }),
  message(4, [0, 6, 1, 2, 3, 4], { chunkStreamId: 2 }),
  message(9, bytesOf(129, 3), { streamId: 1, timestamp: 0x01_00_00_20, chunkStreamId: 6 }),
  command(0, "FCUnpublish", 7, null, "show"),
  command(0, "deleteStream", 8, null, 1),
  command(0, "createStream", 9, null),
  command(0, "FCPublish", 10, null, "again"),
  command(1, "publish", 11, null, "again"),
  message(8, bytesOf(5, 9), { streamId: 1, timestamp: 99 }),
  command(1, "closeStream", 0, null),
);

const PLAYING = concat(
  handshakeBytes(),
  connect({ objectEncoding: 3 }),
  command(0, "createStream", 2, null),
  command(0, "getStreamLength", 3, null, "show"),
  command(1, "play", 4, null, "show?token=abc", -2000),
  message(4, [0, 3, 0, 0, 0, 1, 0, 0, 11, 184], { chunkStreamId: 2 }),
  message(3, [0, 0, 16, 0], { chunkStreamId: 2 }),
  command(1, "pause", 5, null, true, 100),
  message(4, [0, 6, 1, 2, 3, 4], { chunkStreamId: 2 }),
  command(1, "pause", 6, null, false, 100),
  command(1, "receiveAudio", 0, null, false),
  command(1, "seek", 7, null, 100),
  command(1, "play", 8, null, "other"),
  command(1, "closeStream", 0, null),
  command(0, "deleteStream", 9, null, 1),
);

type Hop = (session: ServerSession) => ServerSession;

const stay: Hop = (session) => session;

/** Posts the session to another thread, as far as a test can. */
const handOff: Hop = (session) =>
  ServerSession.restore(structuredClone(session.snapshot()), openHost());

/** Feeds pieces, accepting decisions; `hop` before each decision's answer and after each piece. */
function run(pieces: readonly Uint8Array[], hop: Hop): { events: string[]; written: string } {
  const sink = new Recorder();
  let session = new ServerSession(openHost(), { serverInfo: { ip: "10.0.0.1", pid: 1, id: "i" } });
  for (const piece of pieces) {
    let at = session.push(piece, sink);
    while (session.isWaiting) {
      session = hop(session);
      acceptPending(session, sink);
      at += session.push(piece.subarray(at), sink);
    }
    assert.equal(at, piece.length);
    session = hop(session);
  }
  return { events: sink.events, written: Buffer.from(sink.written).toString("hex") };
}

describe("server session cut and handed off", { timeout: 60_000 }, () => {
  for (const [name, bytes] of [
    ["publishing", PUBLISHING],
    ["playing", PLAYING],
  ] as const) {
    const whole = run([bytes], stay);

    it(`the recorded ${name} session is worth cutting`, () => {
      assert.ok(whole.events.length >= 7, whole.events.join("\n"));
    });

    it(`${name}: cut and handed off at every byte offset`, () => {
      for (let cut = 0; cut <= bytes.length; cut++) {
        const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
        const outcome = run(pieces, handOff);
        assert.deepEqual(outcome.events, whole.events, `cut at ${cut}`);
        assert.equal(outcome.written, whole.written, `cut at ${cut}`);
      }
    });

    it(`${name}: any fragmentation`, () => {
      const sizes = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 });
      fc.assert(
        fc.property(sizes, fc.boolean(), (lengths, isHopping) => {
          const pieces: Uint8Array[] = [];
          let at = 0;
          for (const length of lengths) {
            pieces.push(bytes.subarray(at, at + length));
            at += length;
          }
          pieces.push(bytes.subarray(at));
          assert.deepEqual(run(pieces, isHopping ? handOff : stay), whole);
        }),
        { numRuns: 60 },
      );
    });

    it(`${name}: one byte at a time`, () => {
      const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
      assert.deepEqual(run(pieces, stay), whole);
    });
  }

  it("a snapshot does not change while the session goes on", () => {
    const sink = new Recorder();
    const session = new ServerSession(openHost(), {});
    session.push(concat(handshakeBytes(), connect()), sink);
    const snapshot = session.snapshot();
    const before = structuredClone(snapshot);
    session.acceptConnect(sink);
    session.push(command(1, "publish", 2, null, "s"), sink);
    session.acceptPublish(1, sink);
    assert.deepEqual(snapshot, before);
  });

  it("the identity survives JSON once connected", () => {
    const sink = new Recorder();
    const session = new ServerSession(openHost(), {});
    session.push(concat(handshakeBytes(), connect({ capsEx: 1 })), sink);
    session.acceptConnect(sink);
    session.push(command(1, "publish", 2, null, "s"), sink);
    session.acceptPublish(1, sink);
    const identity = session.snapshotIdentity();
    const copy: typeof identity = JSON.parse(JSON.stringify(identity));
    const revived = ServerSession.restore({ identity: copy }, openHost());
    assert.deepEqual(JSON.parse(JSON.stringify(revived.snapshotIdentity())), copy);
    assert.deepEqual(revived.streamRequest(1), session.streamRequest(1));
    assert.equal(revived.phase, "streaming");
  });
});
