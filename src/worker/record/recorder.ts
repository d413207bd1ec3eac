/**
 * Records one live stream, one file after the other: a file per publish, or per so much of it (SRS: dvr_plan).
 *
 * A file begins at a keyframe, or with the first message of a publish. A disk that fails ends the file; another one is
 * begun some seconds later. A disk that is slow costs what comes until it has room again, up to a keyframe. Live streams
 * notice neither.
 */
import type { DvrSettings, RecordingNews } from "../../protocol/control/recording.ts";
import {
  classifyAudio,
  classifyData,
  classifyVideo,
  FrameClass,
} from "../../protocol/flv/classify.ts";
import { RECORDING_WAITING_BYTES_MAX } from "../../protocol/limits.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";
import type { RecordingResult, RecordingStep } from "../jobs/recordings.ts";
import { HeaderCache, isHeaderClass } from "../stream/header-cache.ts";
import { decodeHeaderSet } from "../stream/header-set.ts";
import { isVideoFrame } from "../stream/outgoing.ts";
import type { Written } from "./growing-file.ts";
import { recordingName } from "./names.ts";
import { Recording } from "./recording.ts";

/** After the disk has failed. */
const RETRY_MS = 10_000;
/** A stream whose pictures pause for so long is one of sound. */
const VIDEO_PAUSE_MS = 10_000;
/** Some encoders send one keyframe and no other: after so much without one what comes is taken. */
const KEYFRAME_WAIT_MS = 10_000;

/** What recorders count. */
export type RecordingCount = "open" | "bytes" | "errors" | "drops";

/** What a recorder works with. */
export interface RecorderHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Wall clock, milliseconds since 1970. */
  wallMs(): number;
  /** Numbers of recordings, each once. */
  nextRecordingId(): number;
  /** Never rejects. */
  runRecordingStep(step: RecordingStep): Promise<RecordingResult>;
  recording(news: RecordingNews): void;
  count(what: RecordingCount, by: number): void;
}

/** One stream's recordings. */
export class Recorder {
  readonly #key: string;
  readonly #host: RecorderHost;
  #settings: DvrSettings | null = null;
  /** The ring's publisher is recorded elsewhere. */
  #isElsewhere = false;
  #recording: Recording | null = null;
  /** Those whose files do not have their names yet, the open one among them. */
  readonly #unfinished = new Set<Recording>();
  /** Of the file before. */
  #previous: Promise<void> = Promise.resolve();
  #headers = new HeaderCache();
  /** Nothing of this publish was missed: its first message may begin a file. */
  #isFresh = false;
  #sawVideo = false;
  #lastVideo = 0;
  /** Pictures are left out until a keyframe; since when, milliseconds, monotonic. NaN: they are not. */
  #keyframeSinceMs = Number.NaN;
  #retryMs: number = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  /** More waits than may: nothing is taken. */
  #isDropping = false;

  constructor(key: string, host: RecorderHost) {
    this.#key = key;
    this.#host = host;
  }

  /** Its messages are to be read. */
  get isWanted(): boolean {
    return this.#settings !== null && !this.#isElsewhere;
  }

  /** Files do not have their names yet. */
  get isBusy(): boolean {
    return this.#unfinished.size > 0;
  }

