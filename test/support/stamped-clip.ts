/**
 * A clip whose pictures say which they are: ten blocks along the upper edge, dark or light, are the frame's number.
 * Published by {@link StampedPeer}, it tells how long a picture took from the publisher to the screen.
 */
import { join } from "node:path";
import type { Frame } from "./flv-file.ts";
import { readFlv } from "./flv-file.ts";
import { runChecked } from "./process.ts";
import { openPublisher } from "./publish-once.ts";
import type { PeerEnd, PublishingPeer, RtmpPeer } from "./rtmp-peer.ts";

const WIDTH = 320;
/** Blocks of the number, the lowest bit at the left. */
const BITS = 10;
const BLOCK = WIDTH / BITS;
const FRAMES_A_SECOND = 15;

/** Encodes it: H.264 without B-frames and AAC, one keyframe a second. At most 2 ** 10 frames. */
export async function makeStampedClip(directory: string, seconds: number): Promise<Frame[]> {
  const file = join(directory, "stamped.flv");
  const light = `mod(floor(N/pow(2,floor(X/${BLOCK}))),2)`;
  const stamp = `color=black:size=${WIDTH}x${BLOCK}:rate=${FRAMES_A_SECOND}`;
  await runChecked(
    "ffmpeg",
    [
      ...["-hide_banner", "-loglevel", "error", "-nostdin", "-y"],
      ...["-f", "lavfi", "-i", `testsrc2=size=${WIDTH}x${180 - BLOCK}:rate=${FRAMES_A_SECOND}`],
      ...["-f", "lavfi", "-i", `${stamp},format=gray,geq=lum='if(${light},235,16)'`],
      ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"],
      "-filter_complex",
      "[1]format=yuv420p[stamp];[0]format=yuv420p[picture];[stamp][picture]vstack[out]",
      ...["-map", "[out]", "-map", "2", "-t", String(seconds)],
      ...["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-threads", "1"],
      ...["-g", String(FRAMES_A_SECOND), "-sc_threshold", "0", "-pix_fmt", "yuv420p"],
      ...["-c:a", "aac", "-b:a", "64k", "-f", "flv", file],
    ],
    { timeoutMs: 60_000 },
  );
  return readFlv(file);
}

/** Remembers when each numbered picture left. */
export class StampedPeer implements PublishingPeer {
  readonly #peer: RtmpPeer;
  readonly #framesCount: number;
  /** By number: when it last left, in milliseconds since 1970, as a page tells the time too. */
  readonly #sentAt: number[] = [];
  #next = 0;

  private constructor(peer: RtmpPeer, framesCount: number) {
    this.#peer = peer;
    this.#framesCount = framesCount;
  }

  /** Connects, and waits for Start. */
  static async open(url: string, clip: readonly Frame[]): Promise<StampedPeer> {
    return new StampedPeer(await openPublisher(url), clip.filter(isPicture).length);
  }

  get end(): PeerEnd {
    return this.#peer.end;
  }

  send(frame: Frame, timestamp: number): void {
    if (isPicture(frame)) {
      this.#sentAt[this.#next] = Date.now();
      this.#next = (this.#next + 1) % this.#framesCount;
    }
    this.#peer.send(frame, timestamp);
  }

  /** Milliseconds that a picture took which was seen `at`; undefined when it never left. */
  delayOf(stamp: number, at: number): number | undefined {
    const sentAt = this.#sentAt[stamp];
    return sentAt === undefined || sentAt > at ? undefined : at - sentAt;
  }

  close(): void {
    this.#peer.close();
  }
}

function isPicture({ kind }: Frame): boolean {
  return kind === "key" || kind === "inter";
}
