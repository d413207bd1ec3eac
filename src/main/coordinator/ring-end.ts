/** Where the time line of a ring ends whose writer died. */
import { newFrameRef } from "../../protocol/ring/frame-index.ts";
import type { RingReader } from "../../protocol/ring/ring-reader.ts";

/** A dead ring's time line ends at the latest of so many frames: its tracks are interleaved. */
const LAST_FRAMES = 32;

/** The latest output timestamp in a ring that is no longer written, of any track; -1 when it has none. */
export function lastTimestampOf(reader: RingReader): number {
  const frame = newFrameRef();
  let last = -1;
  const end = reader.frameCount;
  for (let back = 1; back <= LAST_FRAMES; back += 1) {
    if (!reader.readFrame((end - back) | 0, frame)) {
      break;
    }
    // Timestamps are modulo 2^32.
    if (last < 0 || ((frame.timestamp - last) | 0) > 0) {
      last = frame.timestamp >>> 0;
    }
  }
  return last;
}
