/** One stream on a gateway of the tests' own: a publisher's real rings, a real tape of FLV, and viewers that get full. */
import assert from "node:assert/strict";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type { StreamSettings } from "../../../src/protocol/control/calls.ts";
import { FlvTagDecoder, FlvTagType } from "../../../src/protocol/flv/tag.ts";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { HttpRows } from "../../../src/worker/deliver/http-rows.ts";
import { GatewayStream, type Outlet } from "../../../src/worker/deliver/outlet.ts";
import type { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { kindOf } from "../../support/flv-file.ts";
import { ShardBench } from "../shard-bench.ts";

const ROWS = 16;
const FLV_HEADER = 13;
const AROUND_TAG = 15;
const MESSAGE_MS = 20;

/** A tag as it was got. */
export interface GotTag {
  readonly type: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** A viewer's connection: takes what is written, and is full from the write on that it is told. */
export class FakeViewer {
  readonly writes: Uint8Array[] = [];
  /** Writes from now until it is full; 1: with the next. */
  writesLeft: number = Number.POSITIVE_INFINITY;
  isFull = false;

  write(bytes: Uint8Array): boolean {
    assert.equal(this.isFull, false, "written to while full");
    this.writes.push(new Uint8Array(bytes));
    this.writesLeft -= 1;
    this.isFull = this.writesLeft <= 0;
    return !this.isFull;
  }

  /** Tags of all writes. Each write is whole tags, the first one after the file's header. */
  tags(): GotTag[] {
    const tags: GotTag[] = [];
    const decoder = new FlvTagDecoder();
    for (const [index, bytes] of this.writes.entries()) {
      const before = tags.length;
      decoder.push(bytes, {
        tag: ({ type, timestamp, payload }) =>
          tags.push({ type, timestamp, payload: new Uint8Array(payload) }),
      });
      const lengths = tags.slice(before).map(({ payload }) => AROUND_TAG + payload.length);
      const whole = lengths.reduce((sum, length) => sum + length, index === 0 ? FLV_HEADER : 0);
      assert.equal(whole, bytes.length, `write ${index} is not whole tags`);
    }
    return tags;
  }
}

/** The stream and its viewers. */
export class ViewerBench {
  readonly shard: ShardBench;
  readonly sent: Message[] = [];
  readonly ended: { row: number; reason: string }[] = [];
  readonly #stream: LiveStream;
  readonly #rows: HttpRows;
  readonly #gateway: GatewayStream;
  readonly #outlet: Outlet;
  readonly #viewers = new Map<number, FakeViewer>();
  #rings = 0;

  constructor(settings: Partial<StreamSettings> = {}) {
    this.shard = new ShardBench({ settings: { chunkSize: 128, atc: true, ...settings } });
    this.shard.isFollowed = false;
    const now = (): number => this.shard.clock;
    const rows = new HttpRows(new Board(new SharedArrayBuffer(boardBytes(ROWS))), now);
    this.#rows = rows;
    this.#gateway = new GatewayStream(1, "v/a/s", this.shard.settings, {
      thread: 1,
      now,
      ringReleased: () => undefined,
      outletSpent: () => assert.fail("what is announced does not change"),
      fanOutHost: (form) => ({
        rows,
        preamble: form,
        thread: 1,
        now,
        stretch: () => 1,
        endRow: (row, reason) => this.#end(row, reason),
        sendCopies: () => 0,
        ringReleased: () => undefined,
        continueLater: (taker) => taker.continueTurn(),
        turnEnd: () => Number.POSITIVE_INFINITY,
      }),
    });
    this.#outlet = this.#gateway.outletOf({
      format: "flv",
      hasAudio: true,
      hasVideo: true,
      guessHasAv: false,
      dropsUnannounced: false,
      fastCacheMs: 0,
      isLegacyHevc: false,
    });
    this.#stream = this.shard.publish();
    this.#follow();
  }

  /** Times that a viewer was moved to a keyframe. */
  get skips(): number {
    return this.#outlet.fanOut.skips;
  }

  /** Publishes, a message at a time, and lets the gateway do all that it does meanwhile. */
  send(messages: readonly Message[]): void {
    for (const message of messages) {
      this.shard.send(this.#stream, [message]);
      if (this.shard.requests.length > 0) {
        this.shard.answer(this.#stream);
      }
      this.sent.push(message);
      this.shard.clock += MESSAGE_MS;
      this.turn();
    }
  }

  /** A look at the rings, a tick, and a look at rows that are full. */
  turn(): void {
    this.#follow();
    this.#gateway.advance();
    this.#gateway.tick();
    for (const row of [...this.#rows.blocked]) {
      this.#outlet.fanOut.checkLag(row, 0, false);
    }
  }

  /** Nothing comes for half a second: the last sound is sent without the next frame. */
  rest(): void {
    for (let turn = 0; turn < 25; turn += 1) {
      this.shard.clock += MESSAGE_MS;
      this.turn();
    }
  }

  /** Somebody watches. */
  view(viewer: FakeViewer): number {
    const row = this.#viewers.size + 1;
    this.#viewers.set(row, viewer);
    this.#rows.open(row, viewer);
    this.#rows.board.place[row] = -1;
    this.#rows.board.messageStream[row] = 1;
    this.#outlet.fanOut.join(row);
    return row;
  }

  /** What the library held for a viewer has gone out. */
  drain(row: number): void {
    const viewer = this.#viewers.get(row);
    if (viewer?.isFull === true) {
      viewer.isFull = false;
      viewer.writesLeft = Number.POSITIVE_INFINITY;
      this.#rows.unblock(row);
      this.#outlet.fanOut.sendRow(row);
    }
  }

  #follow(): void {
    for (const opened of this.shard.opened.slice(this.#rings)) {
      this.#rings += 1;
      this.#gateway.openRing(opened);
    }
  }

  #end(row: number, reason: string): void {
    this.ended.push({ row, reason });
    this.#outlet.fanOut.leave(row);
    this.#rows.close(row);
  }
}

/**
 * What was got is runs of what was sent: each frame with the headers that were valid for it, jumps only to keyframes, no
 * time before the one before it.
 * @returns the jumps.
 */
export function assertPlayable(tags: readonly GotTag[], sent: readonly Message[]): number {
  const got = new Map<number, Uint8Array>();
  let jumps = 0;
  let at = -1;
  let time = 0;
  for (const [index, tag] of tags.entries()) {
    const { type, timestamp, payload } = tag;
    assert.ok(type === FlvTagType.Audio || type === FlvTagType.Video, `tag ${index}: type ${type}`);
    assert.ok(timestamp >= time, `tag ${index}: ${timestamp} after ${time}`);
    time = timestamp;
    const kind = kindOf(type, payload);
    if (kind === "header") {
      got.set(type, payload);
      continue;
    }
    const found = sent.findIndex(
      (one) => isMedia(one) && one.type === type && one.timestamp === timestamp,
    );
    assert.deepEqual(payload, sent[found]?.payload, `tag ${index} at ${timestamp}`);
    assert.deepEqual(got.get(type), headerFor(type, found, sent), `header of tag ${index}`);
    if (at < 0 || found !== nextMedia(at, sent)) {
      assert.equal(kind, "key", `tag ${index}: a jump not to a keyframe`);
      assert.ok(found > at, `tag ${index}: a jump back`);
      jumps += at < 0 ? 0 : 1;
    }
    at = found;
  }
  return jumps;
}

function isMedia({ type, payload }: Message): boolean {
  return kindOf(type, payload) !== "header";
}

function nextMedia(at: number, sent: readonly Message[]): number {
  return sent.findIndex((one, index) => index > at && isMedia(one));
}

function headerFor(type: number, at: number, sent: readonly Message[]): Uint8Array | undefined {
  return sent.slice(0, at).findLast((one) => one.type === type && !isMedia(one))?.payload;
}

/** The last frame that was sent was got. */
export function assertUpToDate(tags: readonly GotTag[], sent: readonly Message[]): void {
  const last = sent.findLast(isMedia);
  const tag = tags.at(-1);
  assert.deepEqual([tag?.type, tag?.timestamp], [last?.type, last?.timestamp]);
  assert.ok(last?.type === MessageType.Audio || last?.type === MessageType.Video);
}
