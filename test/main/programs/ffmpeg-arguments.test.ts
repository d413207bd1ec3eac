/** Blocks of engines and the arguments of ffmpeg that SRS makes of them. Spec: SRS compatibility §1B, `transcode` and `ingest`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  copyArguments,
  encodeArguments,
  type FfmpegRun,
} from "../../../src/main/programs/ffmpeg-arguments.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { EngineConfig } from "../../../src/protocol/conf/programs-config.ts";

const RUN: FfmpegRun = {
  logLevel: "",
  isRealTime: false,
  input: "rtmp://127.0.0.1:1935/live?vhost=v/a",
  output: "rtmp://127.0.0.1:1935/live?vhost=v/a_ff",
};
const LEAST = "vcodec copy; acodec copy;";

function engineOf(block: string): EngineConfig {
  const text = `listen 1935; vhost v { transcode { engine ff { output x; ${block} } } }`;
  const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
  return config.vhosts.get("v")?.programs.transcodes[0]?.engines[0] ?? assert.fail(block);
}

/** Without what is the same in all: input and output. */
function between(block: string, run: Partial<FfmpegRun> = {}): string {
  const all = { ...RUN, ...run };
  return encodeArguments(engineOf(block), all)
    .join(" ")
    .replace(`-i ${all.input}`, "IN")
    .replace(`-y ${all.output}`, "OUT");
}

const TABLE: readonly (readonly [block: string, args: string])[] = [
  [LEAST, "-f flv IN -vcodec copy -acodec copy -f flv OUT"],
  [`iformat off; oformat off; ${LEAST}`, "IN -vcodec copy -acodec copy OUT"],
  [`iformat mpegts; oformat hls; ${LEAST}`, "-f mpegts IN -vcodec copy -acodec copy -f hls OUT"],
  ["vcodec vn; acodec copy;", "-f flv IN -vn -acodec copy -f flv OUT"],
  ["vcodec copy; acodec an;", "-f flv IN -vcodec copy -an -f flv OUT"],
  [
    `perfile { re; -rtsp_transport tcp; } ${LEAST}`,
    "-re -rtsp_transport tcp -f flv IN -vcodec copy -acodec copy -f flv OUT",
  ],
  [
    `vfilter { i logo.png; filter_complex 'overlay=10:10'; } ${LEAST}`,
    "-f flv IN -i logo.png -filter_complex overlay=10:10 -vcodec copy -acodec copy -f flv OUT",
  ],
  [
    `vcodec libx264; vbitrate 1500; vfps 25; vwidth 769; vheight 321; vthreads 12; vprofile main; vpreset medium;
     vparams { t 100; coder 1; b_strategy 2; }
     acodec libfdk_aac; abitrate 70; asample_rate 44100; achannels 2; aparams { profile:a aac_low; bsf:a aac_adtstoasc; }`,
    "-f flv IN -vcodec libx264 -b:v 1500000 -r 25.00 -s 768x320 -aspect 768:320 -threads 12 -profile:v main -preset medium -t 100 -coder 1 -b_strategy 2 -acodec libfdk_aac -b:a 70000 -ar 44100 -ac 2 -profile:a aac_low -bsf:a aac_adtstoasc -f flv OUT",
  ],
  [
    "vcodec libx264; vprofile main; vpreset fast; acodec aac;",
    "-f flv IN -vcodec libx264 -threads 1 -profile:v main -preset fast -acodec aac -f flv OUT",
  ],
  ["vcodec png; vthreads 0; vwidth 10; acodec an;", "-f flv IN -vcodec png -an -f flv OUT"],
  // Nothing goes with a copy but the filter that makes RTMP's AAC of ADTS.
  [
    `vbitrate 9; vparams { g 1; } abitrate 9; aparams { ac 2; bsf:a aac_adtstoasc; } ${LEAST}`,
    "-f flv IN -vcodec copy -acodec copy -bsf:a aac_adtstoasc -f flv OUT",
  ],
  [`aparams { bsf:a other; } ${LEAST}`, "-f flv IN -vcodec copy -acodec copy -f flv OUT"],
];

test("blocks become arguments in SRS's order", () => {
  for (const [block, args] of TABLE) {
    assert.equal(between(block), args, block);
  }
});

test("the level of the log and real time stand before the block's own options", () => {
  const run = { logLevel: "warning", isRealTime: true };
  assert.equal(
    between(`perfile { stream_loop -1; } ${LEAST}`, run),
    "-loglevel warning -re -stream_loop -1 -f flv IN -vcodec copy -acodec copy -f flv OUT",
  );
});

test("the format of the input is said of RTMP only", () => {
  assert.equal(
    between(LEAST, { input: "udp://192.0.2.1:2222", isRealTime: true }),
    "-re IN -vcodec copy -acodec copy -f flv OUT",
  );
});

test("a copy needs no block", () => {
  const run = { ...RUN, logLevel: "info", isRealTime: true, input: "./a.flv" };
  assert.deepEqual(copyArguments(run), [
    ...["-loglevel", "info", "-re", "-i", "./a.flv", "-vcodec", "copy", "-acodec", "copy"],
    ...["-f", "flv", "-y", RUN.output],
  ]);
});
