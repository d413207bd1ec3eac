/** The blocks of a vhost that run programs: `exec`, `ingest` and `transcode`. Spec: SRS compatibility §1B. */
import { ConfigError, type ConfigPlace } from "../errors.ts";
import { placeOfDirective } from "./grammar.ts";
import type { SectionReader } from "./section-reader.ts";

/** A program as it is named, and where. */
export interface ProgramFile {
  /** A path, or a name that is looked for in PATH; '' for none. */
  readonly file: string;
  readonly at: ConfigPlace;
}

/** A command of `exec`. */
export interface ExecCommand {
  readonly program: ProgramFile;
  /** All that follows, with variables and redirections. */
  readonly words: readonly string[];
}

/** Programs that run while a stream is published (SRS: exec). */
export interface ExecConfig {
  readonly isEnabled: boolean;
  readonly publish: readonly ExecCommand[];
}

/** Arguments of ffmpeg (SRS: engine). Bit rates in kbit/s; 0 = not said. */
export interface EngineConfig {
  readonly name: string;
  readonly isEnabled: boolean;
  /** Options as words, each name with its dash. */
  readonly perfile: readonly string[];
  /** `off`: not said. */
  readonly inputFormat: string;
  readonly filters: readonly string[];
  readonly videoCodec: string;
  readonly videoKbps: number;
  readonly framesPerSecond: number;
  readonly width: number;
  readonly height: number;
  readonly threads: number;
  readonly profile: string;
  readonly preset: string;
  readonly videoOptions: readonly string[];
  readonly audioCodec: string;
  readonly audioKbps: number;
  readonly sampleRate: number;
  readonly channels: number;
  readonly audioOptions: readonly string[];
  /** `off`: not said. */
  readonly outputFormat: string;
  /** With variables. */
  readonly output: string;
}

/** What ffmpeg publishes while the server runs (SRS: ingest). */
export interface IngestConfig {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly ffmpeg: ProgramFile;
  readonly type: string;
  readonly url: string;
  readonly engines: readonly EngineConfig[];
}

/** What ffmpeg makes of published streams (SRS: transcode). */
export interface TranscodeConfig {
  /** '' for all streams of the vhost, `app` or `app/stream`. */
  readonly scope: string;
  readonly isEnabled: boolean;
  readonly ffmpeg: ProgramFile;
  readonly engines: readonly EngineConfig[];
}

/** All programs of a vhost. */
export interface ProgramsConfig {
  readonly exec: ExecConfig;
  readonly ingests: readonly IngestConfig[];
  readonly transcodes: readonly TranscodeConfig[];
}

/** Decode all three. @throws ConfigError `ERR_CONF_PROGRAM` of what could never run. */
export function decodePrograms(vhost: SectionReader): ProgramsConfig {
  return {
    exec: decodeExec(vhost.section("exec")),
    ingests: vhost.sections("ingest").map(({ name, directive, reader }) => {
      const at = placeOfDirective(directive, "vhost.ingest");
      return decodeIngest(name, reader, at);
    }),
    transcodes: vhost
      .sections("transcode")
      .map(({ name, reader }) => decodeTranscode(name, reader)),
  };
}

function decodeExec(exec: SectionReader): ExecConfig {
  return {
    isEnabled: exec.isOn("enabled"),
    publish: exec
      .entries("publish")
      .filter(({ args }) => args.length > 0)
      .map(({ args: [file = "", ...words], place }) => ({ program: { file, at: place }, words })),
  };
}

function decodeIngest(id: string, reader: SectionReader, at: ConfigPlace): IngestConfig {
  const input = reader.section("input");
  const isEnabled = reader.isOn("enabled");
  const ffmpeg = programOf(reader);
  const type = input.choice("type");
  const url = input.text("url");
  const engines = reader
    .sections("engine")
    .map(({ name, reader: engine }) => decodeEngine(name, engine, isEnabled && isEncoding(engine)));
  if (isEnabled) {
    const label = `ingest ${id}`;
    need(ffmpeg.file !== "", reader.placeOf("ffmpeg"), `${label} names no ffmpeg`);
    need(type !== "device", input.placeOf("type"), `${label}: input of type device does not work`);
    need(url !== "", input.placeOf("url"), `${label} has no input url`);
    need(engines.length > 0, at, `${label} has no engine, whose output says where it publishes`);
    for (const { reader: engine } of reader.sections("engine")) {
      need(engine.text("output") !== "", engine.placeOf("output"), `${label} has no output`);
    }
  }
  return { id, isEnabled, ffmpeg, type, url, engines };
}

