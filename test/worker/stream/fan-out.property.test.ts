/** Players of whom anything is asked, of a stream that does anything: what they got is always whole RTMP in order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TimelineEnd } from "../../../src/protocol/control/calls.ts";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import type { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { RowFlag } from "../../../src/worker/stream/row-flags.ts";
import { kindOf } from "../../support/flv-file.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { ShardBench } from "../shard-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const AAC = message(MessageType.Audio, 0, clipHeader(MessageType.Audio));
const PLAYERS = 4;
const PING = new Uint8Array([2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4]);

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("frames"),
      count: fc.integer({ min: 1, max: 12 }),
      bytes: fc.integer({ min: 10, max: 4000 }),
      isKey: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("frames"),
      count: fc.constant(1),
      bytes: fc.integer({ min: 30_000, max: 90_000 }),
      isKey: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("room"),
      player: fc.nat(PLAYERS - 1),
      bytes: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constant(1_000_000)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reply"), player: fc.nat(PLAYERS - 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("pause"),
      player: fc.nat(PLAYERS - 1),
      on: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lag"), player: fc.nat(PLAYERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("again"), player: fc.nat(PLAYERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("copies"), player: fc.nat(PLAYERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("ring"), hasMemory: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("republish") }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("tick"), times: fc.integer({ min: 1, max: 30 }) }),
  },
);

type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

/** A stream with some players under a script. */
class Script {
  readonly bench: ShardBench;
  readonly rows: number[];
  /** A player that takes everything and asks for nothing. */
  readonly reference: number;
  /** Times that a row asked to play again. */
  readonly agains = new Map<number, number>();
  #stream: LiveStream;
  #time = 0;
  #stretch = 1;

  constructor(start: number, gopCache: boolean) {
    const settings = { chunkSize: 128, queueLengthMs: 1500, gopCache };
    this.bench = new ShardBench({ settings, startPosition: start, startFrame: start });
    this.#stream = this.#publish(null);
    this.reference = this.bench.play();
    this.rows = Array.from({ length: PLAYERS }, () => this.bench.play());
  }

  run(one: Action): void {
    const { bench } = this;
    const row = "player" in one ? (this.rows[one.player] ?? -1) : -1;
    if (row >= 0 && bench.transport.of(row).end !== "open") {
      return;
    }
    switch (one.kind) {
      case "frames":
        this.#frames(one as never);
        break;
      case "room":
        bench.giveRoom(row, (one as { bytes: number }).bytes);
        break;
      case "reply":
        this.#outOfBand(row, () => bench.rows.sendBytes(row, PING));
        break;
      case "pause":
        this.#outOfBand(row, () => bench.fanOut.pause(row, (one as { on: boolean }).on));
        break;
      case "lag":
        bench.fanOut.checkLag(row, 0, true);
        break;
      case "again":
        this.#outOfBand(row, () => {
          this.agains.set(row, (this.agains.get(row) ?? 0) + 1);
          bench.fanOut.leave(row);
          const flags = bench.board.flags[row] ?? 0;
          bench.board.flags[row] = flags & (RowFlag.Blocked | RowFlag.Pending);
          bench.fanOut.join(row);
          return true;
        });
        break;
      case "copies":
        this.#outOfBand(row, () => {
          bench.board.flags[row] = (bench.board.flags[row] ?? 0) | RowFlag.Copied;
          return true;
        });
        break;
      case "ring":
        if (bench.requests.length > 0) {
          bench.answer(this.#stream, (one as { hasMemory: boolean }).hasMemory);
        }
        break;
      case "republish":
        bench.requests.length = 0;
        this.#stream = this.#publish(this.#stream.end());
        break;
      default:
        this.#stretch = (this.#stretch % 5) + 1;
        bench.stretched = this.#stretch;
        bench.tick((one as { times: number }).times);
    }
  }

  /** Everything goes out. */
  finish(): void {
    const { bench } = this;
    while (bench.requests.length > 0) {
      bench.answer(this.#stream);
    }
    for (const row of this.rows) {
      if (bench.transport.of(row).end === "open") {
        bench.fanOut.pause(row, false);
        bench.giveRoom(row, Number.POSITIVE_INFINITY);
      }
    }
    this.#frames({ count: 2, bytes: 50, isKey: true });
    bench.tick(60);
  }

  /** A row that cannot be made whole is reset, as its dialogue would. */
  #outOfBand(row: number, work: () => boolean): void {
    const { bench } = this;
    if (!bench.fanOut.detach(row)) {
      bench.endRow(row, "passed by the ring");
    } else if (!work() && bench.transport.of(row).end === "open") {
      bench.endRow(row, "network error");
    }
  }

  #publish(previous: TimelineEnd | null): LiveStream {
    const stream = this.bench.publish(previous);
    this.bench.send(stream, [AVC, AAC]);
    return stream;
  }

  #frames({ count, bytes, isKey }: { count: number; bytes: number; isKey: boolean }): void {
    for (let at = 0; at < count; at += 1) {
      const time = this.#time;
      this.#time += 40;
      const messages = [video(time, isKey && at === 0, bytes, time), audio(time + 5, 15, time)];
      for (const one of messages) {
        this.#stream.append(one);
      }
      this.#stream.flush();
      this.bench.clock += 20;
    }
  }
}

