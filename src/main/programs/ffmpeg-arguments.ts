/** Arguments of ffmpeg in SRS's order: options, input, filters, video, audio, output. */
import type { EngineConfig } from "../../protocol/conf/programs-config.ts";

/** What is read and written. */
export interface FfmpegRun {
  /** ffmpeg's `-loglevel`; '' for its own. */
  readonly logLevel: string;
  /** The input is read no faster than it plays. */
  readonly isRealTime: boolean;
  readonly input: string;
  readonly output: string;
}

const COPY = "copy";
const NO_VIDEO = "vn";
const NO_AUDIO = "an";
const NOT_SAID = "off";
const BITS = 1000;

/** Encodes by an engine. */
export function encodeArguments(engine: EngineConfig, run: FfmpegRun): string[] {
  const { inputFormat, outputFormat, perfile, filters } = engine;
  // For other inputs it would be wrong.
  const format = run.input.startsWith("rtmp://") ? inputFormat : "";
  return [
    ...beforeInput(run),
    ...perfile,
    ...formatOf(format),
    ...["-i", run.input],
    ...filters,
    ...videoArguments(engine),
    ...audioArguments(engine),
    ...formatOf(outputFormat),
    ...["-y", run.output],
  ];
}

/** Copies into FLV. */
export function copyArguments(run: FfmpegRun): string[] {
  const codecs = ["-vcodec", COPY, "-acodec", COPY];
  return [...beforeInput(run), "-i", run.input, ...codecs, ...formatOf("flv"), "-y", run.output];
}

function beforeInput({ logLevel, isRealTime }: FfmpegRun): string[] {
  return [...(logLevel === "" ? [] : ["-loglevel", logLevel]), ...(isRealTime ? ["-re"] : [])];
}

function formatOf(format: string): string[] {
  return format === "" || format === NOT_SAID ? [] : ["-f", format];
}

function videoArguments(engine: EngineConfig): string[] {
  const { videoCodec, videoKbps, framesPerSecond, threads, profile, preset } = engine;
  if (videoCodec === NO_VIDEO) {
    return ["-vn"];
  }
  if (videoCodec === COPY) {
    return ["-vcodec", COPY];
  }
  // Encoders want even sizes.
  const [width, height] = [engine.width, engine.height].map((size) => size - (size % 2));
  const size = width && height ? ["-s", `${width}x${height}`, "-aspect", `${width}:${height}`] : [];
  return [
    ...["-vcodec", videoCodec],
    ...(videoKbps > 0 ? ["-b:v", String(videoKbps * BITS)] : []),
    ...(framesPerSecond > 0 ? ["-r", framesPerSecond.toFixed(2)] : []),
    ...size,
    ...(threads > 0 ? ["-threads", String(threads)] : []),
    ...(profile === "" ? [] : ["-profile:v", profile]),
    ...(preset === "" ? [] : ["-preset", preset]),
    ...engine.videoOptions,
  ];
}

function audioArguments(engine: EngineConfig): string[] {
  const { audioCodec, audioKbps, sampleRate, channels, audioOptions } = engine;
  if (audioCodec === NO_AUDIO) {
    return ["-an"];
  }
  if (audioCodec === COPY) {
    return ["-acodec", COPY, ...copiedAudioOptions(audioOptions)];
  }
  return [
    ...["-acodec", audioCodec],
    ...(audioKbps > 0 ? ["-b:a", String(audioKbps * BITS)] : []),
    ...(sampleRate > 0 ? ["-ar", String(sampleRate)] : []),
    ...(channels > 0 ? ["-ac", String(channels)] : []),
    ...audioOptions,
  ];
}

/** Of options only the filter that makes RTMP's AAC of ADTS goes with a copy. */
function copiedAudioOptions(options: readonly string[]): string[] {
  const at = options.indexOf("-bsf:a");
  return at >= 0 && options[at + 1] === "aac_adtstoasc" ? ["-bsf:a", "aac_adtstoasc"] : [];
}
