/** A push of its own over real sockets: a live stream with its rings, and origins to send it to. */
import type { RingLease } from "../../../src/protocol/control/calls.ts";
import type { AttemptEnd, UpstreamSettings } from "../../../src/protocol/control/upstream.ts";
import { StallGrace } from "../../../src/worker/stall-grace.ts";
import { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { EdgePush } from "../../../src/worker/upstream/edge-push.ts";
import type { RecordingOrigin } from "../../support/recording-origin.ts";
import type { ReceivedFrame } from "../../support/rtmp-peer.ts";
import { clipHeader, message, video } from "../clip.ts";
import { settings } from "../settings.ts";
import { lease } from "../shard-bench.ts";

const TURN_MS = 10;
const FRAME_MS = 40;
const RING_BYTES = 128 * 1024;

/** What is pushed. */
export interface PushBenchOptions {
  readonly upstream: Partial<UpstreamSettings>;
  readonly gopFrames: number;
  readonly frameBytes: number;
}

/** One push; frames are sent in real time from {@link start} on. */
export class PushBench {
  /** How attempts ended. */
  readonly ends: AttemptEnd[] = [];
  lostWith = "";
  /** Frames given to the push. */
  sent = 0;
  readonly push: EdgePush;
  readonly #options: PushBenchOptions;
  readonly #ports: number[];
  #stream: LiveStream | undefined;
  #ringIds = 0;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  /** As a shard has one. */
  readonly #grace = new StallGrace(performance.now());

  /** @param ports Of origins, in the order in which they are tried; the last one again and again. */
  constructor(ports: readonly number[], options: PushBenchOptions) {
    this.#options = options;
    this.#ports = [...ports];
    const upstream: UpstreamSettings = {
      connectTimeoutMs: 2000,
      replyTimeoutMs: 3000,
      firstMediaTimeoutMs: 5000,
      stallTimeoutMs: 1000,
      holdMs: 5000,
      holdBytes: 8 * 1024 * 1024,
      ...options.upstream,
    };
    const host = {
      now: () => performance.now(),
      works: () => undefined,
      nextOrigin: async ({ last }: { readonly last: AttemptEnd | null }) => {
        if (last !== null) {
          this.ends.push(last);
        }
        const port = this.#ports.length > 1 ? this.#ports.shift() : this.#ports[0];
        const target = {
          protocol: "rtmp",
          url: `rtmp://127.0.0.1:${port}/live/pushed`,
          identity: null,
          tlsVerify: true,
          path: "",
          chunkSize: settings.chunkSize,
        } as const;
        return { kind: "go", target, lease: null } as const;
      },
    };
    this.push = new EdgePush({ streamId: 1, chunkSize: settings.chunkSize, upstream }, host, {
      accepted: () => this.#open(),
      refused: (status) => {
        this.lostWith = status;
      },
      lost: (detail) => {
        this.lostWith = detail;
      },
    });
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  /** Stops everything. */
  close(): void {
    clearInterval(this.#timer);
    this.push.close();
    this.#stream?.end();
  }

  #lease(wrap: number): RingLease {
    this.#ringIds += 1;
    return lease(this.#ringIds, wrap);
  }

  #open(): void {
    const stream = new LiveStream({
      streamId: 1,
      settings,
      lease: this.#lease(RING_BYTES),
      previous: null,
      host: {
        now: () => performance.now(),
        requestRing: (asker, wrap) => {
          setImmediate(() => asker.installRing(this.#lease(wrap)));
        },
        ringOpened: (_stream, opened) => this.push.attach(opened),
        ringClosed: () => undefined,
        wake: () => this.push.advance(),
      },
    });
    this.#stream = stream;
    stream.append(message(9, 0, clipHeader(9)));
  }

  #turn(): void {
    const stream = this.#stream;
    if (stream !== undefined) {
      const { gopFrames, frameBytes } = this.#options;
      while (this.sent * FRAME_MS < performance.now() - this.#startedAt) {
        const isKeyframe = this.sent % gopFrames === 0;
        stream.append(video(this.sent * FRAME_MS, isKeyframe, frameBytes, this.sent));
        stream.flush();
        this.sent += 1;
      }
    }
    const now = performance.now();
    this.#grace.tick(now, TURN_MS);
    if (this.#grace.mayJudge(now)) {
      this.push.tick(now);
    }
  }
}

/** Numbers of the video frames that an origin got, in order. */
export function numbersOf(origin: RecordingOrigin): number[] {
  const isFrame = ({ kind }: ReceivedFrame): boolean => kind === "key" || kind === "inter";
  return origin
    .received("pushed")
    .filter(isFrame)
    .map(({ timestamp }) => timestamp / FRAME_MS);
}
