/** The playing connections of one shard, rows and not objects: taken over, polled, watched for standing still, ended. */
import type { Board } from "../../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  GivePlayer,
  StreamSettings,
} from "../../protocol/control/calls.ts";
import { IDLE_CONNECTION_MS } from "../../protocol/limits.ts";
import type { ChunkDecoderSnapshot } from "../../protocol/rtmp/chunk-decoder.ts";
import { elapsedMs, MS_MASK } from "../io/clock.ts";
import { RowEvent } from "../io/row-transport.ts";
import type { SocketRows } from "../io/socket-rows.ts";
import type { FanOut } from "../stream/fan-out.ts";
import { RowFlag } from "../stream/row-flags.ts";
import { slowest } from "../stream/slowest.ts";
import { playEndOf } from "./notices.ts";
import { limitPlay } from "./play-limit.ts";
import { PlayerDialogue } from "./player-dialogue.ts";
import type { TakenRow } from "./publisher-host.ts";

/** Reads taken from one row in one turn: fairness under a flood. */
const READS_PER_TURN = 4;
/** A player that took bytes this recently may have a larger ring. */
const TOOK_LATELY_MS = 2000;

/** What the players ask of their shard. */
export interface PlayersHost {
  readonly board: Board;
  readonly rows: SocketRows;
  now(): number;
  /** The stream's fan-out; it exists from the primary's news on. */
  fanOut(streamId: number): FanOut | undefined;
  admit(question: AdmissionQuestion): Promise<AdmissionAnswer>;
  /** Makes an admitted stream known here. */
  learn(answer: AdmissionAnswer & { allowed: true }): void;
  /** A play ended and its connection stays. */
  playEnded(row: number, play: number): void;
  /** The row, which is at a message boundary, is no player's any more. @param unsent **Owned**. */
  share(taken: TakenRow, unsent: Uint8Array): void;
  gone(row: number, reason: EndReason, detail: string, bytesIn: number, bytesOut: number): void;
}

/** All players of a shard. */
export class Players {
  readonly #host: PlayersHost;
  readonly #board: Board;
  readonly #rows: SocketRows;
  readonly #dialogue: PlayerDialogue;
  /** When rows that play nothing last said something. Milliseconds, monotonic. */
  readonly #idleSince = new Map<number, number>();
  count = 0;
  stalls = 0;
  resets = 0;
  #isDraining = false;

  constructor(host: PlayersHost) {
    this.#host = host;
    this.#board = host.board;
    this.#rows = host.rows;
    const end = (row: number, reason: EndReason, detail: string): void =>
      this.end(row, reason, detail);
    const share = (taken: TakenRow): void => this.#share(taken);
    this.#dialogue = new PlayerDialogue({ ...host, end, share });
  }

