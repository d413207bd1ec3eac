/** One recording: the messages of a stream from one frame to another, as one file. */
import type { DvrSettings } from "../../protocol/control/recording.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";
import type { RecordingResult, RecordingStep } from "../jobs/recordings.ts";
import { Timeline, Track } from "../stream/timeline.ts";
import type { Container } from "./container.ts";
import { FlvContainer } from "./flv-container.ts";
import { GrowingFile, type Written } from "./growing-file.ts";
import { Mp4Container } from "./mp4-container.ts";

/** Where the wall clock says so, a segment is over whatever its timestamps say: after so many times its length. */
const WALL_RATIO_MAX = 3;
/** What a track's last frame lasts at the most, where nothing follows it. */
const STEP_MS_MAX = 1000;

/** What a recording tells. */
export interface RecordingHost {
  /** Never rejects. */
  runRecordingStep(step: RecordingStep): Promise<RecordingResult>;
  /** So much more is on disk. */
  wrote(bytes: number): void;
  /** The disk takes no more of it: it is over, and what is there is finished. */
  failed(recording: Recording, text: string): void;
  /** No more is written. @param file '' where nothing has got its name. */
  ended(recording: Recording, file: string, written: Written): void;
}

/** What a recording is begun with. Times in milliseconds, monotonic. */
export interface RecordingOptions {
  readonly id: number;
  readonly settings: DvrSettings;
  readonly file: string;
  /** The one before: its file comes first. */
  readonly after: Promise<void>;
  readonly nowMs: number;
  readonly host: RecordingHost;
}

interface TrackEnd {
  /** Of its last frame, -1 without any. */
  lastMs: number;
  stepMs: number;
}

/** One file's worth of a stream. */
export class Recording {
  readonly id: number;
  readonly settings: DvrSettings;
  readonly #container: Container;
  readonly #timeline: Timeline;
  readonly #file: GrowingFile;
  readonly #sinceMs: number;
  readonly #ends: readonly [TrackEnd, TrackEnd] = [
    { lastMs: -1, stepMs: 0 },
    { lastMs: -1, stepMs: 0 },
  ];
  /** The first frame's time in the file, NaN before it, and as it came. */
  #startMs = Number.NaN;
  #firstMs = 0;

  constructor({ id, settings, file, after, nowMs, host }: RecordingOptions) {
    this.id = id;
    this.settings = settings;
    this.#sinceMs = nowMs;
    this.#container = settings.isMp4 ? new Mp4Container() : new FlvContainer();
    // Times that jump are no times in an MP4.
    this.#timeline = new Timeline(settings.isMp4 ? "full" : settings.timeJitter, null);
    this.#file = new GrowingFile(
      { file, after },
      {
        runRecordingStep: (step) => host.runRecordingStep(step),
        patches: (written) => this.#container.patches(written),
        wrote: (bytes) => host.wrote(bytes),
        failed: (text) => host.failed(this, text),
        ended: (name, written) => host.ended(this, name, written),
      },
    );
  }

  /** What comes does not fit the file. */
  get isSpent(): boolean {
    return this.#container.isSpent;
  }

  /** Bytes that are not on disk. */
  get waitingBytes(): number {
    return this.#file.waitingBytes + this.#container.readyBytes + this.#container.heldBytes;
  }

  /** Whether a segment is long enough with a frame of this time, which would begin the next. */
  isDue(timestamp: number, nowMs: number): boolean {
    const { plan, durationMs } = this.settings;
    const isOld = nowMs - this.#sinceMs >= durationMs * WALL_RATIO_MAX;
    // Times are of 32 bits; a file is shorter than half of that.
    const lengthMs = (timestamp - this.#firstMs) | 0;
    return plan === "segment" && (lengthMs >= durationMs || isOld);
  }

  /** Metadata or a sequence header. The payload is borrowed. */
  header(type: number, timestamp: number, payload: Uint8Array): void {
    const time =
      type === MessageType.DataAmf0 ? 0 : this.#timeline.header(trackOf(type), timestamp);
    this.#container.header(type, time, payload);
  }

  /** Any other message of media. The payload is borrowed. */
  frame(type: number, timestamp: number, payload: Uint8Array): void {
    const time = this.#timeline.correct(trackOf(type), timestamp);
    if (Number.isNaN(this.#startMs)) {
      this.#startMs = time;
      this.#firstMs = timestamp;
    }
    this.#measure(trackOf(type), time - this.#startMs);
    this.#container.frame(type, time, payload);
    if (this.#container.readyBytes >= this.#container.worthBytes) {
      this.flush();
    }
  }

  /** Gives the disk what is ready. */
  flush(): void {
    this.#file.write(this.#container.take(), this.#durationMs);
  }

  /** Nothing more comes. */
  finish(): void {
    this.#container.end();
    this.flush();
    this.#file.finish();
  }

  /** Resolves when it is over and all of it on disk, or given up. */
  get done(): Promise<void> {
    return this.#file.done;
  }

  #measure(track: number, time: number): void {
    const end = this.#ends[track === Track.Audio ? 0 : 1];
    const step = end.lastMs < 0 ? 0 : time - end.lastMs;
    if (step > 0 && step <= STEP_MS_MAX) {
      end.stepMs = step;
    }
    end.lastMs = Math.max(end.lastMs, time);
  }

  /** With what its last frames last. */
  get #durationMs(): number {
    const [audio, video] = this.#ends;
    return Math.max(0, audio.lastMs + audio.stepMs, video.lastMs + video.stepMs);
  }
}

function trackOf(type: number): number {
  return type === MessageType.Audio ? Track.Audio : Track.Video;
}
