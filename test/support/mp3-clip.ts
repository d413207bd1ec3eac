/** Clips with MP3, which Debian's ffmpeg writes to FLV. */
import { join } from "node:path";
import { runChecked } from "./process.ts";

/** Encodes H.264 and MP3 as FLV. @returns its path in `directory`. */
export async function makeMp3Clip(
  directory: string,
  name: string,
  options: { readonly seconds: number; readonly rate: number; readonly hasVideo?: boolean },
): Promise<string> {
  const { seconds, rate, hasVideo = true } = options;
  const file = join(directory, `${name}.flv`);
  const sound = `aevalsrc='0.4*sin(2*PI*t*(200+30*t))':sample_rate=${rate}`;
  const picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"];
  const video = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2"];
  await runChecked(
    "ffmpeg",
    [
      ...["-hide_banner", "-loglevel", "error", "-nostdin", "-y"],
      ...(hasVideo ? picture : []),
      ...["-f", "lavfi", "-i", sound, "-t", String(seconds)],
      ...(hasVideo ? [...video, "-g", "25", "-threads", "1"] : []),
      ...["-c:a", "libmp3lame", "-b:a", "64k", "-f", "flv", file],
    ],
    { timeoutMs: 30_000 },
  );
  return file;
}
