/**
 * The HLS of one live stream: messages in, and out come segments, keys and playlists for gateways and disk.
 *
 * One packager thread owns a stream's output for as long as it lives, through republish, takeover and reload: numbers
 * are given in one place. It keeps nothing of a ring.
 */
import type {
  HlsNews,
  HlsPlaylist,
  HlsSegmentNews,
  HlsSettings,
} from "../../protocol/control/hls.ts";
import { DateClock } from "../../protocol/hls/date-clock.ts";
import { FloorClock } from "../../protocol/hls/floor-clock.ts";
import {
  MediaPlaylist,
  type PlaylistSegment,
  type SegmentHead,
  type SegmentKey,
} from "../../protocol/hls/media-playlist.ts";
import { type PackagedPart, type PackagedSegment, Packager } from "../../protocol/hls/packager.ts";
import type { ResumePoint } from "../../protocol/hls/resume.ts";
import { Fmp4SegmentMuxer, TsSegmentMuxer } from "../../protocol/hls/segment-muxer.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";
import type { DiskCopy } from "./disk-copy.ts";
import { type FileName, HlsNames, type SegmentMoment } from "./names.ts";
import { encodePlaylist } from "./playlist-form.ts";
import { SegmentKeys } from "./segment-keys.ts";
import { groupMs, Shelf } from "./shelf.ts";

const TYPE_TS = "video/MP2T";
const TYPE_MP4 = "video/mp4";
const TYPE_KEY = "application/octet-stream";

/** Without `hls_dispose` files stay for ever, but the memory of a stream that is gone does not. */
const UNDISPOSED_MS = 600_000;

/** What an output works with. */
export interface OutputHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Wall clock, milliseconds since 1970. */
  wallMs(): number;
  nextFileId(): number;
  news(news: HlsNews): void;
  /** Files leave that no playlist lists any more. */
  dropped(key: string, ids: readonly number[]): void;
}

/** What an output is opened with. */
export interface OutputOptions {
  readonly key: string;
  readonly settings: HlsSettings;
  readonly resume: ResumePoint;
  /** null: nothing is written. */
  readonly disk: DiskCopy | null;
  readonly host: OutputHost;
  /** This thread tells of the key for the first time. */
  readonly isFirst: boolean;
  /** Init segments of earlier outputs of the key: names are not used again. */
  readonly inits: number;
}

/** One stream's output under one configuration. */
export class HlsOutput {
  readonly key: string;
  readonly settings: HlsSettings;
  readonly #host: OutputHost;
  readonly #disk: DiskCopy | null;
  readonly #names: HlsNames;
  readonly #shelf: Shelf;
  readonly #playlist: MediaPlaylist;
  readonly #packager: Packager;
  readonly #floor: FloorClock | null;
  readonly #dates = new DateClock();
  /** **Owned** pieces of the segment in the making. */
  #pieces: Uint8Array[] = [];
  /** The segment in the making; NaN before its first frame. */
  #startWallMs = Number.NaN;
  #timestamp: number | undefined;
  /** Its date in the playlist. */
  #dateMs = Number.NaN;
  #inits: number;
  #init: FileName | null = null;
  readonly #keys: SegmentKeys | null;
  /** Keys and init segments with the number of the last segment that needs them. */
  readonly #needed = new Map<string, number>();
  #isChanged = false;
  #isFirst: boolean;
  /** Milliseconds, monotonic: when media came last. */
  #lastMediaMs: number;
  #segmentNews: HlsSegmentNews | null = null;
  /** Segments that were too short or too long to be listed. */
  unlisted = 0;

