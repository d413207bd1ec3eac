/**
 * One stream's files as gateways hold them: numbered, announced once, and dropped when no viewer can want them.
 */
import type { HlsFile, HlsSettings } from "../../protocol/control/hls.ts";
import type { FileName } from "./names.ts";

/** Files that are made within so long are signed alike. */
const GROUP_MS_MIN = 30_000;
/** A long window is a few groups: each viewer's playlist has a signature for each of them. */
const GROUPS_OF_WINDOW = 4;

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

/** How long a group of files that are signed alike goes on. Milliseconds. */
export function groupMs({ windowMs }: Pick<HlsSettings, "windowMs">): number {
  return Math.max(GROUP_MS_MIN, windowMs / GROUPS_OF_WINDOW);
}

/** Files by the URI under which playlists name them. */
export class Shelf {
  readonly #nextId: () => number;
  readonly #kept = new Map<string, Kept>();
  #added: HlsFile[] = [];
  #dropped: number[] = [];
  /** Of all that is there. */
  bytes = 0;
  readonly #groupMs: number;
  /** Of what is put: number of its first segment. Those of one stream only rise. */
  #group = 0;
  /** When it began. */
  #groupSinceMs = Number.NEGATIVE_INFINITY;

  /** @param nextId Numbers that no other shelf of the thread gives. @param groupMs See {@link groupMs}. */
  constructor(nextId: () => number, groupMs: number) {
    this.#nextId = nextId;
    this.#groupMs = groupMs;
  }

  /** What is put now is signed alike. */
  get group(): number {
    return this.#group;
  }

  /** What is put from now on belongs to this segment. `now` in milliseconds, monotonic. */
  advance(sequence: number, now: number): void {
    if (now - this.#groupSinceMs >= this.#groupMs) {
      this.#group = sequence;
      this.#groupSinceMs = now;
    }
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
    this.#added.push({
      ...{ id, path: name.path, uri: name.uri, group: this.#group },
      ...{ contentType, bytes },
    });
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
