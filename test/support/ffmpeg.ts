/** ffmpeg as publisher and as player. */

import type { TestProcess } from "./process.ts";
import { startProcess } from "./process.ts";

const QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"] as const;

/** Publishes a clip in real time, bytes unchanged. Ends by itself at the clip's end. */
export function startPublish(clip: string, url: string): TestProcess {
  return startProcess("ffmpeg", [...QUIET, "-re", "-i", clip, "-c", "copy", "-f", "flv", url]);
}

/** Publishes a clip as fast as it is taken, bytes unchanged. */
export function startPublishAtOnce(clip: string, url: string): TestProcess {
  return startProcess("ffmpeg", [...QUIET, "-i", clip, "-c", "copy", "-f", "flv", url]);
}

/** Publishes a clip in real time, over and over, until stopped. */
export function startPublishLoop(clip: string, url: string): TestProcess {
  const input = ["-re", "-stream_loop", "-1", "-i", clip];
  return startProcess("ffmpeg", [...QUIET, ...input, "-c", "copy", "-f", "flv", url]);
}
