/**
 * All streams of a packager by key. The directory may forget a stream and announce it again, under another number and
 * before it has taken the first one back: its output is the same.
 */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import type { HlsLeft } from "../../protocol/control/hls.ts";
import type { KnownStream } from "../stream/known-streams.ts";
import { PackagedStream, type PackagedStreamHost } from "./packaged-stream.ts";

/** Streams remembered for their numbers, of those that are neither live nor kept. */
const STREAMS_MAX = 10_000;
const SECOND_MS = 1000;
const FORGET_MS = 3_600_000;

/** Numbers of files go up from here: a successor gives others. */
const FILES_PER_MS = 1000;

/** What is made of a stream. */
type FileSettings = Pick<StreamSettings, "hls" | "dvr">;

/** What streams ask of their packager. */
export interface PackagedStreamsHost
  extends Omit<PackagedStreamHost, "nextFileId" | "nextRecordingId" | "dropped" | "inherited"> {
  /** Memory for all outputs. */
  readonly bytesMax: number;
}

/** All outputs of a thread. */
export class PackagedStreams {
  readonly #host: PackagedStreamHost;
  readonly #bytesMax: number;
  #isShort = false;
  readonly #streams = new Map<string, PackagedStream>();
  /** By directory number. */
  readonly #known = new Map<number, PackagedStream>();
  #fileId: number;
  #recordingId = 0;
  /** Playlists of this thread's predecessor by key, until somebody goes on with them; null: they are not told yet. */
  #inherited: Map<string, string> | null = null;

  constructor(host: PackagedStreamsHost) {
    this.#bytesMax = host.bytesMax;
    this.#fileId = Math.floor(host.wallMs()) * FILES_PER_MS;
    this.#host = {
      ...host,
      nextFileId: () => {
        this.#fileId += 1;
        return this.#fileId;
      },
      nextRecordingId: () => {
        this.#recordingId += 1;
        return this.#recordingId;
      },
      inherited: (key) => {
        const text = this.#inherited?.get(key) ?? "";
        this.#inherited?.delete(key);
        return this.#inherited === null ? null : text;
      },
      dropped: (key, dropped) =>
        host.news({
          ...{ kind: "hls", key, path: "", playlist: undefined, added: [], dropped },
          ...{ segment: null, isFirst: false },
        }),
    };
  }

  /** A stream that is announced. */
  know(streamId: number, key: string, settings: FileSettings): KnownStream {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new PackagedStream(key, this.#host);
      this.#streams.set(key, stream);
    }
    const known = stream;
    known.change(settings.hls, settings.dvr);
    this.#known.set(streamId, known);
    return {
      announcement: 0,
      isHurried: true,
      get skips() {
        return known.laps;
      },
      openRing: (lease) => {
        known.openRing(lease);
        known.advance();
      },
      advance: () => known.advance(),
      tick: () => known.advance(),
      tickSlow: () => undefined,
      close: () => this.#forget(streamId, known),
    };
  }

  /** What this thread's predecessor told of: nothing is made before. */
  inherit({ outputs }: HlsLeft): void {
    this.#inherited = new Map(outputs.map(({ key, text }) => [key, text]));
    for (const stream of this.#streams.values()) {
      stream.advance();
    }
  }

  /** A reload changes a stream. */
  change(streamId: number, { hls, dvr }: FileSettings): void {
    this.#known.get(streamId)?.change(hls, dvr);
  }

  /** Every second: what is stale leaves, also of streams that nobody publishes. */
  tickSlow(): void {
    this.#fit();
    const live = new Set(this.#known.values());
    const isCrowded = this.#streams.size > STREAMS_MAX;
    for (const [key, stream] of [...this.#streams]) {
      stream.tickSlow();
      if (!live.has(stream) && stream.idleMs > (isCrowded ? SECOND_MS : FORGET_MS)) {
        this.#streams.delete(key);
      }
    }
  }

  /** Windows are shortened, the largest first, while all together take too much. */
  #fit(): void {
    const streams = [...this.#streams.values()].filter(({ bytes }) => bytes > 0);
    let bytes = streams.reduce((sum, stream) => sum + stream.bytes, 0);
    const isShort = bytes > this.#bytesMax;
    streams.sort((one, other) => other.bytes - one.bytes);
    for (const stream of streams) {
      const share = this.#bytesMax / streams.length;
      while (bytes > this.#bytesMax && stream.bytes > share) {
        const before = stream.bytes;
        if (!stream.shrink()) {
          break;
        }
        bytes -= before - stream.bytes;
      }
    }
    if (isShort && !this.#isShort) {
      const text = "memory for HLS is short: windows are shortened";
      const key = streams[0]?.key ?? "";
      this.#host.trouble({ kind: "hls-trouble", key, text, disconnect: false });
    }
    this.#isShort = isShort;
  }

  /** Ends every output; resolves when what they hold is on disk. */
  async close(): Promise<void> {
    await Promise.all([...this.#streams.values()].map((stream) => stream.close()));
  }

  #forget(streamId: number, stream: PackagedStream): void {
    this.#known.delete(streamId);
    if (![...this.#known.values()].includes(stream)) {
      stream.forget();
    }
  }
}
