/** Blocks of a vhost that run other programs. */
import {
  block,
  choice,
  type DirectiveSpec,
  decimal,
  fileOnly,
  HOT,
  integer,
  list,
  offUnlessOn,
  text,
} from "../directive-spec.ts";

const REPEATED = { ...HOT, isRepeatable: true } as const;

/** Holds options of ffmpeg by their names. */
const OPTIONS = { ...HOT, isOpen: true } as const;

/** ffmpeg's arguments, alike for ingest and transcode. */
const ENGINE: readonly DirectiveSpec[] = [
  offUnlessOn("enabled", "off", "Use it.", HOT),
  block("perfile", "Options before the input.", [], OPTIONS),
  text("iformat", "flv", "Format of the input.", HOT),
  block("vfilter", "Video filters.", [], OPTIONS),
  text("vcodec", "", "Video codec, `copy` or `vn`.", HOT),
  integer("vbitrate", 0, "kbit/s", "Video bitrate.", HOT),
  decimal("vfps", 0, "frames", "Video frames a second.", HOT),
  integer("vwidth", 0, "px", "Video width.", HOT),
  integer("vheight", 0, "px", "Video height.", HOT),
  integer("vthreads", 1, "", "Threads of the encoder.", HOT),
  text("vprofile", "", "Profile.", HOT),
  text("vpreset", "", "Preset.", HOT),
  block("vparams", "Other video options.", [], OPTIONS),
  text("acodec", "", "Audio codec, `copy` or `an`.", HOT),
  integer("abitrate", 0, "kbit/s", "Audio bitrate.", HOT),
  integer("asample_rate", 0, "Hz", "Audio sample rate.", HOT),
  integer("achannels", 0, "", "Audio channels.", HOT),
  block("aparams", "Other audio options.", [], OPTIONS),
  text("oformat", "flv", "Format of the output.", HOT),
  text("output", "", "RTMP URL of the output, with variables.", HOT),
];

const INGEST: DirectiveSpec = block(
  "ingest",
  "Publishes files or streams; each with an id of its own.",
  fileOnly([
    offUnlessOn("enabled", "off", "Run it.", HOT),
    block(
      "input",
      "What is read.",
      [
        choice(
          "type",
          ["file", "stream", "device"],
          "Kind of input; `device` does not work, as in SRS.",
          HOT,
        ),
        text("url", "", "Where it is.", HOT),
      ],
      { isOpen: true },
    ),
    text("ffmpeg", "", "The program.", HOT),
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
    offUnlessOn("enabled", "off", "Run it.", HOT),
    text("ffmpeg", "", "The program.", HOT),
    block("engine", "One output.", ENGINE, REPEATED),
  ]),
  REPEATED,
);

const EXEC: DirectiveSpec = block(
  "exec",
  "Runs programs while a stream is published.",
  fileOnly([
    offUnlessOn("enabled", "off", "Run them.", HOT),
    list("publish", "", "Program and its arguments, with variables.", REPEATED),
  ]),
);

/** Blocks of a vhost about programs. */
export const VHOST_PROGRAMS: readonly DirectiveSpec[] = [INGEST, TRANSCODE, EXEC];