  /** Takes a given player over and starts it. */
  adopt(give: GivePlayer<ChunkDecoderSnapshot>): void {
    const { row } = give;
    const fanOut = this.#host.fanOut(give.streamId);
    const settings = fanOut?.settings;
    const isWatched = this.#rows.adopt(row, {
      noDelay: settings?.tcpNodelay ?? true,
      stallMs: settings?.playerStallMs ?? 0,
      unsentBytes: fanOut?.unsentBytes ?? 0,
    });
    this.count += 1;
    this.#touch(row);
    this.#board.messageStream[row] = give.messageStream;
    this.#board.stream[row] = give.streamId;
    this.#board.place[row] = -1;
    this.#dialogue.open(row, give.identity, give.decoder);
    if (give.messageStream !== 1) {
      this.#setFlag(row, RowFlag.Copied);
    }
    limitPlay(this.#board, row, this.#board.leftMs[row] ?? 0);
    if (!isWatched) {
      this.end(row, "network error", "cannot be watched");
      return;
    }
    fanOut?.join(row);
    if (give.rest.length > 0 && this.#dialogue.has(row)) {
      this.#dialogue.take(row, give.rest);
    }
    if (this.#isDraining) {
      this.#dialogue.requestReconnect(row);
    }
  }

  /** Looks at every row with something to read, room to write, or a peer that left. */
  poll(): void {
    const count = this.#rows.poll();
    for (let index = 0; index < count; index += 1) {
      const row = this.#rows.eventRow(index);
      const bits = this.#rows.eventBits(index);
      if (!this.#dialogue.has(row)) {
        continue;
      }
      if ((bits & RowEvent.Out) !== 0) {
        this.#writable(row);
      }
      const isInbound = (bits & (RowEvent.In | RowEvent.RdHup | RowEvent.Hup | RowEvent.Err)) !== 0;
      if (isInbound && this.#dialogue.has(row)) {
        this.#readable(row, (bits & (RowEvent.Hup | RowEvent.Err)) !== 0);
      }
    }
  }

  /** Every 100 ms: rows that are full are looked at for lag and for standing still. */
  checkBlocked(): void {
    const now = this.#host.now();
    for (const row of [...this.#rows.blocked]) {
      const fanOut = this.#host.fanOut(this.#board.stream[row] ?? 0);
      const unacknowledged = this.#rows.unacknowledged(row);
      const stillFor = this.#stillFor(row, unacknowledged, now);
      if (fanOut !== undefined && stillFor > fanOut.settings.playerStallMs) {
        this.stalls += 1;
        this.end(row, "stalled", `took nothing for ${Math.round(stillFor)} ms`);
        continue;
      }
      fanOut?.checkLag(row, Math.max(0, unacknowledged), stillFor < TOOK_LATELY_MS);
    }
  }

  /** Memory is short: ends at most so many of those that lag most. */
  endSlow(count: number): void {
    const now = this.#host.now();
    const lagOf = (row: number): number => {
      const unacknowledged = this.#rows.unacknowledged(row);
      const stillFor = this.#stillFor(row, unacknowledged, now);
      const fanOut = this.#host.fanOut(this.#board.stream[row] ?? 0);
      return Math.max(stillFor, fanOut?.lagMs(row, Math.max(0, unacknowledged)) ?? 0);
    };
    for (const { row, lagMs } of slowest(this.#rows.blocked, count, lagOf)) {
      this.end(row, "no memory", `${Math.round(lagMs)} ms behind`);
    }
  }

  /** A reload has changed what the sockets of a stream's players are told. */
  tune(streamId: number, { tcpNodelay, playerStallMs }: StreamSettings): void {
    for (const row of this.#dialogue.rows) {
      if (this.#board.stream[row] === streamId) {
        this.#rows.tune(row, { noDelay: tcpNodelay ?? true, stallMs: playerStallMs });
      }
    }
  }

  /** Every second: message counts fall, and rows that play nothing are looked at. */
  tickSlow(): void {
    this.#dialogue.tickSlow();
    const now = this.#host.now();
    for (const row of this.#dialogue.rows) {
      if (this.#board.stream[row] !== 0) {
        this.#idleSince.delete(row);
      } else if (!this.#idleSince.has(row)) {
        this.#idleSince.set(row, now);
      }
    }
    for (const [row, since] of this.#idleSince) {
      if (now - since > IDLE_CONNECTION_MS) {
        this.end(row, "closed", `played nothing for ${Math.round(now - since)} ms`);
      }
    }
  }

  /** Ends a player's connection. */
  end(row: number, reason: EndReason, detail = ""): void {
    if (!this.#dialogue.has(row)) {
      return;
    }
    const told = playEndOf(reason);
    if (told !== undefined) {
      this.#dialogue.tell(row, told);
    }
    this.#dialogue.close(row);
    this.#idleSince.delete(row);
    this.count -= 1;
    this.#host.fanOut(this.#board.stream[row] ?? 0)?.leave(row);
    const isPassed = reason === "passed by the ring";
    this.resets += isPassed ? 1 : 0;
    const bytesIn = this.#board.bytesIn[row] ?? 0;
    const bytesOut = this.#board.bytesOut[row] ?? 0;
    // What the kernel still holds for it would go on using memory.
    this.#rows.close(row, isPassed || reason === "no memory");
    this.#host.gone(row, reason, detail, bytesIn, bytesOut);
  }

  /** The server stops gracefully: players that understand it are asked to connect again, newcomers too. */
  drain(): void {
    this.#isDraining = true;
    for (const row of [...this.#dialogue.rows]) {
      this.#dialogue.requestReconnect(row);
    }
  }

  /** Ends every player. */
  endAll(reason: EndReason): void {
    for (const row of [...this.#dialogue.rows]) {
      this.end(row, reason);
    }
  }

  has(row: number): boolean {
    return this.#dialogue.has(row);
  }

  /** Gives a row up that is to carry several streams. */
  #share(taken: TakenRow): void {
    const { row } = taken;
    if (this.#host.fanOut(this.#board.stream[row] ?? 0)?.detach(row) === false) {
      this.end(row, "passed by the ring");
      return;
    }
    this.#dialogue.close(row);
    this.count -= 1;
    this.#host.share(taken, this.#rows.release(row));
  }

  #readable(row: number, isBroken: boolean): void {
    for (let reads = 0; reads < READS_PER_TURN; reads += 1) {
      const bytes = this.#rows.read(row);
      if (bytes === null) {
        break;
      }
      if (bytes.length === 0) {
        this.end(row, "closed by peer");
        return;
      }
      this.#idleSince.delete(row);
      this.#dialogue.take(row, bytes);
      if (!this.#dialogue.has(row)) {
        return;
      }
    }
    if (isBroken) {
      this.end(row, "network error");
    }
  }

  #writable(row: number): void {
    this.#touch(row);
    this.#rows.unblock(row);
    this.#host.fanOut(this.#board.stream[row] ?? 0)?.sendRow(row);
    const isPending = ((this.#board.flags[row] ?? 0) & RowFlag.Pending) !== 0;
    if (this.#dialogue.has(row) && isPending) {
      this.#flushPending(row);
    }
  }

  #flushPending(row: number): void {
    const flushed = this.#rows.flushPending(row);
    if (flushed === null) {
      this.end(row, "network error");
    } else if (!flushed) {
      this.#rows.block(row);
    }
  }

  #setFlag(row: number, flag: number): void {
    this.#board.flags[row] = (this.#board.flags[row] ?? 0) | flag;
  }

  #touch(row: number): void {
    this.#board.progress[row] = this.#host.now() & MS_MASK;
  }

  /** Milliseconds for which the peer has acknowledged nothing. */
  #stillFor(row: number, unacknowledged: number, now: number): number {
    const { bytesOut, taken, progress } = this.#board;
    const acknowledged = ((bytesOut[row] ?? 0) - Math.max(0, unacknowledged)) | 0;
    if (taken[row] !== acknowledged) {
      taken[row] = acknowledged;
      // `now` is older than the touch: the difference would be negative, which reads as the longest time there is.
      this.#touch(row);
      return 0;
    }
    return elapsedMs(now, progress[row] ?? 0);
  }
}
