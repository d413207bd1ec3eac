/** A recorder, its clock, and a disk that is a directory, fails, or does not answer. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { DvrSettings, RecordingNews } from "../../src/protocol/control/recording.ts";
import {
  type RecordingResult,
  type RecordingStep,
  runRecordingStep,
} from "../../src/worker/jobs/recordings.ts";
import { Recorder, type RecordingCount } from "../../src/worker/record/recorder.ts";
import { DVR_DEFAULTS } from "./dvr-settings.ts";
import { makeScratch } from "./scratch.ts";

/** A message as publishers send it. */
export interface Sent {
  readonly type: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

export class RecorderBench {
  readonly directory: string = makeScratch();
  readonly recorder: Recorder;
  readonly news: RecordingNews[] = [];
  readonly counts: Record<RecordingCount, number> = { open: 0, bytes: 0, errors: 0, drops: 0 };
  readonly steps: RecordingStep[] = [];
  nowMs = 1000;
  /** What each step fails with; '' none does. */
  failure = "";
  /** Only steps of this kind do; null: all. */
  failsAt: RecordingStep["kind"] | null = null;
  #release: (() => void) | null = null;
  #held: Promise<void> = Promise.resolve();
  #id = 0;

  constructor(settings: Partial<DvrSettings> = {}) {
    this.recorder = new Recorder("v/live/a", {
      now: () => this.nowMs,
      wallMs: () => 1_700_000_000_000 + this.nowMs,
      nextRecordingId: () => {
        this.#id += 1;
        return this.#id;
      },
      runRecordingStep: (step) => this.#run(step),
      recording: (news) => this.news.push(news),
      count: (what, by) => {
        this.counts[what] += by;
      },
    });
    this.recorder.change(this.settings(settings));
    this.recorder.begin(true, false);
  }

  settings(settings: Partial<DvrSettings> = {}): DvrSettings {
    const isMp4 = settings.isMp4 ?? false;
    return {
      ...DVR_DEFAULTS,
      enabled: true,
      path: join(this.directory, isMp4 ? "[stream].mp4" : "[stream].flv"),
      isMp4,
      durationMs: 1000,
      ...settings,
    };
  }

  /** The disk does not answer until it is told to. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release?.();
  }

  /** Each when it is due by the clock. */
  send(messages: readonly Sent[]): void {
    let last = messages[0]?.timestamp ?? 0;
    for (const { type, timestamp, payload } of messages) {
      this.nowMs += Math.max(0, timestamp - last);
      last = Math.max(last, timestamp);
      // Slices of a Buffer are no copies.
      this.recorder.message(type, timestamp, new Uint8Array(payload));
    }
  }

  /** Ends the publish and waits for the disk. @returns names of files that are finished, in their order. */
  async finish(): Promise<string[]> {
    await this.recorder.close();
    return this.finished;
  }

  get finished(): string[] {
    return this.news.flatMap((one) => (one.event === "ended" && one.file !== "" ? [one.file] : []));
  }

  get troubles(): string[] {
    return this.news.flatMap((one) => (one.event === "trouble" ? [one.text] : []));
  }

  get left(): string[] {
    return readdirSync(this.directory).sort();
  }

  async #run(step: RecordingStep): Promise<RecordingResult> {
    this.steps.push(step);
    await this.#held;
    const fails = this.failure !== "" && (this.failsAt ?? step.kind) === step.kind;
    return fails
      ? { file: step.file, failure: this.failure }
      : runRecordingStep({ begun: new Int32Array(1), step });
  }
}

/** What is under way on the disk comes to its end. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
