import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { kindOf } from "../../support/flv-file.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { ShardBench, WRAP } from "../shard-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const AAC = message(MessageType.Audio, 0, clipHeader(MessageType.Audio));

function kinds(bench: ShardBench, row: number): string[] {
  return bench.received(row).media.map(({ type, payload }) => kindOf(type, payload));
}

function times(bench: ShardBench, row: number): number[] {
  return bench.received(row).media.map(({ timestamp }) => timestamp);
}

/** Video frames from `from` on, the first of them a keyframe. */
function frames(from: number, count: number, bytes = 300): Message[] {
  return Array.from({ length: count }, (_, index) =>
    video((from + index) * 40, index === 0, bytes, from + index),
  );
}

describe("players that are slow", () => {
  test("one that took nothing beyond queue_length skips; others lose nothing", () => {
    const bench = new ShardBench({ settings: { atc: true, queueLengthMs: 1000 } });
    const stream = bench.publish();
    bench.send(stream, [AVC, AAC]);
    const [slow, good] = [bench.play(), bench.play()];
    bench.transport.of(slow).room = 700;
    for (let gop = 0; gop < 4; gop += 1) {
      bench.send(stream, frames(gop * 25, 25));
      bench.tick();
      bench.fanOut.checkLag(slow, 0, true);
    }
    assert.equal(bench.fanOut.skips, 1);
    bench.giveRoom(slow, Number.POSITIVE_INFINITY);
    assert.equal(times(bench, good).length, 2 + 100);
    const got = times(bench, slow);
    assert.ok(got.includes(75 * 40) && !got.includes(50 * 40), got.join(" "));
    assert.deepEqual(bench.ended, []);
  });

  test("with bytes in the kernel unacknowledged the lag is theirs as well", () => {
    const bench = new ShardBench({ settings: { atc: true, queueLengthMs: 1000 } });
    const stream = bench.publish();
    bench.send(stream, [AVC]);
    const row = bench.play();
    bench.send(stream, frames(0, 20));
    bench.transport.of(row).room = 0;
    bench.send(stream, [...frames(20, 1), ...frames(21, 9)]);
    assert.ok(bench.rows.blocked.has(row));
    bench.fanOut.checkLag(row, 0, true);
    assert.equal(bench.fanOut.skips, 0, "400 ms are not too late");
    bench.fanOut.checkLag(row, 20 * 310, true);
    assert.equal(bench.fanOut.skips, 1, "1.2 s are");
  });

  test("asks for a larger ring while it takes bytes; does not jump back to where it is", () => {
    const bench = new ShardBench({ settings: { queueLengthMs: 60_000 } });
    const stream = bench.publish();
    bench.send(stream, [AVC]);
    const row = bench.play();
    bench.send(stream, [video(0, true, 1000)]);
    bench.transport.of(row).room = 0;
    for (let frame = 1; frame < 70; frame += 1) {
      bench.send(stream, [video(frame * 40, false, 1000)]);
    }
    assert.equal(bench.requested, 0);
    bench.fanOut.checkLag(row, 0, true);
    assert.equal(bench.fanOut.skips, 0);
    const [opened] = bench.opened;
    assert.ok(opened);
    bench.send(stream, [video(3000, false)]);
    assert.equal(bench.requested, 1);
    bench.answer(stream);
    assert.ok((bench.opened.at(-1)?.memory.byteLength ?? 0) > opened.memory.byteLength);
    bench.giveRoom(row, Number.POSITIVE_INFINITY);
    bench.tick();
    assert.equal(times(bench, row).length, 1 + 71);
  });

  test("a row that the writer passed in the middle of a send is reset", () => {
    const bench = new ShardBench();
    const stream = bench.publish();
    bench.send(stream, [AVC, video(0, true, 3000)]);
    const row = bench.connect();
    bench.isFollowed = false;
    bench.transport.afterSend = () => {
      bench.transport.afterSend = undefined;
    };
    bench.fanOut.join(row);
    bench.transport.of(row).room = Number.POSITIVE_INFINITY;
    bench.wake = () => undefined;
    bench.send(stream, [video(40, false, 3000)]);
    bench.transport.afterSend = () => {
      bench.transport.afterSend = undefined;
      for (let frame = 0; frame < 50; frame += 1) {
        stream.append(video(80 + frame, false, 3000));
      }
    };
    bench.fanOut.sendRow(row);
    assert.deepEqual(bench.ended, [{ row, reason: "passed by the ring" }]);
    assert.equal(bench.transport.of(row).end, "reset");
  });

  test("a row found behind the ring at its turn skips where its message can still be had, else is reset", () => {
    for (const [taken, isSaved] of [
      [0, true],
      [100, false],
    ] as const) {
      const bench = new ShardBench({ settings: { atc: true } });
      const stream = bench.publish();
      bench.send(stream, [AVC, video(0, true, 3000)]);
      const row = bench.play();
      bench.transport.of(row).room = taken;
      for (let frame = 1; frame < 60; frame += 1) {
        bench.send(stream, [video(frame * 40, frame % 10 === 0, 3000)]);
      }
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      bench.tick(2);
      const reset = [{ row, reason: "passed by the ring" }];
      assert.deepEqual(bench.ended, isSaved ? [] : reset);
      if (isSaved) {
        assert.equal(times(bench, row).at(-1), 59 * 40);
      }
    }
  });

  test("rescued messages are shared, counted and given back; beyond 4 MiB rows wait in the ring", () => {
    const bench = new ShardBench({ wrap: 32 * 1024 * 1024, settings: { atc: true } });
    const stream = bench.publish();
    bench.send(stream, [AVC]);
    const rows = [1, 2, 3, 4, 5, 6].map(() => bench.play());
    for (const row of rows.slice(0, 3)) {
      bench.transport.of(row).room = 1000 * row;
    }
    bench.send(stream, [video(0, true, 3 * 1024 * 1024)]);
    for (const row of rows.slice(3)) {
      bench.transport.of(row).room = 1000 * row;
    }
    bench.send(stream, [video(40, true, 2 * 1024 * 1024)]);
    for (const row of rows.slice(0, 3)) {
      assert.equal(bench.fanOut.detach(row), true, "one copy for all");
    }
    assert.equal(bench.fanOut.detach(rows[3] ?? 0), false, "no room for another");
    for (const row of rows) {
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
    }
    assert.equal(bench.fanOut.detach(rows[0] ?? 0), true);
    for (const row of rows) {
      assert.deepEqual(times(bench, row).slice(-2), [0, 40]);
    }
    bench.fanOut.tickSlow();
  });

  test("a socket holds a second of the stream, from 64 KiB to 1 MiB", () => {
    const bench = new ShardBench({ wrap: 4 * WRAP });
    const stream = bench.publish();
    const row = bench.play();
    bench.send(stream, [AVC, video(0, true, 100)]);
    assert.equal(bench.transport.of(row).unsentBytes, 64 * 1024);
    for (let frame = 1; frame < 60; frame += 1) {
      bench.clock += 20;
      bench.send(stream, [video(frame * 20, false, 5000)]);
    }
    bench.fanOut.tickSlow();
    const { unsentBytes } = bench.transport.of(row);
    assert.ok(unsentBytes > 200_000 && unsentBytes < 300_000, `${unsentBytes}`);
  });
});

