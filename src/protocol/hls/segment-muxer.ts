/**
 * The two containers of HLS segments behind one interface.
 */
import type { AudioTrack, ElementaryFrame, VideoTrack } from "../flv/elementary-frame.ts";
import { FragmentWriter } from "../fmp4/fragment-writer.ts";
import { PacketBuffer } from "../mpegts/packet-buffer.ts";
import { TsMuxer, type TsMuxerOptions } from "../mpegts/ts-muxer.ts";

/** Muxes frames into parts. */
export interface SegmentMuxer {
  /** A track may be added without a new segment. */
  readonly canAddTracks: boolean;
  /** The current part takes no more frames. */
  readonly isFull: boolean;
  carries(track: VideoTrack | AudioTrack): boolean;
  setVideo(track: VideoTrack | null): void;
  setAudio(track: AudioTrack | null): void;
  /** @returns the init segment of the tracks as they are, owned; null where the container has none. */
  encodeInit(): Uint8Array | null;
  beginSegment(): void;
  /** Another time line begins with the next frame. */
  breakLine(): void;
  /** **Memory**: copies. */
  write(frame: ElementaryFrame): void;
  /** @returns what was written since the last call, owned; null when nothing was. */
  takePart(nextVideoMs: number): Uint8Array | null;
}

/** Segments as MPEG transport streams; each begins with tables. */
export class TsSegmentMuxer implements SegmentMuxer {
  readonly canAddTracks = true;
  readonly isFull = false;
  readonly #muxer: TsMuxer;
  readonly #packets = new PacketBuffer();

  constructor(options: TsMuxerOptions = {}) {
    this.#muxer = new TsMuxer(options);
  }

  carries(track: VideoTrack | AudioTrack): boolean {
    return TsMuxer.carries(track);
  }

  setVideo(track: VideoTrack | null): void {
    this.#muxer.setVideo(track);
  }

  setAudio(track: AudioTrack | null): void {
    this.#muxer.flush(this.#packets);
    this.#muxer.setAudio(track);
  }

  encodeInit(): Uint8Array | null {
    return null;
  }

  beginSegment(): void {
    this.#muxer.restartTables();
  }

  breakLine(): void {
    this.#muxer.breakLine();
  }

  write(frame: ElementaryFrame): void {
    this.#muxer.write(frame, this.#packets);
  }

  takePart(): Uint8Array | null {
    this.#muxer.flush(this.#packets);
    return this.#packets.length === 0 ? null : this.#packets.take();
  }
}

/** Segments as movie fragments, with an init segment. */
export class Fmp4SegmentMuxer implements SegmentMuxer {
  readonly canAddTracks = false;
  readonly #writer = new FragmentWriter();

  get isFull(): boolean {
    return this.#writer.isFull;
  }

  carries(): boolean {
    return true;
  }

  setVideo(track: VideoTrack | null): void {
    this.#writer.setVideo(track);
  }

  setAudio(track: AudioTrack | null): void {
    this.#writer.setAudio(track);
  }

  encodeInit(): Uint8Array | null {
    return this.#writer.encodeInit();
  }

  beginSegment(): void {
    // Each fragment says its own time; nothing else begins a segment.
  }

  breakLine(): void {
    this.#writer.breakLine();
  }

  write(frame: ElementaryFrame): void {
    this.#writer.write(frame);
  }

  takePart(nextVideoMs: number): Uint8Array | null {
    return this.#writer.finish(nextVideoMs);
  }
}
