/** One stream on a shard of the tests' own: real rings, rows and streams over a rationed transport and a set clock. */
import assert from "node:assert/strict";
import { amfEntries } from "../../src/protocol/amf/amf-value.ts";
import { Board, boardBytes, RowState } from "../../src/protocol/control/board.ts";
import type { RingLease, StreamSettings, TimelineEnd } from "../../src/protocol/control/calls.ts";
import { formatRing, ringSizeBytes } from "../../src/protocol/ring/ring-layout.ts";
import type { RingWriter } from "../../src/protocol/ring/ring-writer.ts";
import { ChunkDecoder } from "../../src/protocol/rtmp/chunk-decoder.ts";
import { decodeCommand } from "../../src/protocol/rtmp/command.ts";
import { type Message, MessageType } from "../../src/protocol/rtmp/message.ts";
import { SocketRows } from "../../src/worker/io/socket-rows.ts";
import { Copies } from "../../src/worker/session/copies.ts";
import { FanOut } from "../../src/worker/stream/fan-out.ts";
import type { FanOutEnd, FanOutHost, TurnTaker } from "../../src/worker/stream/fan-out-host.ts";
import { LiveStream, type LiveStreamHost } from "../../src/worker/stream/live-stream.ts";
import { Preamble } from "../../src/worker/stream/preamble.ts";
import type { RingView } from "../../src/worker/stream/ring-view.ts";
import { nameOf } from "../support/flv-file.ts";
import { FakeTransport } from "./fake-transport.ts";
import { settings as defaults } from "./settings.ts";

const ROWS = 128;
export const WRAP: number = 128 * 1024;

/** A ring as the primary lends it. */
export function lease(
  ringId: number,
  wrap: number = WRAP,
  startPosition = 0,
  startFrame = 0,
): RingLease {
  const memory = new SharedArrayBuffer(ringSizeBytes(wrap));
  formatRing(memory, wrap, startPosition, startFrame);
  return { ringId, memory };
}

export interface BenchOptions {
  readonly settings?: Partial<StreamSettings>;
  readonly wrap?: number;
  /** Where the byte and frame counters of each ring start. */
  readonly startPosition?: number;
  readonly startFrame?: number;
}

/** What a player understood of what it got. */
export interface Received {
  /** Messages of media and data, payloads owned. */
  readonly media: readonly Message[];
  /** Codes of onStatus. */
  readonly statuses: readonly string[];
  /** The bytes ended inside a message or header. */
  readonly isCut: boolean;
}

/** Decodes from the lobby's state on. @throws ProtocolError when the bytes are no RTMP. */
function decode(bytes: Uint8Array): Received {
  const media: Message[] = [];
  const statuses: string[] = [];
  const decoder = new ChunkDecoder({ identified: true });
  const sink = {
    message: (message: Message): boolean => {
      if (message.type === MessageType.CommandAmf0) {
        const status = decodeCommand(message.payload, message.type).args[1];
        statuses.push(String(amfEntries(status)?.get("code")));
      } else if (nameOf(message.type, message.payload) === "|RtmpSampleAccess") {
        statuses.push("|RtmpSampleAccess");
      } else if (message.type >= MessageType.Audio) {
        media.push({ ...message, payload: message.payload.slice() });
      }
      return true;
    },
  };
  assert.equal(decoder.push(bytes, sink), bytes.length);
  const { head, streams } = decoder.snapshot();
  const isCut = head.length > 0 || streams.some(({ isPartial }) => isPartial);
  return { media, statuses, isCut };
}