/** Without both codecs an ingest copies. */
function isEncoding(engine: SectionReader): boolean {
  return engine.isOn("enabled") && engine.text("vcodec") !== "" && engine.text("acodec") !== "";
}

function decodeTranscode(scope: string, reader: SectionReader): TranscodeConfig {
  const isEnabled = reader.isOn("enabled");
  const ffmpeg = programOf(reader);
  if (isEnabled && ffmpeg.file === "") {
    reader.warn(reader.placeOf("enabled"), "transcode names no ffmpeg, so it is ignored");
  }
  const engines = reader.sections("engine").map(({ name, reader: engine }) => {
    const isUsed = isEnabled && ffmpeg.file !== "" && engine.isOn("enabled");
    if (isUsed) {
      need(engine.text("output") !== "", engine.placeOf("output"), `engine ${name} has no output`);
    }
    return decodeEngine(name, engine, isUsed);
  });
  return { scope, isEnabled, ffmpeg, engines };
}

function programOf(reader: SectionReader): ProgramFile {
  return { file: reader.text("ffmpeg"), at: reader.placeOf("ffmpeg") };
}

/** @param isChecked What ffmpeg could not do is refused. */
function decodeEngine(name: string, reader: SectionReader, isChecked: boolean): EngineConfig {
  const engine: EngineConfig = {
    name,
    isEnabled: reader.isOn("enabled"),
    perfile: optionsOf(reader, "perfile"),
    inputFormat: reader.text("iformat"),
    filters: optionsOf(reader, "vfilter"),
    videoCodec: reader.text("vcodec"),
    videoKbps: reader.number("vbitrate"),
    framesPerSecond: reader.number("vfps"),
    width: reader.number("vwidth"),
    height: reader.number("vheight"),
    threads: reader.number("vthreads"),
    profile: reader.text("vprofile"),
    preset: reader.text("vpreset"),
    videoOptions: optionsOf(reader, "vparams"),
    audioCodec: reader.text("acodec"),
    audioKbps: reader.number("abitrate"),
    sampleRate: reader.number("asample_rate"),
    channels: reader.number("achannels"),
    audioOptions: optionsOf(reader, "aparams"),
    outputFormat: reader.text("oformat"),
    output: reader.text("output"),
  };
  if (isChecked) {
    checkVideo(engine, reader);
    checkAudio(engine, reader);
  }
  return engine;
}

/** Words of an open block: names get a dash, each is followed by its first value. */
function optionsOf(reader: SectionReader, name: string): string[] {
  return reader
    .section(name)
    .pairs()
    .flatMap(([option, value]) => {
      const dashed = option.startsWith("-") ? option : `-${option}`;
      return value === "" ? [dashed] : [dashed, value];
    });
}

function checkVideo(engine: EngineConfig, reader: SectionReader): void {
  const { name, videoCodec, audioCodec, profile, preset } = engine;
  const at = (directive: string): ConfigPlace => reader.placeOf(directive);
  need(videoCodec !== "", at("vcodec"), `engine ${name} has no vcodec; copy and vn are possible`);
  const isNothing = videoCodec === "vn" && audioCodec === "an";
  need(!isNothing, at("vcodec"), `engine ${name} has neither video nor audio`);
  if (!["copy", "vn", "png"].includes(videoCodec)) {
    need(profile !== "", at("vprofile"), `engine ${name} needs a vprofile for ${videoCodec}`);
    need(preset !== "", at("vpreset"), `engine ${name} needs a vpreset for ${videoCodec}`);
  }
}

const AAC_PLUS_KBPS = [16, 72] as const;
const CHANNELS_MAX = 2;

function checkAudio(engine: EngineConfig, reader: SectionReader): void {
  const { name, audioCodec, audioKbps, channels } = engine;
  const at = (directive: string): ConfigPlace => reader.placeOf(directive);
  need(audioCodec !== "", at("acodec"), `engine ${name} has no acodec; copy and an are possible`);
  if (audioCodec === "copy" || audioCodec === "an") {
    return;
  }
  const [least, most] = AAC_PLUS_KBPS;
  const isPlus = audioCodec === "libaacplus" && audioKbps !== 0;
  need(
    !isPlus || (audioKbps >= least && audioKbps <= most),
    at("abitrate"),
    `abitrate of libaacplus is ${audioKbps}, from ${least} to ${most} is allowed`,
  );
  need(
    channels <= CHANNELS_MAX,
    at("achannels"),
    `achannels is ${channels}, from 0 to ${CHANNELS_MAX} is allowed`,
  );
}

/** @throws ConfigError unless it is so. */
function need(isSo: boolean, place: ConfigPlace, message: string): void {
  if (!isSo) {
    throw new ConfigError("ERR_CONF_PROGRAM", message, place);
  }
}
