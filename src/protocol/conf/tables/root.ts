/** Directives outside any block. */

import {
  CHUNK_SIZE_MAX,
  CHUNK_SIZE_OUT,
  CONNECT_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  PLAYER_STALL_MS,
  PROGRAMS_MAX,
  RING_BYTES_BUDGET,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  SPILL_PLAYERS,
  TAKEOVER_SILENCE_MS,
  UNIDENTIFIED_MAX,
} from "../../limits.ts";
import {
  block,
  choice,
  type DirectiveSpec,
  decimal,
  FILE_ONLY,
  HOT,
  integer,
  LATER_HOT,
  list,
  OWN_HOT,
  OWN_RESTART,
  offUnlessOn,
  onUnlessOff,
  RESTART,
  text,
} from "../directive-spec.ts";

const LOG_LEVELS = ["trace", "verbose", "info", "warn", "error"];
const LOG_LEVELS_V2 = ["", "trace", "debug", "info", "warn", "error"];

/** SRS's variables of a log directive, in both spellings. */
function logVariables(name: string): { readonly variables: readonly string[] } {
  return { variables: [`SRS_SRS_LOG_${name}`, `SRS_LOG_${name}`] };
}

/** What SRS has at root level. */
const SRS_ROOT: readonly DirectiveSpec[] = [
  list(
    "listen",
    "",
    "Where RTMP is served: `port`, `address:port` or `[v6]:port`, at least one.",
    HOT,
  ),
  integer("chunk_size", CHUNK_SIZE_OUT, "bytes", "Outgoing chunk size of vhosts that set none.", {
    ...HOT,
    variables: ["SRS_VHOST_CHUNK_SIZE"],
    min: 1,
    max: CHUNK_SIZE_MAX,
  }),
  text(
    "pid",
    "./objs/srs.pid",
    "File with the process id; locked, so that a second start fails.",
    RESTART,
  ),
  text(
    "server_id",
    "",
    "Name of this server; generated and kept beside the pid file when empty.",
    RESTART,
  ),
  onUnlessOff(
    "daemon",
    "off",
    "Run in the background; SRS does so without being told to, weir when it is told.",
    RESTART,
  ),
  onUnlessOff(
    "disable_daemon_for_docker",
    "on",
    "Stay in the foreground inside a container.",
    RESTART,
  ),
  offUnlessOn(
    "in_docker",
    "off",
    "Take it for given that this is a container; otherwise detected.",
    HOT,
  ),
  offUnlessOn(
    "asprocess",
    "off",
    "Exit when the parent process does; conflicts with `daemon on`.",
    RESTART,
  ),
  text("work_dir", "./", "Directory that relative paths start from.", RESTART),
  integer("max_connections", 1000, "", "Connections in all; one more is told so and closed.", {
    ...HOT,
    min: 1,
  }),
  onUnlessOff(
    "empty_ip_ok",
    "on",
    "Serve peers that are gone before their address is known, as some health checks are.",
    HOT,
  ),
  offUnlessOn("utc_time", "off", "UTC instead of local time in log lines and path variables.", HOT),
  integer("pithy_print_ms", 10_000, "ms", "Period of repeated log lines.", {
    ...LATER_HOT,
    min: 1,
  }),
  choice("srs_log_tank", ["file", "console"], "Where log lines go; console inside a container.", {
    ...HOT,
    ...logVariables("TANK"),
    otherwise: "file",
  }),
  choice("srs_log_level", LOG_LEVELS, "Least severity that is logged, in the names of SRS 4.", {
    ...HOT,
    ...logVariables("LEVEL"),
    otherwise: "trace",
  }),
  choice(
    "srs_log_level_v2",
    LOG_LEVELS_V2,
    "The same in the names that lines carry; wins when set.",
    {
      ...HOT,
      ...logVariables("LEVEL_V2"),
      otherwise: "info",
    },
  ),
  text("srs_log_file", "./objs/srs.log", "Log file.", { ...HOT, ...logVariables("FILE") }),
  text("ff_log_dir", "./objs", "Directory of ffmpeg's logs; `/dev/null` for none.", HOT),
  text("ff_log_level", "info", "ffmpeg's `-loglevel`.", HOT),
  integer(
    "programs_max",
    PROGRAMS_MAX,
    "",
    "Programs of `exec`, `ingest` and `transcode` that run at one time; more wait for their turn.",
    OWN_HOT,
  ),
  integer("grace_start_wait", 2300, "ms", "Graceful quit: wait before the listeners close.", HOT),
  integer("grace_final_wait", 3200, "ms", "Graceful quit: wait after the last connection.", HOT),
  offUnlessOn(
    "force_grace_quit",
    "off",
    "SIGTERM and SIGINT quit gracefully, as SIGQUIT does.",
    HOT,
  ),
  offUnlessOn("inotify_auto_reload", "off", "Reload when the file changes.", HOT),
  onUnlessOff(
    "auto_reload_for_docker",
    "on",
    "Turn `inotify_auto_reload` on inside a container.",
    HOT,
  ),
  decimal("tcmalloc_release_rate", 0.8, "", "For an allocator that weir does not use.", FILE_ONLY),
  onUnlessOff(
    "query_latest_version",
    "off",
    "Ask for newer versions over the network; weir never does.",
  ),
  integer("first_wait_for_qlv", 300, "s", "Wait before the first such question."),
  offUnlessOn(
    "is_full",
    "off",
    "Marks a listing of all directives, which is refused as a configuration.",
    {
      ...RESTART,
      ...FILE_ONLY,
    },
  ),
  block("threads", "Thread monitor.", [integer("interval", 5, "s", "Period of the monitor.")], {
    isOpen: true,
  }),
  block(
    "circuit_breaker",
    "Sheds optional work when a thread is busy.",
    [
      onUnlessOff("enabled", "on", "Use it."),
      integer("high_threshold", 90, "%", "Busy: CPU of the thread."),
      integer("high_pulse", 2, "", "Samples before it counts."),
      integer("critical_threshold", 95, "%", "Critical: CPU of the thread."),
      integer("critical_pulse", 1, "", "Samples before it counts."),
      integer("dying_threshold", 99, "%", "Dying: CPU of the thread."),
      integer("dying_pulse", 5, "", "Samples before it counts."),
    ],
    { isOpen: true },
  ),
  block("tencentcloud_cls", "A cloud log service that SRS has since removed.", [], {
    isOpen: true,
  }),
  block("tencentcloud_apm", "A cloud monitor that SRS has since removed.", [], { isOpen: true }),
];

