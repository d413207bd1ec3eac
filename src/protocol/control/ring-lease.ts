/** What passes from one writer of a stream to the next: a ring, and where its time line stands. */

/** A ring that a thread may use until it says `ring-released`, once for every lease it was sent. */
export interface RingLease {
  readonly ringId: number;
  /** **Shared**. */
  readonly memory: SharedArrayBuffer;
  /** An edge sends it on to its origins: it is recorded there, not here. */
  readonly isPushed?: boolean;
}

/** Where the time line of a stream stood when its last publisher left. */
export interface TimelineEnd {
  /** Last output timestamps in milliseconds, modulo 2^32; -1 where the track had none. */
  readonly audio: number;
  readonly video: number;
}