describe("players that pause", () => {
  /** A playing row, paused. */
  function paused(): { bench: ShardBench; stream: ReturnType<ShardBench["publish"]>; row: number } {
    const bench = new ShardBench({ settings: { atc: true } });
    const stream = bench.publish();
    bench.send(stream, [AVC, AAC, ...frames(0, 3)]);
    const row = bench.play();
    assert.equal(bench.fanOut.pause(row, true), true);
    return { bench, stream, row };
  }

  test("get nothing, and go on where they were", () => {
    const { bench, stream, row } = paused();
    bench.send(stream, [video(120, false), video(160, false)]);
    bench.tick(50);
    assert.equal(times(bench, row).at(-1), 80);
    bench.fanOut.pause(row, false);
    assert.deepEqual(times(bench, row).slice(-2), [120, 160]);
    bench.fanOut.pause(row, false);
    assert.equal(times(bench, row).length, 2 + 5);
  });

  test("go on at the newest keyframe when one came", () => {
    const { bench, stream, row } = paused();
    bench.send(stream, [video(120, false), ...frames(10, 3)]);
    bench.fanOut.pause(row, false);
    assert.deepEqual(times(bench, row).slice(-5), [400, 400, 400, 440, 480]);
  });

  test("whose ring moved go on where they were in the next, never back", () => {
    const { bench, stream, row } = paused();
    bench.send(stream, [video(120, false), video(160, false, 50_000), video(200, false)]);
    bench.answer(stream);
    bench.tick(3);
    bench.fanOut.pause(row, false);
    assert.deepEqual(times(bench, row), [0, 0, 0, 40, 80, 120, 160, 200]);
    assert.deepEqual(bench.released, [1]);
  });

  test("whose ring moved, was lapped or ended start at a keyframe of the next", () => {
    const moved = paused();
    moved.bench.send(moved.stream, [video(120, true, 50_000)]);
    moved.bench.answer(moved.stream);
    moved.bench.tick(3);
    moved.bench.fanOut.pause(moved.row, false);
    assert.equal(kinds(moved.bench, moved.row).at(-1), "key");
    const ended = paused();
    ended.stream.end();
    ended.bench.tick(3);
    const next = ended.bench.publish();
    ended.bench.send(next, [AVC, ...frames(50, 2)]);
    ended.bench.tick(3);
    assert.equal(times(ended.bench, ended.row).at(-1), 80);
    ended.bench.fanOut.pause(ended.row, false);
    ended.bench.tick();
    assert.deepEqual(times(ended.bench, ended.row).slice(-3), [2000, 2000, 2040]);
    const lapped = paused();
    for (let frame = 3; frame < 200; frame += 1) {
      lapped.bench.send(lapped.stream, [video(frame * 40, frame % 10 === 0, 3000)]);
    }
    lapped.bench.fanOut.pause(lapped.row, false);
    assert.equal(times(lapped.bench, lapped.row).at(-1), 199 * 40);
    assert.deepEqual(lapped.bench.ended, []);
  });

  test("whose place is gone do not find it again when positions have gone around", () => {
    const { bench, stream, row } = paused();
    const lost = bench.board.cursor[row];
    for (let frame = 3; frame < 200; frame += 1) {
      bench.send(stream, [video(frame * 40, frame % 10 === 0, 3000)]);
    }
    bench.fanOut.tickSlow();
    const after4GiB = stream.writer.head - 1000;
    if (bench.board.cursor[row] === lost) {
      // The same number is a place in the ring again, in the middle of a message.
      bench.board.cursor[row] = after4GiB;
      bench.board.messageEnd[row] = after4GiB;
    }
    bench.fanOut.pause(row, false);
    // From the newest keyframe on, headers first.
    const { media, isCut } = bench.received(row);
    assert.equal(isCut, false);
    const last = media.slice(-11).map(({ timestamp }) => timestamp / 40);
    assert.deepEqual(last, [190, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199]);
    assert.deepEqual(bench.ended, []);
  });
});

