import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RowState } from "../../../src/protocol/control/board.ts";
import { CONTROL_MESSAGES_BURST, IDLE_CONNECTION_MS } from "../../../src/protocol/limits.ts";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { pingRequest } from "../../main/accept/wire-client.ts";
import { command, message as wire } from "../../protocol/rtmp/session-harness.ts";
import { clipHeader, message, video } from "../clip.ts";
import { PlayersBench, timesOf } from "./players-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const PONG = Buffer.from([4, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9]).subarray(5);

function frames(from: number, count: number, bytes = 300): Message[] {
  return Array.from({ length: count }, (_, index) =>
    video((from + index) * 40, index === 0, bytes, from + index),
  );
}

/** Resolves when promises that are settled have been heard. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A playing row that stands inside a message of 3000 bytes. */
function insideMessage(): {
  bench: PlayersBench;
  row: number;
  stream: ReturnType<PlayersBench["publish"]>;
} {
  const bench = new PlayersBench({ atc: true });
  const stream = bench.publish();
  bench.send(stream, [AVC, ...frames(0, 1)]);
  const row = bench.give();
  bench.transport.of(row).room = 500;
  bench.send(stream, [video(40, false, 3000)]);
  return { bench, row, stream };
}

describe("players: given, polled, ended", () => {
  test("begins with the session of the lobby and ends when its peer leaves", () => {
    const bench = new PlayersBench({ atc: true });
    bench.send(bench.publish(), [AVC, ...frames(0, 2)]);
    const row = bench.give();
    assert.equal(bench.players.count, 1);
    assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40]);
    bench.transport.of(row).isEnded = true;
    bench.players.poll();
    assert.deepEqual(bench.gone, [{ row, reason: "closed by peer", detail: "" }]);
    assert.equal(bench.board.state[row], RowState.Free);
    assert.equal(bench.fanOut.players, 0);
    assert.equal(bench.players.count, 0);
  });

  test("one that cannot be watched is ended", () => {
    const bench = new PlayersBench();
    bench.transport.canWatch = false;
    const row = bench.give();
    assert.equal(bench.gone[0]?.row, row);
    assert.equal(bench.fanOut.players, 0);
  });

  test("takes what was read before the hand-off", () => {
    const bench = new PlayersBench();
    const row = bench.give(1, pingRequest(9));
    assert.ok(Buffer.from(bench.transport.bytes(row)).includes(PONG));
  });

  test("a stream that is not there is said so before the close", () => {
    const bench = new PlayersBench({ playWaitMs: 5000 });
    const row = bench.give();
    bench.pass(7);
    assert.equal(bench.gone[0]?.reason, "no stream");
    assert.equal(bench.whole(row).statuses.at(-1), "NetStream.Play.StreamNotFound");
  });
});

describe("players: memory is short", () => {
  /** Three players of which two are full, the first for longer; the clock stands at the second's third second. */
  function threePlayers(): { bench: PlayersBench; rows: readonly number[] } {
    const bench = new PlayersBench({ atc: true, queueLengthMs: 60_000, playerStallMs: 60_000 });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const rows = [bench.give(), bench.give(), bench.give()];
    const [first = assert.fail(), second = assert.fail()] = rows;
    bench.transport.of(first).room = 0;
    bench.send(stream, frames(2, 25));
    bench.transport.of(second).room = 0;
    bench.send(stream, frames(27, 75));
    bench.players.checkBlocked();
    return { bench, rows };
  }

  test("E-61 those that lag most are ended by a reset, at most so many", () => {
    const { bench, rows } = threePlayers();
    const [first = assert.fail(), second = assert.fail()] = rows;
    bench.players.endSlow(1);
    assert.deepEqual(
      bench.gone.map(({ row, reason }) => [row, reason]),
      [[first, "no memory"]],
    );
    assert.match(bench.gone[0]?.detail ?? "", /^\d{4} ms behind$/);
    assert.equal(bench.transport.of(first).end, "reset", "nothing is kept for it");
    bench.players.endSlow(5);
    assert.deepEqual(
      bench.gone.slice(1).map(({ row, reason }) => [row, reason]),
      [[second, "no memory"]],
    );
    assert.equal(bench.players.resets, 0, "the ring has passed nobody");
    assert.equal(bench.players.count, 1, "who keeps up stays");
  });

  test("E-61 nobody is ended who keeps up, or is full for a moment", () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const row = bench.give();
    bench.players.endSlow(5);
    bench.transport.of(row).room = 0;
    bench.send(stream, frames(2, 5));
    bench.players.endSlow(5);
    assert.deepEqual(bench.gone, []);
  });

  test("E-61 one that took nothing for long is slow on a stream that stands still, too", () => {
    const bench = new PlayersBench({ atc: true, playerStallMs: 60_000 });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const row = bench.give();
    bench.transport.of(row).room = 0;
    bench.send(stream, frames(2, 1));
    bench.players.checkBlocked();
    bench.clock += 3000;
    bench.players.endSlow(5);
    assert.deepEqual(bench.gone, [{ row, reason: "no memory", detail: "3000 ms behind" }]);
  });
});

