/** Publishes a clip from its beginning to its end, once. */
import { setTimeout as delay } from "node:timers/promises";
import type { Frame } from "./flv-file.ts";
import { RtmpPeer } from "./rtmp-peer.ts";

const ACCEPT_TIMEOUT_MS = 10_000;

/** Its messages in their order, each when it is due; then it leaves. `speed`: so many times as fast as they were made. */
export async function publishOnce(url: string, clip: readonly Frame[], speed = 2): Promise<void> {
  const peer = await openPublisher(url);
  await sendPaced(peer, clip, speed);
  await delay(100);
  peer.close();
}

/** Sends messages in their order, the first one now and each when it is due. */
export async function sendPaced(
  peer: RtmpPeer,
  clip: readonly Frame[],
  speed: number,
): Promise<void> {
  const startedAt = performance.now();
  const firstMs = clip[0]?.timestamp ?? 0;
  for (const frame of clip) {
    const aheadMs = (frame.timestamp - firstMs) / speed - (performance.now() - startedAt);
    if (aheadMs > 5) {
      await delay(aheadMs);
    }
    peer.send(frame, frame.timestamp);
  }
}

/** Connects and waits for Start; the publisher before it may not be gone yet. */
export async function openPublisher(url: string): Promise<RtmpPeer> {
  const deadline = performance.now() + ACCEPT_TIMEOUT_MS;
  for (;;) {
    const peer = new RtmpPeer(url, "publish");
    try {
      return await peer.waitReady(ACCEPT_TIMEOUT_MS);
    } catch (error) {
      peer.reset();
      if (performance.now() > deadline) {
        throw error;
      }
      await delay(100);
    }
  }
}