describe("rings that a stream leaves", () => {
  test("the same ring announced twice is let go once more; all are let go at the end", () => {
    const bench = new ShardBench();
    const stream = bench.publish();
    const [opened] = bench.opened;
    assert.ok(opened);
    bench.fanOut.openRing(opened);
    assert.deepEqual(bench.released, [1]);
    bench.send(stream, [AVC, ...frames(0, 2)]);
    bench.fanOut.close();
    assert.deepEqual(bench.released, [1, 1]);
  });

  test("a row that stands in a message when the stream is closed gets it whole", () => {
    const bench = new ShardBench({ settings: { atc: true } });
    const stream = bench.publish();
    bench.send(stream, [AVC]);
    const row = bench.play();
    bench.transport.of(row).room = 500;
    bench.send(stream, [video(0, true, 3000), video(40, false)]);
    bench.fanOut.close();
    assert.equal(bench.fanOut.players, 0);
    assert.equal(bench.rows.flushPending(row), false);
    bench.transport.of(row).room = Number.POSITIVE_INFINITY;
    assert.equal(bench.rows.flushPending(row), true);
    assert.equal(bench.received(row).isCut, false);
    assert.equal(times(bench, row).at(-1), 0);
  });

  test("a broken connection ends its row only", () => {
    const bench = new ShardBench();
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const [one, other] = [bench.play(), bench.play()];
    bench.transport.of(one).isBroken = true;
    bench.send(stream, [video(80, false)]);
    assert.deepEqual(bench.ended, [{ row: one, reason: "network error" }]);
    assert.equal(times(bench, other).at(-1), 80);
    assert.equal(bench.fanOut.players, 1);
  });

  test("the tail of a stream that stopped goes out, whatever the merge factor", () => {
    const bench = new ShardBench();
    bench.stretched = 8;
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 1)]);
    const rows = Array.from({ length: 20 }, () => bench.play());
    for (let frame = 1; frame < 30; frame += 1) {
      bench.send(stream, [video(frame * 40, false)]);
      bench.tick(4);
    }
    bench.tick(100);
    for (const row of rows) {
      assert.equal(times(bench, row).at(-1), 29 * 40);
    }
  });
});

