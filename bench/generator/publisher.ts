/** One paced publisher of the reference stream. */
import {
  AUDIO_INTERVAL_US,
  type FrameTemplate,
  SyntheticStream,
  VIDEO_INTERVAL_US,
} from "../media/synthetic-stream.ts";
import { nowUs } from "../native/clock.ts";
import { NativeMemory } from "../native/libc.ts";
import type { Reactor } from "../native/reactor.ts";
import { PUBLISH_CHUNK_SIZE } from "../rtmp/dialogue.ts";
import { Connection, type ConnectionOwner, type ConnectionTarget } from "./connection.ts";
import type { Tally } from "./tally.ts";

const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Shared by all publishers of the process: filled and sent within one call. */
const stream = new SyntheticStream(PUBLISH_CHUNK_SIZE);

export class Publisher implements ConnectionOwner {
  readonly #connection: Connection;
  readonly #tally: Tally;
  readonly #number: number;
  #beganUs: number = 0;
  #nextVideo: number = 0;
  #nextAudio: number = 0;
  /** Bytes the kernel did not take yet. Owned; made at the first short write. */
  #backlog: NativeMemory | undefined;
  #backlogStart: number = 0;
  #backlogEnd: number = 0;

  constructor(reactor: Reactor, target: ConnectionTarget, about: { tally: Tally; number: number }) {
    this.#tally = about.tally;
    this.#number = about.number;
    this.#connection = new Connection(reactor, target, this);
  }

  live(): void {
    this.#connection.send(stream.headers(this.#connection.streamId));
    this.#beganUs = nowUs();
    this.#tally.live++;
  }

  media(): void {}

  lost(reason: string): void {
    this.#tally.lose(reason, this.#beganUs > 0);
    this.#beganUs = 0;
  }

  /** Send what is due. @returns when the next message is. */
  pace(timeUs: number): number {
    if (this.#beganUs === 0) {
      return Number.POSITIVE_INFINITY;
    }
    let dueUs = this.#dueUs();
    while (dueUs <= timeUs && this.#beganUs > 0) {
      this.#sendNext();
      dueUs = this.#dueUs();
    }
    return dueUs;
  }

  writable(): void {
    if (this.#backlog === undefined) {
      return;
    }
    const address = this.#backlog.address + this.#backlogStart;
    this.#backlogStart += this.#connection.sendAt(address, this.#backlogEnd - this.#backlogStart);
    if (this.#backlogStart === this.#backlogEnd) {
      this.#backlogStart = 0;
      this.#backlogEnd = 0;
      this.#connection.watchWritable(false);
    }
  }

  #dueUs(): number {
    const video = this.#nextVideo * VIDEO_INTERVAL_US;
    return this.#beganUs + Math.min(video, this.#nextAudio * AUDIO_INTERVAL_US);
  }

  #sendNext(): void {
    const videoUs = this.#nextVideo * VIDEO_INTERVAL_US;
    const audioUs = this.#nextAudio * AUDIO_INTERVAL_US;
    if (videoUs <= audioUs) {
      this.#sendFrame(stream.videoFrame(this.#nextVideo), this.#nextVideo++, videoUs);
    } else {
      this.#sendFrame(stream.audio, this.#nextAudio++, audioUs);
    }
  }

  #sendFrame(frame: FrameTemplate, sequence: number, atUs: number): void {
    stream.fill(frame, {
      streamId: this.#connection.streamId,
      timestampMs: Math.round(atUs / 1000),
      publisher: this.#number,
      sequence,
      timeUs: nowUs(),
    });
    this.#tally.payloadBytes += frame.payloadBytes;
    this.#tally.frames++;
    const isBlocked = this.#backlogEnd > 0;
    const sent = isBlocked
      ? 0
      : this.#connection.sendAt(stream.memory.address + frame.offset, frame.wireBytes);
    if (sent < frame.wireBytes && this.#beganUs > 0) {
      this.#keep(stream.memory.bytes.subarray(frame.offset + sent, frame.offset + frame.wireBytes));
    }
  }

  #keep(rest: Uint8Array): void {
    this.#backlog ??= new NativeMemory(BACKLOG_BYTES_MAX);
    if (this.#backlogEnd + rest.length > BACKLOG_BYTES_MAX) {
      this.#connection.close();
      this.lost("live: the server does not keep up");
      return;
    }
    if (this.#backlogEnd === 0) {
      this.#connection.watchWritable(true);
    }
    this.#backlog.bytes.set(rest, this.#backlogEnd);
    this.#backlogEnd += rest.length;
  }
}