/** weir's own at root level. */
const OWN_ROOT: readonly DirectiveSpec[] = [
  integer("workers", 0, "", "Shards, each a thread that serves RTMP; 0 = one per core.", {
    ...OWN_RESTART,
    max: 256,
  }),
  integer("jobs", 0, "", "Threads that make HLS and recordings; 0 = one per eight cores.", {
    ...OWN_RESTART,
    max: 64,
  }),
  integer("gateways", 0, "", "Threads that serve HTTP; 0 = one per four cores.", {
    ...OWN_RESTART,
    max: 64,
  }),
  choice(
    "http_backend",
    ["auto", "uws", "node"],
    "HTTP library: uWebSockets.js where it loads, or node:http.",
    OWN_RESTART,
  ),
  integer(
    "grace_drain",
    0,
    "ms",
    "Graceful quit: connections that have not left by then are ended; 0 = they may stay.",
    { ...OWN_HOT, hardened: "60000" },
  ),
  offUnlessOn(
    "strict",
    "off",
    "Prefer hardened defaults to SRS's; a reload asks every client again whether it may stay.",
    OWN_HOT,
  ),
  integer("ring_budget", RING_BYTES_BUDGET, "bytes", "Memory that one stream's ring may grow to.", {
    ...OWN_HOT,
    min: RING_BYTES_MIN,
    max: RING_BYTES_MAX,
  }),
  text(
    "memory_limit",
    "100%",
    "Memory of the process: from 80 % of it on new players and publishers are refused, from 90 % slow players are ended, from 95 % the newest publishers; bytes, a share of what host or control group have (`50%`), or `off`.",
    OWN_HOT,
  ),
  integer(
    "spill_players",
    SPILL_PLAYERS,
    "",
    "Players of a stream that stay on its own shard; 0 = none.",
    OWN_HOT,
  ),
  integer(
    "takeover_silence",
    TAKEOVER_SILENCE_MS,
    "ms",
    "A publisher silent this long loses its name to a newcomer; 0 = never.",
    OWN_HOT,
  ),
  integer(
    "handshake_timeout",
    HANDSHAKE_TIMEOUT_MS,
    "ms",
    "RTMP handshake complete, counted from accept.",
    {
      ...OWN_HOT,
      min: 1,
    },
  ),
  integer("connect_timeout", CONNECT_TIMEOUT_MS, "ms", "`connect` accepted, counted from accept.", {
    ...OWN_HOT,
    min: 1,
  }),
  integer(
    "identify_timeout",
    IDENTIFY_TIMEOUT_MS,
    "ms",
    "`publish` or `play` asked for, counted from accept.",
    {
      ...OWN_HOT,
      min: 1,
    },
  ),
  integer(
    "unidentified_max",
    UNIDENTIFIED_MAX,
    "",
    "Connections before publish or play; accept waits beyond it.",
    {
      ...OWN_HOT,
      min: 1,
    },
  ),
  integer(
    "player_stall",
    PLAYER_STALL_MS,
    "ms",
    "A player that takes no byte for this long is closed.",
    {
      ...OWN_HOT,
      min: 1000,
    },
  ),
];

/** Rows of the root level that are not servers and not vhosts. */
export const ROOT_DIRECTIVES: readonly DirectiveSpec[] = [...SRS_ROOT, ...OWN_ROOT];
