/**
 * One stream's files as gateways hold them: numbered, announced once, and dropped when no viewer can want them.
 */
import type { HlsFile, HlsSettings } from "../../protocol/control/hls.ts";
import type { FileName } from "./names.ts";

/** Whoever may have the last file of a group may have the whole of it: so far ahead, and no further. */
const GROUP_MS = 30_000;
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

/** Segments that are signed alike. */
export function segmentsOfGroup({ windowMs, fragmentMs }: HlsSettings): number {
  return Math.max(1, Math.floor(Math.max(GROUP_MS, windowMs / GROUPS_OF_WINDOW) / fragmentMs));
}

/** Files by the URI under which playlists name them. */
export class Shelf {
  readonly #nextId: () => number;
  readonly #kept = new Map<string, Kept>();
  #added: HlsFile[] = [];
  #dropped: number[] = [];
  /** Of all that is there. */
  bytes = 0;
  readonly #groupSegments: number;
  /** Of what is put: number of its first segment. Those of one stream only rise. */
  #group = Number.NEGATIVE_INFINITY;

  /** @param nextId Numbers that no other shelf of the thread gives. @param groupSegments Segments that are signed alike. */
  constructor(nextId: () => number, groupSegments: number) {
    this.#nextId = nextId;
    this.#groupSegments = groupSegments;
  }

  get group(): number {
    return this.#group;
  }

  /** What is put from now on belongs to this segment. */
  advance(sequence: number): void {
    if (sequence - this.#group >= this.#groupSegments) {
      this.#group = sequence;
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
