/** A packager, a playlist and the files between them, as an output of HLS puts them together. */
import { createCipheriv } from "node:crypto";
import { MediaPlaylist } from "../../src/protocol/hls/media-playlist.ts";
import { Packager } from "../../src/protocol/hls/packager.ts";
import { encodeMediaPlaylist } from "../../src/protocol/hls/playlist-text.ts";
import { Fmp4SegmentMuxer, TsSegmentMuxer } from "../../src/protocol/hls/segment-muxer.ts";
import type { TsMuxerOptions } from "../../src/protocol/mpegts/ts-muxer.ts";

function encrypt(plain: Uint8Array, key: Uint8Array, iv: string): Buffer {
  const cipher = createCipheriv("aes-128-cbc", key, Buffer.from(iv, "hex"));
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

export interface HlsRunOptions {
  readonly container: "ts" | "fmp4";
  readonly fragmentMs?: number;
  readonly windowMs?: number;
  readonly partTargetMs?: number;
  readonly firstSequence?: number;
  readonly ts?: TsMuxerOptions;
  /** Encrypt segments with AES-128. */
  readonly secret?: { readonly uri: string; readonly key: Uint8Array; readonly iv: string };
  /** Called with each listed segment's bytes. */
  readonly onSegment?: (bytes: Uint8Array, isDiscontinuity: boolean) => void;
}

export class HlsRun {
  readonly packager: Packager;
  readonly playlist: MediaPlaylist;
  /** Every file by its URI: segments, parts, init segments. */
  readonly files: Map<string, Uint8Array> = new Map();
  /** The clock by which segments leave. */
  nowMs = 0;
  /** Finished segments that were too short or too long to list. */
  unlisted = 0;
  #inits = 0;
  #pieces: Uint8Array[] = [];

  constructor(options: HlsRunOptions) {
    const { container, fragmentMs = 2000, windowMs = 60_000, partTargetMs = 0 } = options;
    const { firstSequence = 0 } = options;
    const suffix = container === "ts" ? "ts" : "m4s";
    this.playlist = new MediaPlaylist({
      ...{ targetMs: fragmentMs, windowMs, partTargetMs, firstSequence },
    });
    const muxer = container === "ts" ? new TsSegmentMuxer(options.ts) : new Fmp4SegmentMuxer();
    this.packager = new Packager(
      muxer,
      { fragmentMs, partTargetMs },
      {
        init: (bytes) => {
          this.#inits += 1;
          this.files.set(`init-${this.#inits}.mp4`, bytes);
        },
        part: ({ bytes, durationMs, isIndependent, isDiscontinuity }) => {
          this.#pieces.push(bytes);
          if (partTargetMs > 0) {
            const index = this.playlist.openParts.length;
            const uri = `${this.playlist.nextSequence}.${index}.${suffix}`;
            this.files.set(uri, bytes);
            const head = { isDiscontinuity, startWallMs: null, key: null, initUri: this.#initUri };
            this.playlist.addPart({ uri, durationMs, isIndependent }, head);
          }
        },
        segment: ({ durationMs, isDiscontinuity }) => {
          const { secret } = options;
          const plain = Buffer.concat(this.#pieces);
          const bytes = secret === undefined ? plain : encrypt(plain, secret.key, secret.iv);
          const key = secret === undefined ? null : { uri: secret.uri, iv: secret.iv };
          this.#pieces = [];
          const uri = `${this.playlist.nextSequence}.${suffix}`;
          const initUri = this.#initUri;
          const listed = this.playlist.add(
            { uri, durationMs, isDiscontinuity, startWallMs: null, key, initUri },
            this.nowMs,
          );
          if (listed === null) {
            this.unlisted += 1;
            return;
          }
          this.files.set(uri, bytes);
          options.onSegment?.(bytes, listed.isDiscontinuity);
        },
      },
    );
  }

  get #initUri(): string | null {
    return this.#inits === 0 ? null : `init-${this.#inits}.mp4`;
  }

  /** The playlist as players get it. */
  text(): string {
    return encodeMediaPlaylist(this.playlist);
  }
}
