/**
 * A reader stalled at every byte of a recorded GOP: whatever happens to it then, what it got is RTMP to the last byte,
 * in order, without gaps but those to a keyframe.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ControlWord, controlWords, RingState } from "../../../src/protocol/ring/ring-layout.ts";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import type { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { kindOf } from "../../support/flv-file.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { type Received, ShardBench } from "../shard-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const AAC = message(MessageType.Audio, 0, clipHeader(MessageType.Audio));
const GOP_FRAMES = 5;

/** A GOP with small frames, chunks of 128 bytes, so that cuts fall into every kind of header as well. */
function gop(number: number): Message[] {
  const messages: Message[] = [];
  for (let frame = 0; frame < GOP_FRAMES; frame += 1) {
    const time = (number * GOP_FRAMES + frame) * 40;
    messages.push(
      video(time, frame === 0, frame === 0 ? 700 : 90 + frame * 30, number * 50 + frame),
    );
    messages.push(audio(time + 3, 20, number * 50 + frame));
  }
  return messages;
}

const SKIPPED_TO = 3;

function kind({ type, payload }: Message): string {
  return kindOf(type, payload);
}

function isMedia(one: Message): boolean {
  return ["key", "inter", "audio"].includes(kind(one));
}

/** What was got is a run of what was sent, with jumps only to a keyframe that comes right after headers. */
function assertRuns({ media, isCut }: Received, sent: readonly Message[], jumps: number): void {
  assert.equal(isCut, false, "ends inside a message");
  let at = -1;
  let seen = 0;
  for (const [index, one] of media.entries()) {
    if (!isMedia(one)) {
      continue;
    }
    const found = sent.findIndex(
      ({ type, timestamp }) => type === one.type && timestamp === one.timestamp,
    );
    assert.deepEqual(one.payload, sent[found]?.payload, `message ${index} at ${one.timestamp}`);
    if (found !== at + 1) {
      assert.equal(kind(one), "key", "a jump not to a keyframe");
      assert.ok(found > at, "a jump back");
      const before = media.slice(Math.max(0, index - 2), index).map((other) => kind(other));
      assert.deepEqual(before, ["header", "header"], "no headers before the keyframe");
      seen += at < 0 ? 0 : 1;
    }
    at = found;
  }
  assert.equal(seen, jumps);
  assert.equal(at, sent.length - 1, "the last message is missing");
}

interface Stalled {
  readonly bench: ShardBench;
  readonly row: number;
  readonly sent: Message[];
  readonly stream: LiveStream;
  /** Publishes more. */
  send(messages: readonly Message[]): void;
}

/** A stream of chunk size 128 whose player took so many bytes of the first GOP (preamble included) and then none. */
function stallAt(bytes: number, settings: Partial<ShardBench["settings"]> = {}): Stalled {
  const bench = new ShardBench({ settings: { chunkSize: 128, atc: true, ...settings } });
  const stream = bench.publish();
  const sent: Message[] = [];
  const send = (messages: readonly Message[]): void => {
    for (const one of messages) {
      bench.send(stream, [one]);
      bench.clock += 20;
      bench.tick();
    }
    sent.push(...messages);
  };
  bench.send(stream, [AVC, AAC]);
  const row = bench.connect();
  bench.transport.of(row).room = bytes;
  bench.fanOut.join(row);
  send(gop(0));
  return { bench, row, sent, stream, send };
}

/** The writing thread dies in the middle of a message; the primary marks its ring. */
function dieInMessage(bench: ShardBench): void {
  const [opened] = bench.opened;
  assert.ok(opened);
  const words = controlWords(opened.memory);
  Atomics.add(words, ControlWord.Reserved, 500);
  Atomics.store(words, ControlWord.State, RingState.Dead);
}

/** Bytes of preamble and first GOP. */
function firstBytes(): number {
  const { bench, row } = stallAt(Number.POSITIVE_INFINITY);
  return bench.transport.bytes(row).length;
}