describe("players: what they say", () => {
  test("a ping is answered with its number, whole messages around it, wherever the row stands", () => {
    for (let room = 0; room < 3100; room += 37) {
      const { bench, row } = insideMessage();
      bench.giveRoom(row, room);
      bench.transport.of(row).room = 0;
      bench.say(row, pingRequest(9));
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      bench.players.poll();
      assert.ok(Buffer.from(bench.transport.bytes(row)).includes(PONG), `room ${room}`);
      assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40]);
    }
  });

  test("a peer that floods is ended, one at the limit is not", () => {
    const bench = new PlayersBench();
    const row = bench.give();
    const pings = Array.from({ length: CONTROL_MESSAGES_BURST }, () => pingRequest(1));
    bench.say(row, ...pings);
    assert.equal(bench.gone.length, 0);
    bench.say(row, pingRequest(1));
    assert.equal(bench.gone[0]?.reason, "protocol error");
  });

  test("the burst is allowed once; then 200 messages a second", () => {
    const bench = new PlayersBench();
    const row = bench.give();
    const say = (count: number): void =>
      bench.say(row, ...Array.from({ length: count }, () => pingRequest(1)));
    say(1000);
    for (let second = 0; second < 5; second += 1) {
      bench.pass(1);
      say(200);
    }
    assert.equal(bench.gone.length, 0);
    bench.pass(1);
    say(201);
    assert.equal(bench.gone[0]?.reason, "protocol error");
  });

  test("one that floods and reads nothing is ended by its backlog", () => {
    const { bench, row } = insideMessage();
    bench.transport.of(row).room = 0;
    for (let second = 0; second < 30 && bench.gone.length === 0; second += 1) {
      bench.say(row, ...Array.from({ length: 200 }, () => pingRequest(1)));
      bench.players.tickSlow();
    }
    assert.equal(bench.gone.length, 1);
  });

  test("what it must not send ends it, an unknown message does not", () => {
    const bench = new PlayersBench();
    const [row, other] = [bench.give(), bench.give()];
    bench.say(other, wire(99, [1, 2, 3]), wire(MessageType.Audio, [0xaf, 1, 2]));
    assert.equal(bench.gone.length, 0);
    bench.say(row, wire(MessageType.SetChunkSize, [0, 0, 0, 1], { chunkStreamId: 2 }));
    assert.equal(bench.gone[0]?.reason, "protocol error");
  });

  test("an acknowledgement is noted", () => {
    const bench = new PlayersBench();
    const row = bench.give();
    bench.say(row, wire(MessageType.Acknowledgement, [0x89, 0, 0, 1], { chunkStreamId: 2 }));
    assert.equal(bench.board.acknowledged[row], 0x89_00_00_01 | 0);
  });

  test("pause and resume", () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 1)]);
    const row = bench.give();
    bench.say(row, command(1, "pause", 4, null, true, 0));
    bench.send(stream, [video(40, false)]);
    assert.equal(bench.whole(row).statuses.at(-1), "NetStream.Pause.Notify");
    assert.deepEqual(timesOf(bench.whole(row).media), [0, 0]);
    bench.say(row, command(1, "pause", 5, null, false, 0));
    assert.equal(bench.whole(row).statuses.at(-1), "NetStream.Unpause.Notify");
    assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40]);
  });

  test("one that is lost by the media that its resume sends leaves nothing behind", () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 1)]);
    const row = bench.give();
    bench.say(row, command(1, "pause", 4, null, true, 0));
    bench.send(stream, [video(40, false)]);
    bench.transport.afterSend = () => {
      bench.transport.of(row).isBroken = true;
    };
    bench.say(row, command(1, "pause", 5, null, false, 0));
    assert.deepEqual(bench.gone, [{ row, reason: "network error", detail: "" }]);
    assert.equal(bench.players.has(row), false);
    bench.players.endAll("server stops");
    assert.deepEqual([bench.players.count, bench.gone.length], [0, 1]);
  });

  test("receiveVideo off leaves video out, on again begins at a keyframe", () => {
    const { bench, row, stream } = insideMessage();
    bench.say(row, command(1, "receiveVideo", 4, null, false));
    bench.giveRoom(row, Number.POSITIVE_INFINITY);
    bench.send(stream, frames(2, 3));
    assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40]);
    bench.say(row, command(1, "receiveVideo", 5, null, true));
    bench.send(stream, [video(200, false), video(240, true), video(280, false)]);
    assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40, 240, 280]);
  });
});

