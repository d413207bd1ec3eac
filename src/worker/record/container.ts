/** The containers of recordings behind one interface. */
import type { FilePatch } from "../jobs/recordings.ts";

/** Turns messages into the bytes of one file. Timestamps are the file's own. */
export interface Container {
  /** What comes does not fit this file any more: it is to end at the next place where another may begin. */
  readonly isSpent: boolean;
  /** So many bytes are worth a write; fewer are written once a second. */
  readonly worthBytes: number;
  /** Bytes that {@link take} would give. */
  readonly readyBytes: number;
  /** Bytes held that are not ready. */
  readonly heldBytes: number;
  /** Metadata or a sequence header. **Memory**: copies. */
  header(type: number, timestamp: number, payload: Uint8Array): void;
  /** **Memory**: copies. */
  frame(type: number, timestamp: number, payload: Uint8Array): void;
  /** @returns what is ready, owned; a file that ends with it can be played. */
  take(): Uint8Array<ArrayBuffer>;
  /** Nothing more comes: what is held is ready. */
  end(): void;
  /** What the file's beginning says by its end. @param written what of it is there */
  patches(written: { readonly bytes: number; readonly durationMs: number }): FilePatch[];
}
