/** One paced publisher. Frames carry the time they were due, whenever they could be sent. */

import { AUDIO_INTERVAL_US } from "../media/stream-shape.ts";
import type { FrameTemplate, SyntheticStream } from "../media/synthetic-stream.ts";
import { NativeMemory } from "../native/libc.ts";
import type { Reactor } from "../native/reactor.ts";
import type { MediaSink, MediaTarget } from "./media-client.ts";
import { RtmpClient } from "./rtmp-client.ts";
import type { Tally } from "./tally.ts";

const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
const RETRY_US = 50_000;
const RETRIES_MAX = 200;
/** Numbers of publishes that one publisher uses in turn. */
const PUBLISHES = 8;

/** What all publishers of a call share. */
export interface PublishPlan {
  readonly tally: Tally;
  /** Filled and sent within one call. */
  readonly stream: SyntheticStream;
  readonly videoIntervalUs: number;
  readonly restartEveryMs: number;
}

export class Publisher implements MediaSink {
  readonly #reactor: Reactor;
  readonly #target: MediaTarget;
  readonly #plan: PublishPlan;
  readonly #number: number;
  #client: RtmpClient;
  #publish: number = 0;
  /** 0 while it does not publish. */
  #beganUs: number = 0;
  #isAccepted: boolean = false;
  #isCounted: boolean = false;
  #restartUs: number = Number.POSITIVE_INFINITY;
  #retries: number = 0;
  #nextVideo: number = 0;
  #nextAudio: number = 0;
  /** Bytes the kernel did not take yet. Owned; made at the first short write. */
  #backlog: NativeMemory | undefined;
  #backlogStart: number = 0;
  #backlogEnd: number = 0;

  constructor(reactor: Reactor, target: MediaTarget, plan: PublishPlan, number: number) {
    this.#reactor = reactor;
    this.#target = target;
    this.#plan = plan;
    this.#number = number;
    this.#client = new RtmpClient(reactor, target, this);
  }

  live(): void {
    this.#isAccepted = true;
    this.#retries = 0;
    this.#client.socket.send(this.#plan.stream.headers(this.#client.streamId));
    if (!this.#isCounted) {
      this.#isCounted = true;
      this.#plan.tally.counts.live++;
    }
  }

  media(): void {}

  arrived(): void {}

  pong(): void {}

  lost(reason: string): void {
    const { tally, restartEveryMs } = this.#plan;
    this.#isAccepted = false;
    this.#beganUs = 0;
    if (restartEveryMs > 0 && this.#publish > 0 && this.#retries++ < RETRIES_MAX) {
      // The server still holds the name of the publish that was broken off.
      tally.counts.retries++;
      this.#restartUs = 0;
      return;
    }
    this.#restartUs = Number.POSITIVE_INFINITY;
    tally.lose(reason, this.#isCounted);
    this.#isCounted = false;
  }

  /** Send what is due. @returns when the next message, or the next publish, is. */
  pace(timeUs: number): number {
    if (this.#restartUs <= timeUs) {
      this.#restart(timeUs);
    }
    if (!this.#isAccepted) {
      return this.#restartUs;
    }
    if (this.#beganUs === 0) {
      this.#begin(timeUs);
    }
    let dueUs = this.#dueUs();
    while (dueUs <= timeUs && this.#isAccepted) {
      this.#sendNext();
      dueUs = this.#dueUs();
    }
    return Math.min(dueUs, this.#restartUs);
  }

  writable(): void {
    if (this.#backlog === undefined) {
      return;
    }
    const { socket } = this.#client;
    const address = this.#backlog.address + this.#backlogStart;
    this.#backlogStart += socket.sendAt(address, this.#backlogEnd - this.#backlogStart);
    if (this.#backlogStart === this.#backlogEnd) {
      this.#backlogStart = 0;
      this.#backlogEnd = 0;
      socket.watchWritable(false);
    }
  }

  #begin(timeUs: number): void {
    const { restartEveryMs } = this.#plan;
    this.#beganUs = timeUs;
    this.#nextVideo = 0;
    this.#nextAudio = 0;
    if (restartEveryMs > 0) {
      this.#restartUs = timeUs + restartEveryMs * 1000;
    }
  }

  /** Break off and publish anew; after a refusal wait a little first. */
  #restart(timeUs: number): void {
    if (this.#restartUs === 0) {
      this.#restartUs = timeUs + RETRY_US;
      return;
    }
    this.#restartUs = Number.POSITIVE_INFINITY;
    if (this.#isAccepted) {
      this.#publish++;
      this.#plan.tally.counts.restarts++;
      this.#client.socket.close();
    }
    this.#isAccepted = false;
    this.#beganUs = 0;
    this.#backlogStart = 0;
    this.#backlogEnd = 0;
    this.#client = new RtmpClient(this.#reactor, this.#target, this);
  }

  #dueUs(): number {
    const video = this.#nextVideo * this.#plan.videoIntervalUs;
    return this.#beganUs + Math.min(video, this.#nextAudio * AUDIO_INTERVAL_US);
  }

  #sendNext(): void {
    const { stream, videoIntervalUs } = this.#plan;
    const videoUs = this.#nextVideo * videoIntervalUs;
    const audioUs = this.#nextAudio * AUDIO_INTERVAL_US;
    if (videoUs <= audioUs) {
      this.#sendFrame(stream.videoFrame(this.#nextVideo), this.#nextVideo++, videoUs);
    } else {
      this.#sendFrame(stream.audio, this.#nextAudio++, audioUs);
    }
  }

  #sendFrame(frame: FrameTemplate, sequence: number, atUs: number): void {
    const { stream, tally } = this.#plan;
    const { streamId, socket } = this.#client;
    stream.fill(frame, {
      streamId,
      timestampMs: Math.round(atUs / 1000),
      publisher: this.#number * PUBLISHES + (this.#publish % PUBLISHES),
      sequence,
      timeUs: this.#beganUs + atUs,
    });
    tally.counts.payloadBytes += frame.payloadBytes;
    tally.counts.frames++;
    const isBlocked = this.#backlogEnd > 0;
    const sent = isBlocked
      ? 0
      : socket.sendAt(stream.memory.address + frame.offset, frame.wireBytes);
    if (sent < frame.wireBytes && this.#isAccepted) {
      this.#keep(stream.memory.bytes.subarray(frame.offset + sent, frame.offset + frame.wireBytes));
    }
  }

  #keep(rest: Uint8Array): void {
    const { socket } = this.#client;
    this.#backlog ??= new NativeMemory(BACKLOG_BYTES_MAX);
    if (this.#backlogEnd + rest.length > BACKLOG_BYTES_MAX) {
      socket.lose("the server does not keep up");
      return;
    }
    if (this.#backlogEnd === 0) {
      socket.watchWritable(true);
    }
    this.#backlog.bytes.set(rest, this.#backlogEnd);
    this.#backlogEnd += rest.length;
  }
}
