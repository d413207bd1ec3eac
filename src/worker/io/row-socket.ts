/** A publisher's connection, whatever carries its bytes. */

/** Who uses the connection. */
export interface RowSocketSink {
  /** Bytes of one read, **borrowed**. @returns false to stop reading until {@link RowSocket.resume}. */
  read(bytes: Uint8Array): boolean;
  /** The kernel has taken all that waited. */
  drained(): void;
  /** The connection is closed; nothing follows. */
  closed(error: Error | undefined): void;
}

/** The one user of an adopted connection. */
export interface RowSocket {
  /** Bytes that the kernel has not taken yet. */
  readonly backlogBytes: number;
  /** Bytes are read when {@link readNow} is called, and not as they come. */
  readonly isLeisurely: boolean;
  /** Lets bytes gather where that saves work, or stops that. The peer's end is noticed at once in either case. */
  setLeisurely(on: boolean): void;
  /** Reads what has gathered; not while paused. */
  readNow(): void;
  /** Sends a copy of borrowed bytes. */
  write(bytes: Uint8Array): void;
  /** Reads no more. */
  pause(): void;
  /** Reads again after `read` returned false or {@link pause}. */
  resume(): void;
  /** Lets queued replies go out, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}