export class ShardBench implements FanOutHost, LiveStreamHost {
  readonly transport: FakeTransport = new FakeTransport();
  readonly board: Board = new Board(new SharedArrayBuffer(boardBytes(ROWS)));
  readonly rows: SocketRows = new SocketRows(this.board, this.transport);
  readonly preamble: Preamble = new Preamble();
  readonly thread = 0;
  readonly settings: StreamSettings;
  readonly fanOut: FanOut;
  readonly ended: { row: number; reason: FanOutEnd }[] = [];
  readonly released: number[] = [];
  readonly opened: RingLease[] = [];
  readonly closed: RingLease[] = [];
  /** Wraps asked for and not answered. */
  readonly requests: number[] = [];
  /** All requests. */
  requested = 0;
  readonly cutTurns: TurnTaker[] = [];
  clock = 1000;
  stretched = 1;
  turnLimit: number = Number.POSITIVE_INFINITY;
  /** The stream's rings go to the fan-out as they open. */
  isFollowed = true;
  readonly #copies: Copies = new Copies(this.rows, true);
  readonly #options: BenchOptions;
  #ringIds = 0;
  #nextRow = 1;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
    this.settings = { ...defaults, ...options.settings };
    this.fanOut = new FanOut(1, "v/a/s", this.settings, this);
  }

  /** A new ring. */
  lease(wrap: number = this.#options.wrap ?? WRAP): RingLease {
    this.#ringIds += 1;
    return lease(this.#ringIds, wrap, this.#options.startPosition, this.#options.startFrame);
  }

  /** A publisher begins. */
  publish(previous: TimelineEnd | null = null): LiveStream {
    const { settings } = this;
    return new LiveStream({ streamId: 1, settings, lease: this.lease(), previous, host: this });
  }

  /** A publisher's messages of one read. */
  send(stream: LiveStream, messages: readonly Message[]): void {
    for (const message of messages) {
      stream.append(message);
    }
    stream.flush();
  }

  /** A player's connection; it has not joined. */
  connect(messageStream = 1): number {
    const row = this.#nextRow;
    this.#nextRow += 1;
    this.board.clear(row);
    this.board.state[row] = RowState.Given;
    this.board.place[row] = -1;
    this.board.stream[row] = 1;
    this.board.messageStream[row] = messageStream;
    this.rows.adopt(row, { noDelay: true, stallMs: 0, unsentBytes: 0 });
    return row;
  }

  /** A player that joins. */
  play(messageStream = 1): number {
    const row = this.connect(messageStream);
    if (messageStream !== 1) {
      this.board.flags[row] = 32;
    }
    this.fanOut.join(row);
    return row;
  }

  /** Gives a row room for so many bytes, and lets it be sent to when it has any. */
  giveRoom(row: number, bytes: number): void {
    const fake = this.transport.of(row);
    fake.room = bytes;
    if (bytes > 0 && fake.wantsRoom) {
      this.rows.unblock(row);
      this.fanOut.sendRow(row);
      if (this.rows.flushPending(row) === false) {
        this.rows.block(row);
      }
    }
  }

  /** Ticks so many times. */
  tick(times = 1, stepMs = 10): void {
    for (let tick = 0; tick < times; tick += 1) {
      this.clock += stepMs;
      this.fanOut.tick();
      for (const one of this.cutTurns.splice(0)) {
        one.continueTurn();
      }
    }
  }

  /** What the row's peer understood. */
  received(row: number): Received {
    return decode(this.transport.bytes(row));
  }

  /** Answers the oldest request for a ring. */
  answer(stream: LiveStream, hasMemory = true): void {
    const wrap = this.requests.shift();
    assert.ok(wrap !== undefined, "no ring was asked for");
    stream.installRing(hasMemory ? this.lease(wrap) : null);
  }

  // --- FanOutHost and LiveStreamHost ---

  now(): number {
    return this.clock;
  }

  stretch(): number {
    return this.stretched;
  }

  endRow(row: number, reason: FanOutEnd): void {
    this.ended.push({ row, reason });
    this.fanOut.leave(row);
    this.rows.close(row, reason === "passed by the ring");
  }

  sendCopies(view: RingView, row: number): number {
    return this.#copies.send(view, row);
  }

  ringReleased(ringId: number): void {
    this.released.push(ringId);
  }

  continueLater(fanOut: TurnTaker): void {
    this.cutTurns.push(fanOut);
  }

  turnEnd(): number {
    return this.clock + this.turnLimit;
  }

  requestRing(_stream: LiveStream, wrapBytes: number): void {
    this.requests.push(wrapBytes);
    this.requested += 1;
  }

  ringOpened(_stream: LiveStream, opened: RingLease): void {
    this.opened.push(opened);
    if (this.isFollowed) {
      this.fanOut.openRing(opened);
    }
  }

  ringClosed(closed: RingLease): void {
    this.closed.push(closed);
  }

  wake(_stream: LiveStream, _writer: RingWriter): void {
    this.fanOut.advance();
  }
}