test("a row that leaves takes no other along that is still on the ring before", () => {
  const bench = new ShardBench({ settings: { atc: true } });
  const first = bench.publish();
  const [, slow = 0, other = 0] = Array.from({ length: 5 }, () => bench.play());
  bench.transport.of(slow).room = 100;
  bench.send(first, [AVC, ...frames(0, 1)]);
  first.end();
  bench.send(bench.publish(), [AVC, ...frames(1, 1)]);
  bench.fanOut.leave(other);
  assert.equal(bench.fanOut.players, 4);
  bench.giveRoom(slow, Number.POSITIVE_INFINITY);
  bench.tick();
  assert.deepEqual(times(bench, slow), [0, 0, 40, 40]);
});

describe("players of a stream whose video begins or stops wait no longer than mw_latency", () => {
  const MW_LATENCY_MS = 350;
  const PLAYERS = 40;

  /** Longest time in which a player got nothing of a stream that went on. */
  function longestWait(hasVideo: (time: number) => boolean, seconds: number): number {
    const bench = new ShardBench({
      settings: { atc: true, mwAdaptive: false, mwMsgs: 0, mwLatencyMs: MW_LATENCY_MS },
    });
    const stream = bench.publish();
    bench.send(stream, [audio(0)]);
    const rows = Array.from({ length: PLAYERS }, () => bench.play());
    const sizes = rows.map(() => 0);
    const since = rows.map(() => bench.clock);
    let longest = 0;
    for (let time = 20; time < seconds * 1000; time += 20) {
      const isFrame = hasVideo(time) && time % 40 === 0;
      bench.send(stream, [audio(time), ...(isFrame ? [video(time, time % 1000 === 0)] : [])]);
      bench.tick(2);
      for (const [index, row] of rows.entries()) {
        const { length } = bench.transport.bytes(row);
        if (length > (sizes[index] ?? 0)) {
          sizes[index] = length;
          since[index] = bench.clock;
        }
        longest = Math.max(longest, bench.clock - (since[index] ?? 0));
      }
    }
    return longest;
  }

  test("audio first, then video", () => {
    const wait = longestWait((time) => time >= 1500, 5);
    assert.ok(wait <= MW_LATENCY_MS + 20, `${wait} ms`);
  });

  test("video stops, and audio goes on", () => {
    // Until the video counts as stopped nothing is sent.
    const wait = longestWait((time) => time < 2500, 5);
    assert.ok(wait <= MW_LATENCY_MS + 200 + 40, `${wait} ms`);
  });
});
