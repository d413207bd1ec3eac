/**
 * The streams that the API lists: those of the directory, and for a while those that have ended, as in SRS, where a
 * source is freed later than its last client leaves.
 */
import type { EndReason } from "../../protocol/control/calls.ts";
import type { AudioInfo, VideoInfo } from "../../protocol/control/stream-info.ts";
import { ENDED_STREAMS_MAX } from "../../protocol/limits.ts";
import { NO_FIGURES, type RingFigures } from "../../protocol/ring/ring-figures.ts";
import type { Coordinator, StreamEntry } from "../coordinator/coordinator.ts";
import { idOf, newId } from "./ids.ts";
import { Rate } from "./rate.ts";

/** An ended stream is listed for so long. */
const ENDED_MS = 30_000;
/** Above the bound so many leave at once: looking for them costs more than removing them. */
const REMOVED_AT_ONCE = 100;

/** Bytes received and sent. */
export interface Bytes {
  in: number;
  out: number;
}

/** A stream, from its first client until a while after the last one. */
export interface StreamRecord {
  readonly id: string;
  /** `vhost/app/stream`. */
  readonly key: string;
  readonly vhost: string;
  /** As the API names the vhost. */
  readonly vhostId: string;
  readonly app: string;
  readonly name: string;
  /** Of a client of it, '' until one is known. */
  tcUrl: string;
  /** null after its end. */
  entry: StreamEntry | null;
  video: VideoInfo | null;
  audio: AudioInfo | null;
  /** Of sessions that are over. */
  readonly ended: Bytes;
  /** Sessions that are over, by reason. */
  readonly ends: Map<EndReason, number>;
  /** Of publishes and pulls that are over. */
  past: RingFigures;
  /** Times that players who are gone were moved to a keyframe. */
  skips: number;
  /** Somebody has published it, or it was pulled. */
  wasLive: boolean;
  /** Milliseconds, monotonic; counts while there is no entry. */
  endedAt: number;
  readonly rate: Rate;
  /** Video frames. */
  readonly frameRate: Rate;
}

/** True while somebody publishes it, or it is pulled. */
export function isActive({ entry }: StreamRecord): boolean {
  return entry !== null && entry.publisher !== null && entry.ringId !== null;
}

/**
 * Whether a record is told of: its stream has a client, or had a publisher. Others are names that somebody was refused,
 * or waited for in vain, as SRS forgets them.
 */
export function isListed({ entry, wasLive }: StreamRecord): boolean {
  return entry !== null || wasLive;
}

/** What the records are kept of. */
export interface RecordsHost {
  readonly coordinator: Pick<Coordinator, "find" | "size" | "streams">;
  /** Milliseconds, monotonic. */
  now(): number;
  /** A record is let go. */
  removed(record: StreamRecord): void;
}

/** All of them, oldest first. */
export class StreamRecords {
  readonly #host: RecordsHost;
  readonly #byKey = new Map<string, StreamRecord>();
  readonly #byId = new Map<string, StreamRecord>();

  constructor(host: RecordsHost) {
    this.#host = host;
  }

  /** Brought to where the directory stands. */
  all(): Iterable<StreamRecord> {
    this.#refresh();
    return this.#byKey.values();
  }

  /** By id. */
  byId(id: string): StreamRecord | undefined {
    this.#refresh();
    return this.#byId.get(id);
  }

  /** The record of a key, made when there is none. */
  of(key: string): StreamRecord {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      return known;
    }
    const [vhost = "", app = "", ...name] = key.split("/");
    const now = this.#host.now();
    const record: StreamRecord = {
      id: newId((id) => this.#byId.has(id)),
      key,
      vhost,
      vhostId: idOf(vhost),
      app,
      name: name.join("/"),
      tcUrl: "",
      entry: this.#host.coordinator.find(key) ?? null,
      video: null,
      audio: null,
      ended: { in: 0, out: 0 },
      ends: new Map(),
      past: NO_FIGURES,
      skips: 0,
      wasLive: false,
      endedAt: now,
      rate: new Rate(now),
      frameRate: new Rate(now),
    };
    this.#byKey.set(key, record);
    this.#byId.set(record.id, record);
    this.#bound();
    return record;
  }

  #refresh(): void {
    const { coordinator } = this.#host;
    const now = this.#host.now();
    for (const { key } of coordinator.streams) {
      this.of(key);
    }
    for (const record of this.#byKey.values()) {
      const entry = coordinator.find(record.key) ?? null;
      if (record.entry !== null && entry === null) {
        record.endedAt = now;
      }
      record.entry = entry;
      record.wasLive ||= isActive(record);
      if (entry === null && now - record.endedAt > ENDED_MS) {
        this.#remove(record);
      } else if (entry === null || entry.publisher === null) {
        record.video = null;
        record.audio = null;
      }
    }
  }

  /** However fast streams come and go while nobody asks, so many are kept. */
  #bound(): void {
    const { coordinator } = this.#host;
    const most = coordinator.size + ENDED_STREAMS_MAX;
    if (this.#byKey.size <= most) {
      return;
    }
    for (const record of this.#byKey.values()) {
      if (this.#byKey.size <= most - REMOVED_AT_ONCE) {
        return;
      }
      if (coordinator.find(record.key) === undefined) {
        this.#remove(record);
      }
    }
  }

  #remove(record: StreamRecord): void {
    this.#byKey.delete(record.key);
    this.#byId.delete(record.id);
    this.#host.removed(record);
  }
}
