/**
 * The board: one per shard, in shared memory. A row is a descriptor that the shard owns, with a player's or publisher's
 * counters beside it; the primary reads them for its API and for what must be told when a shard dies.
 *
 * Ownership of a descriptor moves in one direction: the primary allocates a FREE row, writes descriptor and inode and
 * stores GIVEN before it posts; the shard stores HELD, CLOSING and FREE. Nobody else writes the state while the shard
 * lives. After the shard's exit the primary sweeps what is not FREE.
 *
 * Behind the rows of connections lie rows without a descriptor, always FREE: the shard's own, one for each play of a
 * connection that carries several streams.
 */
import { SHARING_PLAYS_MAX } from "../limits.ts";
import { TURN_CELLS } from "./turn-times.ts";

/** Who a row's descriptor belongs to. */
export const RowState = { Free: 0, Given: 1, Held: 2, Closing: 3 } as const;

/** What a row is. */
export const RowRole = { None: 0, Player: 1, Publisher: 2, System: 3 } as const;

/** The row of the shard's own epoll set; never given out. */
export const EPOLL_ROW = 0;

/** Bytes kept per row for the inbound decoder between two reads. */
const READ_STATE_BYTES = 256;

/** Shard-wide counters, indexes into {@link Board.counters}. Doubles; one writer, the shard. */
export const Counter = {
  /** Milliseconds, monotonic: the shard's loop was alive then. */
  Heartbeat: 0,
  /** Plays; a connection may have several. */
  Players: 1,
  /** Streams published; a connection may have several. */
  Publishers: 2,
  /** send(2) calls that carried media. */
  Sends: 5,
  /** Times a slow player was moved to the newest keyframe. */
  Skips: 6,
  /** Connections reset because the ring passed them. */
  Resets: 7,
  /** Players closed because they took nothing. */
  Stalls: 8,
  /** Share of time the loop was busy, 0–1. */
  Utilisation: 9,
  /** Merge stretch in force (factor k before each stream's ceiling). */
  MergeStretch: 10,
  /** Milliseconds by which the thread's loop was late, at most within the last second. */
  LoopDelay: 13,
  /** Files of recordings that do not have their names yet. */
  Recordings: 14,
  /** Bytes of recordings written. */
  RecordedBytes: 15,
  /** Files of recordings that ended because the disk failed. */
  RecordingErrors: 16,
  /** Times that some of a stream was left out of a recording because the disk was slow. */
  RecordingDrops: 17,
  /** What the thread refuses by itself, by reason: see refusal-counts.ts. */
  Refusals: 32,
} as const;
const COUNTERS = 64;
const HEAD_BYTES: number = (COUNTERS + TURN_CELLS) * 8;

const INT_COLUMNS = 17;
const DOUBLE_COLUMNS = 4;

const ROW_BYTES = DOUBLE_COLUMNS * 8 + INT_COLUMNS * 4 + READ_STATE_BYTES;

/** Bytes of a board with rows for this many connections; untouched rows cost no memory. */
export function boardBytes(rows: number): number {
  return HEAD_BYTES + (rows + SHARING_PLAYS_MAX) * ROW_BYTES;
}

/** Typed columns over one shard's board. **Shared**. */
export class Board {
  /** Rows of connections. */
  readonly rows: number;
  /** All rows: those from {@link rows} on are plays that share a connection. */
  readonly allRows: number;
  readonly counters: Float64Array;
  /** Times of fan-out: see turn-times.ts. One writer, the shard. */
  readonly turnTimes: Float64Array;
  /** Socket inode: tells whether a number still names the same socket. */
  readonly inode: Float64Array;
  readonly bytesIn: Float64Array;
  readonly bytesOut: Float64Array;
  /** Milliseconds, monotonic, of the hand-off. */
  readonly since: Float64Array;
  readonly state: Int32Array;
  readonly role: Int32Array;
  readonly descriptor: Int32Array;
  /** Directory number of the stream. */
  readonly stream: Int32Array;
  /** Ring position of the next byte to send. */
  readonly cursor: Int32Array;
  /** End of the message that the cursor stands in; equal to the cursor at a boundary. */
  readonly messageEnd: Int32Array;
  /** The shard's flags of the row. */
  readonly flags: Int32Array;
  /** Milliseconds, monotonic, low 31 bits: the peer last took a byte (player) or sent one (publisher). */
  readonly progress: Int32Array;
  /** Last acknowledgement received. */
  readonly acknowledged: Int32Array;
  /** Bytes that the peer's kernel had acknowledged at the last look, low 32 bits. */
  readonly taken: Int32Array;
  /** Times moved to a keyframe. */
  readonly skips: Int32Array;
  /** Where the row stands in its stream's list. */
  readonly place: Int32Array;
  /** Message stream id that the player plays on. */
  readonly messageStream: Int32Array;
  /** Number of the play in the primary's books; 0 while the row plays nothing. */
  readonly play: Int32Array;
  /** Row of the TLS thread's board that the connection comes from; 0: it comes from no TLS. */
  readonly front: Int32Array;
  /** Of a play that has an end: milliseconds of the stream that it may still get. The primary's, then the shard's. */
  readonly leftMs: Int32Array;
  /** Of such a play: newest time that it was sent, milliseconds modulo 2^32. */
  readonly playedTo: Int32Array;
  readonly #readState: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    const rows = Math.floor((buffer.byteLength - HEAD_BYTES) / ROW_BYTES);
    this.allRows = rows;
    this.rows = rows - SHARING_PLAYS_MAX;
    this.counters = new Float64Array(buffer, 0, COUNTERS);
    this.turnTimes = new Float64Array(buffer, COUNTERS * 8, TURN_CELLS);
    let offset = HEAD_BYTES;
    const doubles = (): Float64Array => {
      const column = new Float64Array(buffer, offset, rows);
      offset += rows * 8;
      return column;
    };
    const ints = (): Int32Array => {
      const column = new Int32Array(buffer, offset, rows);
      offset += rows * 4;
      return column;
    };
    this.inode = doubles();
    this.bytesIn = doubles();
    this.bytesOut = doubles();
    this.since = doubles();
    this.state = ints();
    this.role = ints();
    this.descriptor = ints();
    this.stream = ints();
    this.cursor = ints();
    this.messageEnd = ints();
    this.flags = ints();
    this.progress = ints();
    this.acknowledged = ints();
    this.taken = ints();
    this.skips = ints();
    this.place = ints();
    this.messageStream = ints();
    this.play = ints();
    this.front = ints();
    this.leftMs = ints();
    this.playedTo = ints();
    this.#readState = new Uint8Array(buffer, offset, rows * READ_STATE_BYTES);
  }

  /** The decoder state kept for a row. **Shared** view of {@link READ_STATE_BYTES}. */
  readState(row: number): Uint8Array {
    return this.#readState.subarray(row * READ_STATE_BYTES, (row + 1) * READ_STATE_BYTES);
  }

  /** Zeroes a row's columns before it is given out again; not its state. */
  clear(row: number): void {
    for (const column of [
      this.stream,
      this.cursor,
      this.messageEnd,
      this.flags,
      this.progress,
      this.acknowledged,
      this.taken,
      this.skips,
      this.place,
      this.messageStream,
      this.play,
      this.front,
      this.leftMs,
      this.playedTo,
    ]) {
      column[row] = 0;
    }
    this.bytesIn[row] = 0;
    this.bytesOut[row] = 0;
    this.since[row] = 0;
    this.#readState.fill(0, row * READ_STATE_BYTES, (row + 1) * READ_STATE_BYTES);
  }
}
