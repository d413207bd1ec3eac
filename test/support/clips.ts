/** Small source clips, made at test time; no two of a clip's frames have the same bytes. */
import { join } from "node:path";
import { runChecked } from "./process.ts";

const PICTURE = "testsrc2=size=320x180:rate=25";
/** A rising tone: each AAC frame is a different one. */
const SOUND = "aevalsrc='0.4*sin(2*PI*t*(200+30*t))':sample_rate=44100";

export interface ClipOptions {
  readonly seconds: number;
  readonly hasVideo?: boolean;
  readonly hasAudio?: boolean;
  /** Frames from keyframe to keyframe; 25 frames are a second. */
  readonly gopFrames?: number;
}

/** Encodes a clip as FLV: H.264 with B-frames, AAC, or one of both. @returns its path in `directory`. */
export async function makeClip(
  directory: string,
  name: string,
  options: ClipOptions,
): Promise<string> {
  const { seconds, hasVideo = true, hasAudio = true, gopFrames = 25 } = options;
  const file = join(directory, `${name}.flv`);
  const gop = String(gopFrames);
  const inputs = [
    ...(hasVideo ? ["-f", "lavfi", "-i", PICTURE] : []),
    ...(hasAudio ? ["-f", "lavfi", "-i", SOUND] : []),
  ];
  const video = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2"];
  const keys = ["-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-threads", "1"];
  await runChecked(
    "ffmpeg",
    [
      ...["-hide_banner", "-loglevel", "error", "-nostdin", "-y"],
      ...inputs,
      ...["-t", String(seconds)],
      ...(hasVideo ? [...video, ...keys] : []),
      ...(hasAudio ? ["-c:a", "aac", "-b:a", "64k"] : []),
      ...["-f", "flv", file],
    ],
    { timeoutMs: 30_000 },
  );
  return file;
}
