/**
 * What an origin has read of a stream that is pushed to it. What kernels have taken says little: an origin that hangs
 * goes on taking for as long as there is room, and that is lost with it. RTMP is read in order, so the answer to a ping,
 * or an Acknowledgement that counts so far, tells of everything before it.
 *
 * Pure: the owner says what was sent, heard and when. Units: milliseconds; ring positions are Int32; bytes of the
 * connection count from its first one.
 *
 * Peers: SRS answers pings and acknowledges half windows, from the handshake on; nginx-rtmp answers pings and
 * acknowledges windows, from after the handshake, and starts again at 0xf0000000; Node-Media-Server 4 does neither.
 */

/** Kept at most; when there are as many, the newest one moves on. */
const MARKS_MAX = 64;
/** An origin that has answered none of so many pings is not asked again. */
const PINGS_UNANSWERED_MAX = 10;
/** A mark is set after as many bytes, and at this share of the stall limit, but not later than that. */
const MARK_BYTES = 64 * 1024;
const MARKS_PER_STALL = 4;
const MARK_MS_MAX = 1000;
/** First number of pings. */
const FIRST_PING = 1;

/** A place up to which everything was sent. */
interface Mark {
  position: number;
  sentBytes: number;
  /** When the first byte after the mark before it was sent. */
  since: number;
  at: number;
  /** Number of its ping; 0: none. */
  ping: number;
}

/** Of one attempt, from its Start on. */
export class Confirmations {
  readonly #stallMs: number;
  /** In order of sending. */
  readonly #marks: Mark[] = [];
  #position: number;
  #markedBytes: number;
  #markedAt: number = Number.NEGATIVE_INFINITY;
  /** Since when there are bytes after the last mark; undefined: none. */
  #unmarkedSince: number | undefined;
  #lastPing: number = FIRST_PING - 1;
  #hasPonged = false;
  /** Bytes that were acknowledged, and the number that came last. */
  #acknowledged = 0;
  #acknowledgement = 0;
  /** Most bytes from one acknowledgement to the next; 0: none came. */
  #window = 0;
  #confirmedAt: number;

  /** @param position Of the first byte of media that will be sent. */
  constructor(stallMs: number, start: { position: number; sentBytes: number; now: number }) {
    this.#stallMs = stallMs;
    this.#position = start.position;
    this.#markedBytes = start.sentBytes;
    this.#confirmedAt = start.now;
  }

  /** The origin has given a sign at least once: it can be judged by them. */
  get hasAnswered(): boolean {
    return this.#hasPonged || this.#window > 0;
  }

  /** Ring position up to which the origin has read. */
  get position(): number {
    return this.#position;
  }

  /** Notes that bytes were sent. @returns true when a mark is due at once. */
  sent(sentBytes: number, now: number): boolean {
    this.#unmarkedSince ??= now;
    return sentBytes - this.#markedBytes >= MARK_BYTES;
  }

  /** True when a mark is due for the time that has passed. */
  isMarkDue(now: number): boolean {
    const every = Math.min(MARK_MS_MAX, this.#stallMs / MARKS_PER_STALL);
    return this.#unmarkedSince !== undefined && now - this.#markedAt >= every;
  }

  /** Notes that everything before a position was sent. @returns number of the ping to send now; 0: none. */
  mark(position: number, sentBytes: number, now: number): number {
    const mayAsk = this.#hasPonged || this.#lastPing < PINGS_UNANSWERED_MAX;
    const isFull = this.#marks.length >= MARKS_MAX;
    const ping = mayAsk && !isFull ? (this.#lastPing + 1) >>> 0 : 0;
    const newest = this.#marks.at(-1);
    if (isFull && newest !== undefined) {
      newest.position = position;
      newest.sentBytes = sentBytes;
      // Its answer would tell of less.
      newest.ping = 0;
    } else {
      const since = this.#unmarkedSince ?? now;
      this.#marks.push({ position, sentBytes, since, at: now, ping });
    }
    this.#lastPing = ping === 0 ? this.#lastPing : ping;
    this.#markedBytes = sentBytes;
    this.#markedAt = now;
    this.#unmarkedSince = undefined;
    return ping;
  }

  /** A ping was answered. */
  pong(value: number, now: number): void {
    if (value < FIRST_PING || value > this.#lastPing) {
      return;
    }
    this.#hasPonged = true;
    this.#confirm(this.#marks.findIndex(({ ping }) => ping === value) + 1, now);
  }

  /** An Acknowledgement came; `sentBytes` were sent so far. */
  acknowledged(number: number, sentBytes: number, now: number): void {
    const step = (number - this.#acknowledgement) >>> 0;
    if (step === 0) {
      return;
    }
    this.#acknowledgement = number;
    if (this.#acknowledged + step > sentBytes) {
      // It counts anew, and has read something meanwhile: nobody knows how much.
      this.#confirmedAt = now;
      return;
    }
    this.#acknowledged += step;
    this.#window = Math.max(this.#window, step);
    const first = this.#marks.findIndex((mark) => mark.sentBytes > this.#acknowledged);
    this.#confirm(first === -1 ? this.#marks.length : first, now);
  }

  /**
   * When the origin was last known to read, as far as it has to say so; `now` while nothing is awaited.
   * Who answers pings owes an answer for every byte, who only acknowledges for each window.
   */
  aliveAt(now: number): number {
    const since = this.#hasPonged ? this.#marks[0]?.since : this.#windowSince();
    return since === undefined ? now : Math.max(this.#confirmedAt, since);
  }

  /** Whether nothing at all was heard although it could have been for so long: kernels are the only witnesses. */
  isSilent(now: number): boolean {
    const oldest = this.#marks[0];
    return !this.hasAnswered && oldest !== undefined && now - oldest.at > this.#stallMs;
  }

  /** The ring was moved: all positions with it. */
  shift(by: number): void {
    this.#position = (this.#position + by) | 0;
    for (const mark of this.#marks) {
      mark.position = (mark.position + by) | 0;
    }
  }

  /** Since when more than a window is not acknowledged. */
  #windowSince(): number | undefined {
    const limit = this.#acknowledged + this.#window;
    return this.#marks.find(({ sentBytes }) => sentBytes > limit)?.at;
  }

  /** The first so many marks are read. */
  #confirm(count: number, now: number): void {
    const last = this.#marks[count - 1];
    if (last !== undefined) {
      this.#position = last.position;
      this.#confirmedAt = now;
      this.#marks.splice(0, count);
    }
  }
}
