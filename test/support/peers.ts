/** Players and publishers other than ffmpeg: librtmp's rtmpdump, GStreamer, VLC. */
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestProcess } from "./process.ts";
import { startProcess } from "./process.ts";

export interface RtmpdumpOptions {
  /** Offer a digest handshake: librtmp does so when it is to prove a SWF file. */
  readonly hasDigest?: boolean;
  /** It asks for so much of the stream. */
  readonly stopAtSeconds?: number;
}

/** Records a live stream with rtmpdump until stopped with SIGINT. Its log, on stderr, tells the handshake. */
export function startRtmpdump(
  url: string,
  file: string,
  options: RtmpdumpOptions = {},
): TestProcess {
  const swf = ["--swfhash", "0123456789abcdef".repeat(4), "--swfsize", "4096"];
  return startProcess("rtmpdump", [
    ...["--verbose", "--live", "--timeout", "10"],
    ...(options.hasDigest === true ? swf : []),
    ...(options.stopAtSeconds === undefined ? [] : ["--stop", String(options.stopAtSeconds)]),
    ...["--rtmp", url, "--flv", file],
  ]);
}

/** Publishes a clip with GStreamer's rtmp2sink, in real time; ends by itself at the clip's end. */
export function startGstPublish(clip: string, url: string): TestProcess {
  return startProcess("gst-launch-1.0", [
    ...["filesrc", `location=${clip}`, "!", "flvdemux", "name=in"],
    ...["flvmux", "name=out", "streamable=true", "latency=1000000000"],
    ...["in.video", "!", "queue", "!", "out.video", "in.audio", "!", "queue", "!", "out.audio"],
    ...["out.", "!", "rtmp2sink", `location=${url}`, "sync=true"],
  ]);
}

/** Records a live stream with GStreamer's rtmp2src, until stopped. */
export function startGstRecord(url: string, file: string): TestProcess {
  const sink = ["filesink", `location=${file}`, "buffer-mode=unbuffered"];
  return startProcess("gst-launch-1.0", ["rtmp2src", `location=${url}`, "!", ...sink]);
}

/**
 * Records some seconds of a live stream with VLC as MPEG-TS, without a screen, as an unprivileged user.
 * @returns the player and the file it writes below `directory`.
 */
export function startVlcRecord(
  url: string,
  directory: string,
  seconds: number,
): { readonly vlc: TestProcess; readonly file: string } {
  const home = join(directory, "vlc");
  mkdirSync(home, { recursive: true });
  if (process.getuid?.() === 0) {
    chownSync(home, 65_534, 65_534);
  }
  const file = join(home, "out.ts");
  const output = ["--sout", `#std{access=file,mux=ts,dst=${file}}`];
  const vlc = startProcess(
    "cvlc",
    ["--intf", "dummy", "--run-time", String(seconds), url, ...output, "vlc://quit"],
    { unprivilegedHome: home },
  );
  return { vlc, file };
}