  /** How it is recorded from now on; null: not at all. A file that is open goes on to the next keyframe. */
  change(settings: DvrSettings | null): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) {
      return;
    }
    if (this.#settings === null) {
      this.#awaitKeyframe();
    }
    this.#settings = settings;
    if (settings === null) {
      this.#end();
    }
  }

  /** A publish begins. @param isWhole Its messages come from the first one on. @param isElsewhere Others record it. */
  begin(isWhole: boolean, isElsewhere: boolean): void {
    this.#isFresh = isWhole;
    this.#isElsewhere = isElsewhere;
    this.#headers = new HeaderCache();
    this.#sawVideo = false;
    this.#keyframeSinceMs = this.#host.now();
  }

  /** Takes a message; timestamps as they stand in the ring. **Memory**: the payload is borrowed. */
  message(type: number, timestamp: number, payload: Uint8Array): void {
    if (type === MessageType.Video) {
      this.#media(type, timestamp, payload, classifyVideo(payload));
    } else if (type === MessageType.Audio) {
      this.#media(type, timestamp, payload, classifyAudio(payload));
    } else if (type === MessageType.DataAmf0 && classifyData(payload) === FrameClass.Metadata) {
      this.#headers.setMetadata(new Uint8Array(payload));
    }
  }

  /** Messages are missing here. */
  lost(): void {
    this.#awaitKeyframe();
  }

  /** The publisher is gone. */
  ended(): void {
    this.#end();
  }

  /** Every second. */
  tick(): void {
    this.#recording?.flush();
  }

  /** Ends what is open; resolves when nothing waits for the disk. */
  async close(): Promise<void> {
    this.#settings = null;
    this.#end();
    await Promise.all([...this.#unfinished].map((recording) => recording.done));
  }

  #media(type: number, timestamp: number, payload: Uint8Array, kind: FrameClass): void {
    if (isHeaderClass(kind)) {
      this.#sawVideo ||= type === MessageType.Video;
      this.#lastVideo = type === MessageType.Video ? timestamp : this.#lastVideo;
      this.#headers.takeFrom(type, payload);
      this.#recording?.header(type, timestamp, payload);
      return;
    }
    if (isVideoFrame(kind)) {
      this.#sawVideo = true;
      this.#lastVideo = timestamp;
    }
    if (this.#settings !== null && !this.#isElsewhere) {
      this.#frame(type, timestamp, payload, kind);
    }
    this.#isFresh = false;
  }

  #frame(type: number, timestamp: number, payload: Uint8Array, kind: FrameClass): void {
    const isStart = this.#isStart(kind, timestamp);
    if (!this.#hasRoom(isStart)) {
      return;
    }
    if (this.#recording !== null && this.#isOver(this.#recording, kind, isStart, timestamp)) {
      this.#end();
      this.#begin(kind, timestamp);
    } else if (this.#recording === null && (isStart || this.#isWholeSound(kind))) {
      this.#begin(kind, timestamp);
    }
    if (kind === FrameClass.Keyframe || this.#isImpatient) {
      this.#keyframeSinceMs = Number.NaN;
    }
    const isDecodable = !isVideoFrame(kind) || Number.isNaN(this.#keyframeSinceMs);
    if (isDecodable) {
      this.#recording?.frame(type, timestamp, payload);
    }
  }

  /** Whether a file may begin here, whatever came before. */
  #isStart(kind: FrameClass, timestamp: number): boolean {
    if (kind === FrameClass.Keyframe) {
      return true;
    }
    const hasVideo = this.#sawVideo && Math.abs((timestamp - this.#lastVideo) | 0) < VIDEO_PAUSE_MS;
    return (
      (kind === FrameClass.Audio && !hasVideo) || (this.#recording === null && this.#isImpatient)
    );
  }

  /** What comes before the first keyframe of a publish belongs to it. */
  #isWholeSound(kind: FrameClass): boolean {
    return this.#isFresh && kind === FrameClass.Audio;
  }

  get #isImpatient(): boolean {
    return this.#host.now() - this.#keyframeSinceMs >= KEYFRAME_WAIT_MS;
  }

  #isOver(recording: Recording, kind: FrameClass, isStart: boolean, timestamp: number): boolean {
    const settings = this.#settings ?? recording.settings;
    if (isStart && (recording.isSpent || recording.settings !== settings)) {
      return true;
    }
    const mayCut = isStart || (!recording.settings.waitKeyframe && isVideoFrame(kind));
    return mayCut && recording.isDue(timestamp, this.#host.now());
  }

  /** Bytes that were taken and are not on disk. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const recording of this.#unfinished) {
      bytes += recording.waitingBytes;
    }
    return bytes;
  }

  /** More may wait for the disk; where it may not, what comes is left out until it may again, from a keyframe on. */
  #hasRoom(isStart: boolean): boolean {
    const { waitingBytes } = this;
    if (this.#isDropping) {
      const mayGoOn = isStart || this.#isImpatient;
      this.#isDropping = !(mayGoOn && waitingBytes < RECORDING_WAITING_BYTES_MAX / 2);
    } else if (waitingBytes >= RECORDING_WAITING_BYTES_MAX) {
      this.#isDropping = true;
      this.#host.count("drops", 1);
      this.#trouble("the disk does not keep up: some of the stream is missing");
      this.#awaitKeyframe();
    }
    return !this.#isDropping;
  }

  #awaitKeyframe(): void {
    this.#keyframeSinceMs = this.#host.now();
  }

  #begin(kind: FrameClass, timestamp: number): void {
    const nowMs = this.#host.now();
    if (this.#settings === null || nowMs < this.#retryMs) {
      return;
    }
    const id = this.#host.nextRecordingId();
    const file = recordingName(this.#settings.path, this.#key, this.#host.wallMs());
    const recording = new Recording({
      ...{ id, file, nowMs, settings: this.#settings, after: this.#previous },
      host: {
        runRecordingStep: (step) => this.#host.runRecordingStep(step),
        wrote: (bytes) => this.#wrote(bytes),
        failed: (which, text) => this.#failed(which, text),
        ended: (which, name, written) => this.#finished(which, name, written),
      },
    });
    this.#recording = recording;
    this.#unfinished.add(recording);
    this.#previous = recording.done;
    this.#host.count("open", 1);
    this.#host.recording({ kind: "recording", key: this.#key, event: "begun", id });
    if (kind === FrameClass.Audio && Number.isNaN(this.#keyframeSinceMs)) {
      this.#awaitKeyframe();
    }
    for (const { type, payload } of decodeHeaderSet(this.#headers.encode())) {
      recording.header(type, timestamp, payload);
    }
  }

  #end(): void {
    this.#recording?.finish();
    this.#recording = null;
  }

  #wrote(bytes: number): void {
    this.#host.count("bytes", bytes);
    if (this.#isFailing && !this.#isDropping) {
      this.#isFailing = false;
      this.#tell("written again");
    }
  }

  #failed(recording: Recording, text: string): void {
    this.#host.count("errors", 1);
    this.#trouble(text);
    this.#retryMs = this.#host.now() + RETRY_MS;
    if (this.#recording === recording) {
      this.#recording = null;
      this.#awaitKeyframe();
    }
  }

  #finished(recording: Recording, file: string, written: Written): void {
    this.#unfinished.delete(recording);
    this.#host.count("open", -1);
    const { id } = recording;
    this.#host.recording({
      ...{ kind: "recording", key: this.#key, event: "ended", id, file },
      ...written,
    });
  }

  #trouble(text: string): void {
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#tell(text);
    }
  }

  #tell(text: string): void {
    this.#host.recording({ kind: "recording", key: this.#key, event: "trouble", text });
  }
}
