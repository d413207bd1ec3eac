/**
 * The kernel floor of fan-out: the `send` calls a server must make for one stream and N players, and nothing
 * else. Frames of the reference stream are written once into one buffer at their time; a player is a descriptor
 * and a cursor. With merge factor k the players are in k phases and each video frame sends one phase, so that a
 * player gets one send every k frames.
 */
import {
  AUDIO_INTERVAL_US,
  FLOOR_CHUNK_SIZE,
  type FrameTemplate,
  GOP_FRAMES,
  SyntheticStream,
  VIDEO_INTERVAL_US,
} from "../media/synthetic-stream.ts";
import { nowUs } from "../native/clock.ts";
import {
  acceptConnection,
  EpollEvent,
  NativeMemory,
  openListener,
  sendBytes,
} from "../native/libc.ts";
import { Reactor } from "../native/reactor.ts";

const BUFFER_BYTES = 8 * 1024 * 1024;
const PLAYERS_MAX = 20_000;

export class SendFloor {
  readonly port: number;
  readonly #mergeFrames: number;
  readonly #listener: number;
  readonly #stream: SyntheticStream = new SyntheticStream(FLOOR_CHUNK_SIZE);
  readonly #buffer: NativeMemory = new NativeMemory(BUFFER_BYTES);
  readonly #descriptors: Int32Array = new Int32Array(PLAYERS_MAX);
  readonly #cursors: Float64Array = new Float64Array(PLAYERS_MAX);
  readonly #beganUs: number = nowUs();
  #players: number = 0;
  #head: number = 0;
  #keyframeAt: number = 0;
  #nextVideo: number = 0;
  #nextAudio: number = 0;

  constructor(mergeFrames: number) {
    this.#mergeFrames = mergeFrames;
    const { fd, port } = openListener();
    this.#listener = fd;
    this.port = port;
    const reactor = new Reactor();
    reactor.add(fd, EpollEvent.IN, this);
    reactor.addTask((timeUs) => this.#pace(timeUs));
    reactor.start();
  }

  /** Accept all that wait; each begins at the newest keyframe. */
  ready(): void {
    for (
      let fd = acceptConnection(this.#listener);
      fd >= 0;
      fd = acceptConnection(this.#listener)
    ) {
      const row = this.#players++;
      this.#descriptors[row] = fd;
      this.#cursors[row] = this.#keyframeAt;
      this.#sendRow(row);
    }
  }

  #pace(timeUs: number): number {
    for (;;) {
      const videoUs = this.#nextVideo * VIDEO_INTERVAL_US;
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
    if (sequence % GOP_FRAMES === 0) {
      this.#keyframeAt = this.#head;
    }
    this.#append(this.#stream.videoFrame(sequence), sequence, atUs);
    for (let row = sequence % this.#mergeFrames; row < this.#players; row += this.#mergeFrames) {
      this.#sendRow(row);
    }
  }

  #append(frame: FrameTemplate, sequence: number, atUs: number): void {
    const timestampMs = Math.round(atUs / 1000);
    this.#stream.fill(frame, { streamId: 1, timestampMs, publisher: 0, sequence, timeUs: nowUs() });
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
