/** The forwards of one stream over real sockets, by a clock of the test's own. */
import type { RingLease } from "../../../src/protocol/control/calls.ts";
import type { ForwardEvent, ForwardOrder } from "../../../src/protocol/control/forward.ts";
import { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { Forwards } from "../../../src/worker/upstream/forwards.ts";
import type { RecordingOrigin } from "../../support/recording-origin.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { settings } from "../settings.ts";
import { lease } from "../shard-bench.ts";

const STREAM = 1;
const FRAME_MS = 40;
export const GOP_FRAMES = 10;
const TICK_MS = 100;

/** A destination by this number. */
export function orderTo(id: number, port: number, name = "pushed"): ForwardOrder {
  return {
    id,
    target: {
      protocol: "rtmp",
      url: `rtmp://127.0.0.1:${port}/live/${name}`,
      identity: null,
      tlsVerify: true,
      path: "",
      chunkSize: settings.chunkSize,
    },
  };
}

/** One stream, and where it goes. */
export class ForwardBench {
  readonly events: (ForwardEvent & { readonly id: number })[] = [];
  readonly forwards: Forwards;
  /** Frames so far. */
  sent = 0;
  now = 1000;
  queueLengthMs = 10_000;
  rings = 0;
  #stream: LiveStream | undefined;
  #lease: RingLease | undefined;

  constructor() {
    this.forwards = new Forwards({
      now: () => this.now,
      random: () => 0.5,
      ringOf: () => this.#lease,
      queueLengthMs: () => this.queueLengthMs,
      post: (news) => {
        if (news.kind === "forward") {
          this.events.push({ id: news.id, ...news.event });
        }
      },
    });
  }

  /** All destinations from now on. */
  order(...forwards: ForwardOrder[]): void {
    this.forwards.take({ kind: "forwards", streamId: STREAM, forwards });
  }

  /** The publish begins. */
  begin(ringBytes: number = 1024 * 1024): void {
    this.sent = 0;
    this.#stream = new LiveStream({
      streamId: STREAM,
      settings,
      lease: this.#lend(ringBytes),
      previous: null,
      host: {
        now: () => this.now,
        requestRing: (asker, wrap) => {
          setImmediate(() => asker.installRing(this.#lend(wrap)));
        },
        ringOpened: (_stream, opened) => {
          this.#lease = opened;
          this.forwards.ringOpened(STREAM, opened);
        },
        ringClosed: () => undefined,
        wake: () => this.forwards.wake(STREAM),
      },
    });
    this.#stream.append(message(9, 0, clipHeader(9)));
    this.#stream.append(message(8, 0, clipHeader(8)));
  }

  /** So many frames of video, as fast as they can be written, each with one of audio. */
  frames(count: number, bytes = 400): void {
    for (let left = count; left > 0; left -= 1) {
      const time = this.sent * FRAME_MS;
      this.#stream?.append(video(time, this.sent % GOP_FRAMES === 0, bytes, this.sent));
      this.#stream?.append(audio(time, 60, this.sent));
      this.#stream?.flush();
      this.sent += 1;
    }
  }

  /** Time passes, with a tick every 100 ms. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= TICK_MS) {
      this.now += Math.min(TICK_MS, left);
      this.forwards.tick(this.now);
    }
  }

  /** The publish ends. */
  end(): void {
    this.#stream?.end();
    this.#stream = undefined;
    this.#lease = undefined;
    this.forwards.end(STREAM);
  }

  /** How often something became of a forward. */
  count(kind: ForwardEvent["kind"], id = 1): number {
    return this.events.filter((event) => event.kind === kind && event.id === id).length;
  }

  /** What ended its attempts. */
  faults(id = 1): string[] {
    return this.events.flatMap((event) =>
      event.kind === "lost" && event.id === id ? [event.end.fault] : [],
    );
  }

  #lend(wrap: number): RingLease {
    this.rings += 1;
    return lease(this.rings, wrap);
  }
}

/** Numbers of the video frames that came, in order, whichever publish they were of. */
export function videoOf(origin: RecordingOrigin, name = "pushed"): number[] {
  return origin
    .received(name)
    .filter(({ kind }) => kind === "key" || kind === "inter")
    .map(({ timestamp }) => timestamp / FRAME_MS);
}
