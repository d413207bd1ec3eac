/** Blocks of a vhost that run other programs. */
import {
  block,
  choice,
  type DirectiveSpec,
  fileOnly,
  integer,
  LATER_HOT,
  list,
  offUnlessOn,
  text,
} from "../directive-spec.ts";

const REPEATED = { ...LATER_HOT, isRepeatable: true } as const;

/** ffmpeg's arguments, alike for ingest and transcode. */
const ENGINE: readonly DirectiveSpec[] = [
  offUnlessOn("enabled", "off", "Use it.", LATER_HOT),
  block("perfile", "Options before the input.", [], { isOpen: true }),
  text("iformat", "flv", "Format of the input.", LATER_HOT),
  block("vfilter", "Video filters.", [], { isOpen: true }),
  text("vcodec", "", "Video codec, `copy` or `vn`.", LATER_HOT),
  integer("vbitrate", 0, "kbit/s", "Video bitrate.", LATER_HOT),
  integer("vfps", 0, "frames", "Video frames a second.", LATER_HOT),
  integer("vwidth", 0, "px", "Video width.", LATER_HOT),
  integer("vheight", 0, "px", "Video height.", LATER_HOT),
  integer("vthreads", 1, "", "Threads of the encoder.", LATER_HOT),
  text("vprofile", "", "Profile.", LATER_HOT),
  text("vpreset", "", "Preset.", LATER_HOT),
  block("vparams", "Other video options.", [], { isOpen: true }),
  text("acodec", "", "Audio codec, `copy` or `an`.", LATER_HOT),
  integer("abitrate", 0, "kbit/s", "Audio bitrate.", LATER_HOT),
  integer("asample_rate", 0, "Hz", "Audio sample rate.", LATER_HOT),
  integer("achannels", 0, "", "Audio channels.", LATER_HOT),
  block("aparams", "Other audio options.", [], { isOpen: true }),
  text("oformat", "flv", "Format of the output.", LATER_HOT),
  text("output", "", "RTMP URL of the output, with variables.", LATER_HOT),
];

const INGEST: DirectiveSpec = block(
  "ingest",
  "Publishes files or streams; each with an id of its own.",
  fileOnly([
    offUnlessOn("enabled", "off", "Run it.", LATER_HOT),
    block(
      "input",
      "What is read.",
      [
        choice("type", ["file", "stream"], "Kind of input.", LATER_HOT),
        text("url", "", "Where it is.", LATER_HOT),
      ],
      { isOpen: true },
    ),
    text("ffmpeg", "", "The program.", LATER_HOT),
    block("engine", "How it is encoded; off = copied.", ENGINE, {
      isOpen: true,
      isRepeatable: true,
    }),
  ]),
  REPEATED,
);

const TRANSCODE: DirectiveSpec = block(
  "transcode",
  "Encodes streams again; named `app` or `app/stream`, or all.",
  fileOnly([
    offUnlessOn("enabled", "off", "Run it.", LATER_HOT),
    text("ffmpeg", "", "The program.", LATER_HOT),
    block("engine", "One output.", ENGINE, REPEATED),
  ]),
  REPEATED,
);

const EXEC: DirectiveSpec = block(
  "exec",
  "Runs programs while a stream is published.",
  fileOnly([
    offUnlessOn("enabled", "off", "Run them.", LATER_HOT),
    list("publish", "", "Program and its arguments, with variables.", REPEATED),
  ]),
);

/** Blocks of a vhost about programs. */
export const VHOST_PROGRAMS: readonly DirectiveSpec[] = [INGEST, TRANSCODE, EXEC];