describe("players: another play", () => {
  for (const name of ["closeStream", "deleteStream"]) {
    test(`${name} in the middle of a message and a new play: whole messages on the wire`, async () => {
      const { bench, row, stream } = insideMessage();
      const close =
        name === "closeStream"
          ? command(1, "closeStream", 0, null)
          : command(0, "deleteStream", 0, null, 1);
      bench.say(row, close);
      assert.equal(bench.board.stream[row], 0);
      bench.send(stream, frames(10, 2));
      bench.say(row, command(0, "createStream", 6, null));
      bench.say(row, command(name === "closeStream" ? 1 : 1, "play", 7, null, "s"));
      await settled();
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      bench.players.poll();
      bench.send(stream, [video(480, false)]);
      assert.equal(bench.gone.length, 0);
      assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40, 400, 400, 440, 480]);
    });
  }

  test("a play while it plays changes over; one that is refused leaves it silent", async () => {
    const { bench, row, stream } = insideMessage();
    bench.say(row, command(1, "play", 4, null, "s"));
    await settled();
    bench.giveRoom(row, Number.POSITIVE_INFINITY);
    bench.players.poll();
    assert.equal(bench.questions.length, 1);
    assert.deepEqual(timesOf(bench.whole(row).media), [0, 0, 40, 0, 0, 40]);
    bench.answerWith = { allowed: false, status: "NetStream.Play.Failed", description: "no" };
    bench.say(row, command(1, "play", 5, null, "other"), pingRequest(9));
    await settled();
    assert.equal(bench.whole(row).statuses.at(-1), "NetStream.Play.Failed");
    assert.ok(Buffer.from(bench.transport.bytes(row)).includes(PONG), "what it said after that");
    bench.send(stream, [video(80, false)]);
    assert.equal(bench.whole(row).media.length, 6);
    assert.equal(bench.gone.length, 0);
  });

  test("on another message stream it gets copies on that", async () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const row = bench.give(3);
    bench.send(stream, [video(80, false)]);
    const { media, statuses } = bench.whole(row);
    assert.deepEqual(
      media.map(({ streamId }) => streamId),
      [3, 3, 3, 3],
    );
    assert.ok(statuses.includes("NetStream.Play.Start"));
    await settled();
  });

  test("an answer that fails, or comes when the row is gone, is borne", async () => {
    const bench = new PlayersBench();
    const [one, other] = [bench.give(), bench.give()];
    bench.answerWith = new Error("no answer");
    bench.say(one, command(1, "play", 4, null, "s"));
    await settled();
    assert.equal(bench.gone[0]?.row, one);
    bench.say(other, command(1, "play", 4, null, "s"));
    bench.transport.of(other).isEnded = true;
    bench.players.poll();
    await settled();
    assert.equal(bench.gone.length, 2);
  });
});

describe("players that stand still", () => {
  test("one that takes nothing for player_stall is closed; kernel buffers that empty are taking", () => {
    const { bench, row } = insideMessage();
    bench.transport.unacknowledgedBytes = 400;
    bench.pass(6);
    // Nothing more fits into its socket, but its peer acknowledges what is there.
    bench.transport.unacknowledgedBytes = 100;
    bench.pass(10);
    assert.equal(bench.gone.length, 0);
    bench.pass(2);
    assert.equal(bench.gone[0]?.reason, "stalled");
    assert.equal(bench.players.stalls, 1);
    assert.equal(bench.gone[0]?.row, row);
  });

  test("one that closed its stream and says nothing more is closed after three minutes", async () => {
    const bench = new PlayersBench();
    bench.send(bench.publish(), [AVC, ...frames(0, 1)]);
    const [idle, chatty, again, good] = [bench.give(), bench.give(), bench.give(), bench.give()];
    for (const row of [idle, chatty, again]) {
      bench.say(row, command(1, "closeStream", 0, null));
    }
    bench.pass(100);
    bench.say(chatty, pingRequest(1));
    bench.say(again, command(1, "play", 4, null, "s"));
    await settled();
    bench.pass(IDLE_CONNECTION_MS / 1000 - 100);
    assert.equal(bench.gone.length, 0);
    bench.pass(2);
    assert.deepEqual(
      bench.gone.map(({ row }) => row),
      [idle],
    );
    bench.pass(100);
    assert.deepEqual(
      bench.gone.map(({ row }) => row),
      [idle, chatty],
    );
    assert.equal(bench.players.has(again), true);
    assert.equal(bench.players.has(good), true);
  });
});