/** Media messages that a row got. @throws when its bytes are no RTMP, or end inside a message. */
function mediaOf({ bench }: Script, row: number): Message[] {
  const { media, isCut } = bench.received(row);
  assert.ok(bench.transport.of(row).end === "reset" || !isCut, "ends inside a message");
  return media.filter(({ type, payload }) => kindOf(type, payload) !== "header");
}

function nameOf({ payload }: Message): string {
  return Buffer.from(payload).toString("latin1");
}

/**
 * A row got what the reference got, in its order: gaps only up to a keyframe, steps back only where it asked to play
 * again, then to a keyframe as well.
 */
function check(script: Script, row: number, order: ReadonlyMap<string, number>): number {
  const media = mediaOf(script, row);
  let last = -2;
  let backs = 0;
  let needsKey = true;
  for (const one of media) {
    const at = order.get(nameOf(one));
    assert.ok(at !== undefined, `a message at ${one.timestamp} that nobody else got`);
    const kind = kindOf(one.type, one.payload);
    if (at !== last + 1) {
      // Where no video was written yet, audio is begun at.
      needsKey = true;
      backs += at <= last ? 1 : 0;
    }
    assert.ok(!needsKey || kind !== "inter", `begins at ${one.timestamp}, no keyframe`);
    needsKey &&= kind !== "key";
    last = at;
  }
  assert.ok(backs <= (script.agains.get(row) ?? 0), "time goes back");
  return media.length;
}

test("players and streams that do anything", { timeout: 120_000 }, () => {
  let checked = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(0, -60_000, 0x7f_ff_ff_ff - 60_000),
      fc.boolean(),
      fc.array(action, { maxLength: 120 }),
      (start, gopCache, actions) => {
        const script = new Script(start, gopCache);
        for (const one of actions) {
          script.run(one as Action);
        }
        script.finish();
        const all = mediaOf(script, script.reference);
        const order = new Map(all.map((one, index) => [nameOf(one), index]));
        for (const row of script.rows) {
          checked += check(script, row, order);
        }
      },
    ),
    {
      numRuns: 1000,
      // A player inside the only keyframe there is, which its ring will overwrite soon.
      examples: [
        [
          0,
          true,
          [
            { kind: "room", player: 1, bytes: 98 },
            { kind: "frames", count: 10, bytes: 3000, isKey: true },
            { kind: "frames", count: 7, bytes: 2759, isKey: false },
            { kind: "frames", count: 11, bytes: 3697, isKey: false },
            { kind: "lag", player: 1 },
          ] as never,
        ],
      ],
    },
  );
  assert.ok(checked > 10_000, `${checked}`);
});
