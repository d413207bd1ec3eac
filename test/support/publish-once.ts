/** Publishes a clip from its beginning to its end, once. */
import { setTimeout as delay } from "node:timers/promises";
import type { Frame } from "./flv-file.ts";
import { RtmpPeer } from "./rtmp-peer.ts";

/** Its messages in their order, each when it is due; then it leaves. `speed`: so many times as fast as they were made. */
export async function publishOnce(url: string, clip: readonly Frame[], speed = 2): Promise<void> {
  const peer = await new RtmpPeer(url, "publish").waitReady(10_000);
  const startedAt = performance.now();
  for (const frame of clip) {
    const aheadMs = frame.timestamp / speed - (performance.now() - startedAt);
    if (aheadMs > 5) {
      await delay(aheadMs);
    }
    peer.send(frame, frame.timestamp);
  }
  await delay(100);
  peer.close();
}
