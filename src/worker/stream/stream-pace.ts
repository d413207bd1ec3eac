/** The pace of one stream as a shard's players see it: frame interval, messages per frame, and whose turn it is. */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import { newFrameRef } from "../../protocol/ring/frame-index.ts";
import { mergeFactor } from "./merge-policy.ts";
import type { RingView } from "./ring-view.ts";

/** Phases of an audio-only stream follow this timer. */
const AUDIO_TURN_MS = 20;
/** A stream without video frames for this long is paced by its audio. */
const VIDEO_ALIVE_MS = 200;
const INTERVAL_WEIGHT = 0.1;
/** A longer step between frames is a gap, not a pace. */
const INTERVAL_MAX_MS = 2000;

/** What came since the last look. Reused. */
export interface Arrivals {
  videoFrames: number;
  hasKeyframe: boolean;
}

/** Measures one stream from its ring's frame index. */
export class StreamPace {
  readonly #frame = newFrameRef();
  readonly #arrivals: Arrivals = { videoFrames: 0, hasKeyframe: false };
  #intervalMs = 0;
  #messagesPerFrame = 1;
  #lastTimestamp = -1;
  #lastVideoMs = 0;
  #lastTurnMs = 0;

  /** Reads the index entries since the last look. @returns **borrowed** until the next look. */
  look(view: RingView, now: number): Readonly<Arrivals> {
    const { reader } = view;
    const count = reader.frameCount;
    const first = view.seenFrames;
    const arrivals = this.#arrivals;
    arrivals.videoFrames = 0;
    arrivals.hasKeyframe = false;
    for (let frame = first; ((count - frame) | 0) > 0; frame = (frame + 1) >>> 0) {
      if (!reader.readFrame(frame, this.#frame)) {
        continue;
      }
      arrivals.hasKeyframe ||= this.#frame.isKeyframe;
      if (this.#frame.kind === FrameClass.Keyframe || this.#frame.kind === FrameClass.Inter) {
        arrivals.videoFrames += 1;
        this.#measure(this.#frame.timestamp);
      }
    }
    view.seenFrames = count;
    if (arrivals.videoFrames > 0) {
      const messages = ((count - first) | 0) / arrivals.videoFrames;
      this.#messagesPerFrame += (messages - this.#messagesPerFrame) * INTERVAL_WEIGHT;
      this.#lastVideoMs = now;
    }
    return arrivals;
  }

  /** Frames went by that were not looked at: the next one has no predecessor. */
  skip(): void {
    this.#lastTimestamp = -1;
  }

  /** True when no video frame came lately: a timer gives the turns. */
  isAudioPaced(now: number): boolean {
    return now - this.#lastVideoMs > VIDEO_ALIVE_MS;
  }

  /** True when a stream without video frames has a turn to send. */
  isTimerDue(now: number): boolean {
    return this.isAudioPaced(now) && now - this.#lastTurnMs >= AUDIO_TURN_MS;
  }

  /** A turn is sent now. */
  noteTurn(now: number): void {
    this.#lastTurnMs = now;
  }

  /** The merge factor k for the next round of phases. */
  mergeFactor(settings: StreamSettings, stretch: number, now: number): number {
    const isAudioPaced = this.isAudioPaced(now);
    const pace = {
      frameIntervalMs: isAudioPaced ? AUDIO_TURN_MS : this.#intervalMs,
      messagesPerFrame: isAudioPaced ? 1 : this.#messagesPerFrame,
    };
    return mergeFactor(settings, pace, stretch);
  }

  #measure(timestamp: number): void {
    const step = (timestamp - this.#lastTimestamp) | 0;
    if (this.#lastTimestamp >= 0 && step > 0 && step < INTERVAL_MAX_MS) {
      const isFirst = this.#intervalMs === 0;
      this.#intervalMs = isFirst
        ? step
        : this.#intervalMs + (step - this.#intervalMs) * INTERVAL_WEIGHT;
    }
    this.#lastTimestamp = timestamp;
  }
}
