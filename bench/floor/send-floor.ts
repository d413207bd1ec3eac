/**
 * The kernel floor of fan-out: the `send` calls a server must make for one stream and N players, and nothing
 * else. Frames of the reference stream are written once into one buffer at their time; a player is a descriptor
 * and a cursor. With merge factor k the players are in k phases and each video frame sends one phase, so that a
 * player gets one send every k frames.
 */
import { AUDIO_INTERVAL_US, videoIntervalUs } from "../media/stream-shape.ts";
import { type FrameTemplate, SyntheticStream } from "../media/synthetic-stream.ts";
import { nowUs } from "../native/clock.ts";
import {
  acceptConnection,
  EpollEvent,
  NativeMemory,
  openListener,
  receiveBytes,
  sendBytes,
} from "../native/libc.ts";
import { Reactor } from "../native/reactor.ts";
import { concatBytes } from "../rtmp/chunks.ts";
import type { FloorTask } from "../servers/floor.ts";
import { greet, packagingOf } from "./greeting.ts";

const BUFFER_BYTES = 8 * 1024 * 1024;
const PLAYERS_MAX = 60_000;
const REQUEST_BYTES = 4096;

const decoder = new TextDecoder("latin1");

export class SendFloor {
  readonly port: number;
  readonly #task: FloorTask;
  readonly #videoIntervalUs: number;
  readonly #listener: number;
  readonly #reactor: Reactor = new Reactor();
  readonly #stream: SyntheticStream;
  readonly #inbox: NativeMemory = new NativeMemory(REQUEST_BYTES);
  readonly #buffer: NativeMemory = new NativeMemory(BUFFER_BYTES);
  readonly #descriptors: Int32Array = new Int32Array(PLAYERS_MAX);
  readonly #cursors: Float64Array = new Float64Array(PLAYERS_MAX);
  readonly #beganUs: number = nowUs();
  #players: number = 0;
  #head: number = 0;
  #keyframeAt: number = 0;
  #nextVideo: number = 0;
  #nextAudio: number = 0;

  constructor(task: FloorTask) {
    this.#task = task;
    this.#videoIntervalUs = videoIntervalUs(task.shape);
    this.#stream = new SyntheticStream(task.shape, packagingOf(task.wire));
    const { fd, port } = openListener();
    this.#listener = fd;
    this.port = port;
    this.#reactor.add(fd, EpollEvent.IN, this);
    this.#reactor.addTask((timeUs) => this.#pace(timeUs));
    this.#reactor.start();
  }

  /** Accept all that wait. */
  ready(): void {
    for (
      let fd = acceptConnection(this.#listener);
      fd >= 0;
      fd = acceptConnection(this.#listener)
    ) {
      if (this.#task.wire === "raw") {
        this.#begin(fd);
      } else {
        const player = fd;
        this.#reactor.add(fd, EpollEvent.IN, { ready: () => this.#hear(player) });
      }
    }
  }

  /** A request, whole in one reading. Nothing is read afterwards. */
  #hear(fd: number): void {
    const count = receiveBytes(fd, this.#inbox.address, REQUEST_BYTES);
    this.#reactor.modify(fd, 0);
    this.#reactor.forget(fd);
    if (count <= 0) {
      return;
    }
    const request = decoder.decode(this.#inbox.bytes.slice(0, count));
    const greeting = concatBytes([greet(this.#task.wire, request), this.#stream.headers(0)]);
    const memory = new NativeMemory(greeting.length);
    memory.bytes.set(greeting);
    sendBytes(fd, memory.address, greeting.length);
    this.#begin(fd);
  }

  /** From the newest keyframe on. */
  #begin(fd: number): void {
    const row = this.#players++;
    this.#descriptors[row] = fd;
    this.#cursors[row] = this.#keyframeAt;
    this.#sendRow(row);
  }

  #pace(timeUs: number): number {
    for (;;) {
      const videoUs = this.#nextVideo * this.#videoIntervalUs;
      const audioUs = this.#nextAudio * AUDIO_INTERVAL_US;
      const dueUs = this.#beganUs + Math.min(videoUs, audioUs);
      if (dueUs > timeUs) {
        return dueUs;
      }
      if (videoUs <= audioUs) {
        this.#video(videoUs);
      } else {
        this.#append(this.#stream.audio, this.#nextAudio++, audioUs);
      }
    }
  }

  #video(atUs: number): void {
    const sequence = this.#nextVideo++;
    if (sequence % this.#stream.gopFrames === 0) {
      this.#keyframeAt = this.#head;
    }
    this.#append(this.#stream.videoFrame(sequence), sequence, atUs);
    const { mergeFrames } = this.#task;
    for (let row = sequence % mergeFrames; row < this.#players; row += mergeFrames) {
      this.#sendRow(row);
    }
  }

  #append(frame: FrameTemplate, sequence: number, atUs: number): void {
    const timestampMs = Math.round(atUs / 1000);
    const timeUs = this.#beganUs + atUs;
    this.#stream.fill(frame, { streamId: 1, timestampMs, publisher: 0, sequence, timeUs });
    const wire = this.#stream.memory.bytes.subarray(frame.offset, frame.offset + frame.wireBytes);
    const at = this.#head % BUFFER_BYTES;
    const first = Math.min(wire.length, BUFFER_BYTES - at);
    this.#buffer.bytes.set(wire.subarray(0, first), at);
    this.#buffer.bytes.set(wire.subarray(first), 0);
    this.#head += wire.length;
  }

  #sendRow(row: number): void {
    const fd = this.#descriptors[row] ?? -1;
    let cursor = this.#cursors[row] ?? 0;
    while (cursor < this.#head) {
      const at = cursor % BUFFER_BYTES;
      const size = Math.min(this.#head - cursor, BUFFER_BYTES - at);
      const sent = sendBytes(fd, this.#buffer.address + at, size);
      if (sent <= 0) {
        break;
      }
      cursor += sent;
    }
    this.#cursors[row] = cursor;
  }
}
