/**
 * One stream's files as gateways hold them: numbered, announced once, and dropped when no viewer can want them.
 */
import type { HlsFile } from "../../protocol/control/hls.ts";
import type { FileName } from "./names.ts";

/** What changed since it was last told. */
export interface ShelfChange {
  readonly added: readonly HlsFile[];
  readonly dropped: readonly number[];
}

interface Kept {
  readonly id: number;
  readonly name: FileName;
  readonly isOnDisk: boolean;
  readonly bytes: number;
}

/** Files by the URI under which playlists name them. */
export class Shelf {
  readonly #nextId: () => number;
  readonly #kept = new Map<string, Kept>();
  #added: HlsFile[] = [];
  #dropped: number[] = [];
  /** Of all that is there. */
  bytes = 0;

  /** @param nextId Numbers that no other shelf of the thread gives. */
  constructor(nextId: () => number) {
    this.#nextId = nextId;
  }

  /** Puts a file there. One of the same name before it leaves. @returns its bytes, shared. */
  put(
    name: FileName,
    contentType: string,
    pieces: readonly Uint8Array[],
    isOnDisk: boolean,
  ): SharedArrayBuffer {
    const bytes = new SharedArrayBuffer(pieces.reduce((sum, piece) => sum + piece.length, 0));
    const view = new Uint8Array(bytes);
    let offset = 0;
    for (const piece of pieces) {
      view.set(piece, offset);
      offset += piece.length;
    }
    this.take(name.uri);
    const id = this.#nextId();
    this.#kept.set(name.uri, { id, name, isOnDisk, bytes: bytes.byteLength });
    this.bytes += bytes.byteLength;
    this.#added.push({ id, path: name.path, contentType, bytes });
    return bytes;
  }

  /** Takes a file away. @returns where it stands on disk; null when it does not. */
  take(uri: string): string | null {
    const kept = this.#kept.get(uri);
    if (kept === undefined) {
      return null;
    }
    this.#kept.delete(uri);
    this.bytes -= kept.bytes;
    this.#dropped.push(kept.id);
    return kept.isOnDisk ? kept.name.file : null;
  }

  /** All URIs, oldest first. */
  get uris(): string[] {
    return [...this.#kept.keys()];
  }

  /** @returns what changed since the last call. */
  takeChange(): ShelfChange {
    const change = { added: this.#added, dropped: this.#dropped };
    this.#added = [];
    this.#dropped = [];
    return change;
  }
}
