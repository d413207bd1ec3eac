/** Destinations of forwards that record what they get, and what they are to have got. */
import assert from "node:assert/strict";
import { RecordingOrigin } from "../support/recording-origin.ts";
import { isMedia, type ReceivedFrame } from "../support/rtmp-peer.ts";
import { clip, closeLater } from "./edge-nodes.ts";

/** One on a port of its own. */
export async function openOrigin(): Promise<{ origin: RecordingOrigin; port: number; at: string }> {
  const origin = closeLater(new RecordingOrigin());
  const port = await origin.open();
  return { origin, port, at: `127.0.0.1:${port}` };
}

/** What is told of audio and video. */
export function mediaOf(frames: readonly ReceivedFrame[]): string[] {
  return frames.filter(isMedia).map(({ hash }) => hash);
}

/** The clip as {@link mediaOf} tells it. */
export const order: readonly string[] = clip.filter(isMedia).map(({ hash }) => hash);

/** Nothing is missing between the first and the last one, of the clip that is published over and over. */
export function assertWhole(frames: readonly ReceivedFrame[]): void {
  const got = mediaOf(frames);
  const first = order.indexOf(got[0] ?? "");
  assert.ok(first >= 0, `${got.length} frames`);
  assert.deepEqual(
    got,
    got.map((_, index) => order[(first + index) % order.length]),
  );
}