  constructor({ key, settings, resume, disk, host, isFirst, inits }: OutputOptions) {
    this.key = key;
    this.settings = settings;
    this.#host = host;
    this.#disk = disk;
    this.#isFirst = isFirst;
    this.#inits = inits;
    this.#names = new HlsNames(key, settings);
    this.#shelf = new Shelf(() => host.nextFileId(), groupMs(settings));
    this.#shelf.advance(resume.firstSequence, host.now());
    this.#lastMediaMs = host.now();
    const { fragmentMs, aofRatio, waitKeyframe, windowMs, targetRatio, isFmp4 } = settings;
    const partTargetMs = this.#isLowLatency ? settings.partMs : 0;
    const targetMs = Math.max(1000, fragmentMs * targetRatio);
    this.#playlist = new MediaPlaylist({ targetMs, windowMs, partTargetMs, ...resume });
    const muxer = isFmp4
      ? new Fmp4SegmentMuxer()
      : new TsSegmentMuxer({ isAudioCounted: !settings.dtsDirectly });
    const options = { fragmentMs, aofRatio, waitKeyframe, partTargetMs };
    this.#packager = new Packager(muxer, options, {
      init: (bytes) => this.#putInit(bytes),
      part: (part) => this.#putPart(part),
      segment: (segment) => this.#endSegment(segment),
    });
    this.#keys = settings.isEncrypted
      ? new SegmentKeys(this.#names, settings.fragmentsPerKey, (name, bytes) =>
          this.#putKey(name, bytes),
        )
      : null;
    this.#floor = settings.tsFloor ? new FloorClock(fragmentMs) : null;
  }

  /** Where a later life of the playlist goes on. */
  get resume(): ResumePoint {
    const listed = this.#playlist.segments.filter(({ isDiscontinuity }) => isDiscontinuity).length;
    return {
      firstSequence: this.#playlist.nextSequence,
      firstDiscontinuity: this.#playlist.discontinuitySequence + listed,
      earlierTargetMs: this.#playlist.targetSeconds * 1000,
    };
  }

  /** Init segments made so far. */
  get inits(): number {
    return this.#inits;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#shelf.bytes;
  }

  /** Lets the oldest segment go before its time. @returns false when no more can be spared. */
  shrink(): boolean {
    const segment = this.#playlist.takeOldest();
    if (segment === null) {
      return false;
    }
    this.#discardSegment(segment);
    this.#isChanged = true;
    return true;
  }

  /** How long players may still ask for what was made: {@link retire} it then. Milliseconds. */
  get graceMs(): number {
    return this.settings.windowMs + 3000 * this.#playlist.targetSeconds;
  }

  /** Nobody published for so long that the output is to be disposed of. */
  get isStale(): boolean {
    const { disposeMs } = this.settings;
    const graceMs = disposeMs > 0 ? disposeMs : UNDISPOSED_MS;
    return this.#host.now() - this.#lastMediaMs > graceMs;
  }

  /** Takes a message. **Memory**: the payload is borrowed. */
  message(type: number, timestamp: number, payload: Uint8Array): void {
    const { audioCodec, videoCodec } = this.settings;
    const isLeftOut =
      (type === MessageType.Audio && audioCodec === "an") ||
      (type === MessageType.Video && videoCodec === "vn");
    const isMedia = type === MessageType.Audio || type === MessageType.Video;
    if (isLeftOut || !isMedia) {
      return;
    }
    const now = this.#host.now();
    this.#lastMediaMs = now;
    if (Number.isNaN(this.#startWallMs)) {
      this.#beginSegment();
    } else if (Number.isNaN(this.#packager.segmenter.startMs)) {
      // Still without its first frame: a keyframe is waited for.
      this.#dateMs = this.#dates.begin(this.#host.wallMs());
    }
    this.#packager.push(type, timestamp, payload, now);
  }

  /** What follows is another time line: the segment in the making ends. */
  finish(): void {
    this.#packager.finish();
    this.#pieces = [];
    this.#startWallMs = Number.NaN;
    this.#dates.restart();
    this.#playlist.breakLine();
    this.#isChanged = true;
    this.flush();
  }

  /** Tells what changed, with what may go. */
  flush(): void {
    for (const segment of this.#playlist.takeDisposable(this.#host.now())) {
      this.#discardSegment(segment);
    }
    this.#discardUnneeded();
    const { added, dropped } = this.#shelf.takeChange();
    if (!this.#isChanged && added.length === 0 && dropped.length === 0) {
      return;
    }
    this.#isChanged = false;
    const playlist = encodePlaylist(this.#playlist, this.#names, this.#shelf.group);
    if (playlist !== null) {
      this.#disk?.writePlaylist(this.#names.playlist.file, playlist.text);
    }
    this.#tell(playlist, added, dropped);
  }

  /** Another output has gone on with the playlist: what was made leaves. */
  retire(): void {
    const segments = this.#playlist.takeAll();
    for (const { uri } of segments) {
      this.#discard(uri);
    }
    for (const uri of this.#shelf.uris) {
      this.#shelf.take(uri);
    }
    const { dropped } = this.#shelf.takeChange();
    this.#host.dropped(this.key, dropped);
  }

  /** Nothing of it is served any more, and with `hls_cleanup` and `hls_dispose` nothing of it stays on disk. */
  dispose(): void {
    const { cleanup, disposeMs } = this.settings;
    this.#playlist.takeAll();
    for (const uri of this.#shelf.uris) {
      const file = this.#shelf.take(uri);
      if (file !== null && cleanup && disposeMs > 0) {
        this.#disk?.remove(file);
      }
    }
    if (cleanup && disposeMs > 0) {
      this.#disk?.remove(this.#names.playlist.file);
    }
    const { added, dropped } = this.#shelf.takeChange();
    this.#tell(null, added, dropped);
  }

  get #isLowLatency(): boolean {
    // A part of a segment that is encrypted as a whole cannot be read by itself.
    return this.settings.isLowLatency && !this.settings.isEncrypted;
  }

  #beginSegment(): void {
    this.#startWallMs = this.#host.wallMs();
    this.#dateMs = this.#dates.begin(this.#startWallMs);
    if (this.#floor !== null) {
      const step = this.#floor.step(this.#startWallMs);
      this.#timestamp = step.timestamp;
      this.#packager.segmenter.deviationMs = step.deviationMs;
    }
  }

  #putInit(bytes: Uint8Array): void {
    this.#inits += 1;
    this.#init = this.#names.init(this.#inits);
    this.#needed.set(this.#init.uri, this.#playlist.nextSequence);
    this.#put(this.#init, TYPE_MP4, [bytes]);
  }

  #putPart({ bytes, durationMs, isIndependent, isDiscontinuity }: PackagedPart): void {
    this.#pieces.push(bytes);
    if (!this.#isLowLatency) {
      return;
    }
    const name = this.#names.part(this.#playlist.nextSequence, this.#playlist.openParts.length);
    this.#shelf.put(name, this.#mediaType, [bytes], false);
    const head = this.#head(isDiscontinuity, null);
    this.#playlist.addPart({ uri: name.uri, durationMs, isIndependent }, head);
    this.#isChanged = true;
  }

  #endSegment({ durationMs, isDiscontinuity }: PackagedSegment): void {
    const pieces = this.#pieces;
    const moment = this.#moment(durationMs);
    this.#pieces = [];
    const key = this.#keys?.at(moment) ?? null;
    const name = this.#names.segment(moment);
    const head = this.#head(isDiscontinuity, key);
    const listed = this.#playlist.add({ ...head, uri: name.uri, durationMs }, this.#host.now());
    this.#dates.end(this.#dateMs, durationMs);
    this.#beginSegment();
    this.#isChanged = true;
    if (listed === null) {
      this.unlisted += 1;
      return;
    }
    const { sequence } = listed;
    this.#need(listed);
    const content = this.#keys?.encrypt(pieces, sequence) ?? pieces;
    this.#put(name, this.#mediaType, content);
    this.#shelf.advance(sequence + 1, this.#host.now());
    const { playlist } = this.#names;
    this.#segmentNews = {
      sequence,
      durationMs,
      file: name.file,
      playlistFile: playlist.file,
      uri: name.uri,
      playlistPath: playlist.path,
    };
    this.flush();
  }

  get #mediaType(): string {
    return this.settings.isFmp4 ? TYPE_MP4 : TYPE_TS;
  }

  #moment(durationMs: number): SegmentMoment {
    const sequence = this.#playlist.nextSequence;
    const timestamp = this.#timestamp;
    return { sequence, durationMs, startWallMs: this.#startWallMs, timestamp };
  }

  #head(isDiscontinuity: boolean, key: SegmentKey | null): SegmentHead {
    const initUri = this.#init?.uri ?? null;
    return { isDiscontinuity, startWallMs: this.#dateMs, key, initUri };
  }

  #putKey(name: FileName, key: Uint8Array): void {
    this.#needed.set(name.uri, this.#playlist.nextSequence);
    const isServed = this.settings.keyPath === null;
    if (isServed) {
      this.#put(name, TYPE_KEY, [key]);
      return;
    }
    // Keys that stand elsewhere are given out by somebody else, who asks who wants them.
    const bytes = new SharedArrayBuffer(key.length);
    new Uint8Array(bytes).set(key);
    this.#disk?.write(name.file, bytes);
  }

  #put(name: FileName, contentType: string, pieces: readonly Uint8Array[]): void {
    const bytes = this.#shelf.put(name, contentType, pieces, this.#disk !== null);
    this.#disk?.write(name.file, bytes);
  }

  #need({ key, initUri, sequence }: PlaylistSegment): void {
    for (const uri of [key?.uri, initUri]) {
      if (uri != null) {
        this.#needed.set(uri, sequence);
      }
    }
  }

  #discardSegment({ uri, parts }: PlaylistSegment): void {
    this.#discard(uri);
    for (const part of parts) {
      this.#discard(part.uri);
    }
  }

  #discard(uri: string): void {
    const file = this.#shelf.take(uri);
    if (file !== null && this.settings.cleanup) {
      this.#disk?.remove(file);
    }
  }

  /** Keys and init segments of segments that are gone. Those of the segment in the making stay. */
  #discardUnneeded(): void {
    const oldest = this.#playlist.oldestSequence;
    for (const [uri, last] of this.#needed) {
      if (last < oldest && uri !== this.#init?.uri && uri !== this.#keys?.uri) {
        this.#needed.delete(uri);
        this.#discard(uri);
      }
    }
  }

  #tell(playlist: HlsPlaylist | null, added: HlsNews["added"], dropped: HlsNews["dropped"]): void {
    const { path } = this.#names.playlist;
    const segment = this.#segmentNews;
    this.#segmentNews = null;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#host.news({
      kind: "hls",
      key: this.key,
      path,
      playlist,
      added,
      dropped,
      segment,
      isFirst,
    });
  }
}