describe("a reader stalled at every byte of a GOP", () => {
  const all = firstBytes();

  test("goes on where it was when it reads again", { timeout: 120_000 }, () => {
    for (let at = 0; at < all; at += 1) {
      const { bench, row, sent, send } = stallAt(at);
      send(gop(1));
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      send(gop(2).slice(0, 2));
      bench.tick(30);
      assertRuns(bench.received(row), sent, 0);
      assert.deepEqual(bench.ended, []);
    }
  });

  test("skips to the newest keyframe, headers again", { timeout: 120_000 }, () => {
    for (let at = 0; at < all; at += 1) {
      const { bench, row, sent, send } = stallAt(at, { queueLengthMs: 300 });
      for (const number of [1, 2, SKIPPED_TO]) {
        send(gop(number));
      }
      bench.fanOut.checkLag(row, 0, false);
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      bench.tick(30);
      const received = bench.received(row);
      // Before its first keyframe there is nothing to jump from.
      const media = received.media.filter(isMedia);
      const skipped = media.some(({ timestamp }) => timestamp === SKIPPED_TO * GOP_FRAMES * 40);
      assert.ok(skipped);
      const isJump = media[0]?.timestamp === 0 ? 1 : 0;
      assertRuns(received, sent, isJump);
      assert.equal(bench.board.skips[row], bench.fanOut.skips);
      assert.deepEqual(bench.ended, []);
    }
  });

  test("hears replies between whole messages, blocked or not", { timeout: 120_000 }, () => {
    const reply = new Uint8Array([2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4]);
    for (let at = 0; at < all; at += 1) {
      const { bench, row, sent, send } = stallAt(at);
      assert.equal(bench.fanOut.detach(row), true);
      assert.equal(bench.rows.sendBytes(row, reply), true);
      send(gop(1).slice(0, 3));
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      bench.tick(30);
      const bytes = bench.transport.bytes(row);
      assert.ok(Buffer.from(bytes).includes(Buffer.from(reply)), `no reply at ${at}`);
      assertRuns(bench.received(row), sent, 0);
    }
  });

  test("takes one byte at a time", { timeout: 120_000 }, () => {
    const { bench, row, sent, send } = stallAt(0);
    send(gop(1).slice(0, 4));
    for (let at = 0; at < 20_000 && bench.transport.of(row).wantsRoom; at += 1) {
      bench.giveRoom(row, 1);
    }
    bench.giveRoom(row, Number.POSITIVE_INFINITY);
    bench.tick(30);
    assertRuns(bench.received(row), sent, 0);
  });

  test("finishes a ring that moved under it and goes on in the larger one", {
    timeout: 120_000,
  }, () => {
    for (let at = 0; at < all; at += 1) {
      const { bench, row, sent, send, stream } = stallAt(at);
      send([video(GOP_FRAMES * 40, true, 40_000, 99)]);
      bench.answer(stream);
      assert.equal(bench.opened.length, 2);
      send(
        gop(2)
          .slice(0, 2)
          .map((one) => ({ ...one, timestamp: one.timestamp - 100 })),
      );
      bench.giveRoom(row, Number.POSITIVE_INFINITY);
      bench.tick(30);
      assertRuns(bench.received(row), sent, 0);
      assert.deepEqual(bench.released, [1]);
    }
  });

  for (const how of ["ended", "died"] as const) {
    test(`finishes a ring that ${how} under it and starts again with the next publisher`, {
      timeout: 120_000,
    }, () => {
      for (let at = 0; at < all; at += 1) {
        const { bench, row, sent, stream } = stallAt(at);
        if (how === "ended") {
          stream.end();
        } else {
          dieInMessage(bench);
        }
        bench.tick(2);
        const second = bench.publish();
        const more = gop(2);
        bench.send(second, [AVC, AAC, ...more]);
        bench.giveRoom(row, Number.POSITIVE_INFINITY);
        bench.tick(30);
        const received = bench.received(row);
        assertRuns(received, [...sent, ...more], 0);
        const begin = received.media.findIndex(({ timestamp }) => timestamp === more[0]?.timestamp);
        assert.deepEqual(received.media.slice(begin, begin + 3).map(kind), [
          "header",
          "header",
          "key",
        ]);
        assert.deepEqual(bench.ended, []);
        assert.deepEqual(bench.released, [1]);
      }
    });
  }
});
