/** Text of a configuration file to typed, frozen configuration: grammar → legacy → table → values → checks. */
import { ConfigError, type ConfigPlace } from "../errors.ts";
import { DEFAULT_VHOST } from "../rtmp/stream-url.ts";
import { decodeRefer, decodeSecurity } from "./access.ts";
import { checkConfig } from "./checks.ts";
import { decodeCluster } from "./cluster.ts";
import type {
  Config,
  LimitsConfig,
  LogConfig,
  LogLevel,
  PlayConfig,
  PublishConfig,
  TimeJitter,
  VhostConfig,
} from "./config-types.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { DIRECTIVES, environmentNames, visitDirectives } from "./directives.ts";
import { decodeDvr } from "./dvr-config.ts";
import type { ListenEndpoint } from "./endpoint.ts";
import { decodeForward } from "./forward.ts";
import { type Directive, decodeGrammar, type ReadInclude } from "./grammar.ts";
import { decodeHls } from "./hls-config.ts";
import { decodeHooks, decodeToken } from "./hooks.ts";
import {
  decodeHttpApi,
  decodeHttpRemux,
  decodeHttpServer,
  decodeHttpStatic,
  decodeReports,
} from "./http-config.ts";
import { rewriteLegacy } from "./legacy.ts";
import { decodeEndpoints } from "./listening.ts";
import { decodeMemoryLimit } from "./memory-limit.ts";
import { decodePrograms } from "./programs-config.ts";
import { listSettings, type Settings } from "./reload-plan.ts";
import { decodeSeatLimits } from "./seat-limits.ts";
import { listSecrets, SecretValues } from "./secrets.ts";
import { type ReaderContext, SectionReader } from "./section-reader.ts";
import { decodeTlsServer } from "./tls-config.ts";
import { validateDirectives } from "./validation.ts";

export type {
  Config,
  LogConfig,
  LogLevel,
  VhostConfig,
} from "./config-types.ts";
export type { ListenEndpoint } from "./endpoint.ts";

/** What the caller lends to {@link decodeConfig}; the decoder itself touches neither files nor environment. */
export interface DecodeConfigOptions {
  /** Text of an included file; `file` is as written (SRS: relative to the working directory). */
  readonly include: ReadInclude;
  /** Text of a file that holds a secret (`file:PATH`); as included ones when absent. */
  readonly readSecret?: ReadInclude;
  /** Environment variables; only those that name a directive (`SRS_…`) are looked at, and they beat the file. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Only environment, no file (`-e`): daemon off, console log, a default vhost, port 1935 unless set. */
  readonly isEnvironmentOnly?: boolean;
  /** The host is a container: daemon off unless told otherwise, console log by default. */
  readonly isInDocker?: boolean;
  /** Called with the path of each directive whose value is asked for; lets a test see that none is forgotten. */
  readonly onRead?: (path: string) => void;
}

/** A configuration and what the operator should hear about it, one sentence each. */
export interface DecodedConfig {
  readonly config: Config;
  /** Every value that counts, for {@link planReload}. */
  readonly settings: Settings;
  readonly warnings: readonly string[];
  /** Where secrets stand in files, and files that hold one (line 0). */
  readonly secretsAt: readonly ConfigPlace[];
  /** Where `max_connections` is written, for the check against the host. */
  readonly maxConnectionsAt: ConfigPlace;
}

/** Largest `mw_msgs`, as in SRS. */
const MERGED_MESSAGES_MAX = 128;
/** Chunk sizes outside this range are used but told: some peers refuse them. */
const CHUNK_SIZE_USUAL = [128, 65_536] as const;

/**
 * Decode a whole configuration.
 *
 * Memory: the result is owned and deep-frozen.
 * @throws ConfigError (`ERR_CONF_…`) with file, line and directive.
 */
export function decodeConfig(
  text: string,
  file: string,
  options: DecodeConfigOptions,
): DecodedConfig {
  const { directives, warnings } = decodeDirectives(text, file, options);
  const environment = options.isEnvironmentOnly
    ? {
        SRS_DAEMON: "off",
        SRS_LISTEN: "1935",
        ...consoleUnlessSet(options),
        ...options.environment,
      }
    : options.environment;
  const told = new Set([...warnings, ...warningsOfEnvironment(environment)]);
  const softened = new Set<string>();
  const onRead = options.onRead ?? (() => undefined);
  const secrets = new SecretValues(environment, options.readSecret ?? options.include);
  const lenient = { environment, warnings: told, softened, strict: false, secrets, onRead };
  const strict = new SectionReader(DIRECTIVES, "", directives, lenient).isOn("strict");
  const context = { ...lenient, strict };
  const root = new SectionReader(DIRECTIVES, "", directives, context);
  const isInDocker = options.isInDocker === true || root.isOn("in_docker");
  checkConfig(root, isInDocker);
  const built = buildConfig(root, { file, isInDocker, strict, context });
  // Known when all has been read.
  const config = { ...built, secretVariables: secrets.variables };
  if (!root.isSet("daemon") && !isInDocker) {
    told.add(
      'weir stays in the foreground, as "daemon off;" says; for SRS\'s default say "daemon on;"',
    );
  }
  if (softened.size > 0) {
    told.add(`${[...softened].join(", ")}: SRS's default is kept, "strict on;" takes a safer one`);
  }
  const silent = { ...context, warnings: new Set<string>(), softened: new Set<string>() };
  // Listing a value is no use of it.
  const unheard = { ...silent, onRead: () => undefined };
  const lister = new SectionReader(DIRECTIVES, "", directives, unheard);
  return {
    config: deepFreeze(config),
    settings: listSettings(lister),
    warnings: [...told],
    secretsAt: listSecrets(directives),
    maxConnectionsAt: root.placeOf("max_connections"),
  };
}

/** The vhost that serves `name`: the exact one, else the default one; a disabled one is not found. */
export function resolveVhost(config: Config, name: string): VhostConfig | undefined {
  const vhost = config.vhosts.get(name) ?? config.vhosts.get(DEFAULT_VHOST);
  return vhost?.enabled ? vhost : undefined;
}

function decodeDirectives(
  text: string,
  file: string,
  options: DecodeConfigOptions,
): { readonly directives: readonly Directive[]; readonly warnings: readonly string[] } {
  const parsed = options.isEnvironmentOnly ? [] : decodeGrammar(text, file, options.include);
  if (options.isEnvironmentOnly) {
    const vhost = { name: "vhost", args: [DEFAULT_VHOST], children: [], isBlock: true };
    return { directives: [{ ...vhost, file, line: 0, column: 0 }], warnings: [] };
  }
  if (parsed.length === 0) {
    throw new ConfigError("ERR_CONF_EMPTY", "the configuration is empty", {
      file,
      line: 1,
      column: 1,
    });
  }
  const { directives, warnings } = rewriteLegacy(parsed);
  const { SRS_STRICT: strict = wordOf(directives, "strict") } = options.environment;
  const told = validateDirectives(directives, strict === "on");
  return { directives, warnings: [...warnings, ...told] };
}

function wordOf(directives: readonly Directive[], name: string): string | undefined {
  return directives.find((directive) => directive.name === name)?.args[0];
}

function consoleUnlessSet(options: DecodeConfigOptions): Record<string, string> {
  const { SRS_SRS_LOG_TANK: long, SRS_LOG_TANK: short } = options.environment;
  const isSet = long ?? short;
  return isSet ? {} : { SRS_SRS_LOG_TANK: "console" };
}

/** Variables that set what weir knows but does not do yet. */
function warningsOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const warnings: string[] = [];
  visitDirectives((path, spec) => {
    const [variable] = environmentNames(path, spec).filter((name) => environment[name]);
    if (variable !== undefined && spec.status === "accepted" && environment[variable] !== "off") {
      warnings.push(`${variable}: ${path} is known but has no effect in weir yet`);
    }
  });
  return warnings;
}

interface Surroundings {
  readonly file: string;
  readonly isInDocker: boolean;
  readonly strict: boolean;
  readonly context: ReaderContext;
}

function buildConfig(root: SectionReader, around: Surroundings): Omit<Config, "secretVariables"> {
  const mayDaemon = !(around.isInDocker && root.isOn("disable_daemon_for_docker"));
  const chunkSize = globalChunkSize(root);
  warnChunkSize("chunk_size", chunkSize, around.context);
  return {
    listen: decodeListen(root, around),
    maxConnections: root.number("max_connections"),
    chunkSize,
    workers: root.number("workers"),
    jobs: root.number("jobs"),
    strict: around.strict,
    log: decodeLog(root, around),
    ffLog: { dir: root.text("ff_log_dir"), level: root.text("ff_log_level") },
    autoReload: isAutoReload(root, around.isInDocker),
    pid: root.text("pid"),
    serverId: root.text("server_id"),
    daemon: mayDaemon && root.isOn("daemon"),
    asprocess: root.isOn("asprocess"),
    workDir: root.text("work_dir"),
    emptyIpOk: root.isOn("empty_ip_ok"),
    utcTime: root.isOn("utc_time"),
    pithyPrintMs: root.milliseconds("pithy_print_ms"),
    graceStartWaitMs: root.milliseconds("grace_start_wait"),
    graceFinalWaitMs: root.milliseconds("grace_final_wait"),
    graceDrainMs: root.milliseconds("grace_drain"),
    forceGraceQuit: root.isOn("force_grace_quit"),
    limits: decodeLimits(root),
    httpServer: decodeHttpServer(root),
    httpApi: decodeHttpApi(root, around.strict),
    ...decodeReports(root),
    rtmps: decodeTlsServer(root.section("rtmps")),
    vhosts: decodeVhosts(root, chunkSize, around.context),
  };
}

function isAutoReload(root: SectionReader, isInDocker: boolean): boolean {
  const [isAsked, isForDocker] = [
    root.isOn("inotify_auto_reload"),
    root.isOn("auto_reload_for_docker"),
  ];
  return isAsked || (isInDocker && isForDocker);
}

function decodeLimits(root: SectionReader): LimitsConfig {
  return {
    handshakeTimeoutMs: root.milliseconds("handshake_timeout"),
    connectTimeoutMs: root.milliseconds("connect_timeout"),
    identifyTimeoutMs: root.milliseconds("identify_timeout"),
    unidentifiedMax: root.number("unidentified_max"),
    playerStallMs: root.milliseconds("player_stall"),
    ringBudgetBytes: root.number("ring_budget"),
    takeoverSilenceMs: root.milliseconds("takeover_silence"),
    spillPlayers: root.number("spill_players"),
    programsMax: root.number("programs_max"),
    memoryLimit: decodeMemoryLimit(root),
  };
}

/** The names of SRS 4 to those that lines carry. */
const LEVEL_NAMES: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>([
  ["verbose", "trace"],
  ["info", "debug"],
  ["trace", "info"],
  ["warn", "warn"],
  ["error", "error"],
]);

function decodeLog(root: SectionReader, around: Surroundings): LogConfig {
  const named = root.choice("srs_log_level_v2");
  const level = named === "" ? LEVEL_NAMES.get(root.choice("srs_log_level")) : (named as LogLevel);
  const isConsole = root.isSet("srs_log_tank")
    ? root.choice("srs_log_tank") === "console"
    : around.isInDocker;
  return {
    tank: isConsole ? "console" : "file",
    level: level ?? "info",
    file: root.text("srs_log_file"),
    utc: root.isOn("utc_time"),
  };
}

function decodeListen(root: SectionReader, around: Surroundings): ListenEndpoint[] {
  const later = root.section("rtmp");
  const from = root.isSet("listen") ? root : later;
  const written = from.list("listen");
  if (written.length === 0) {
    const place = { file: around.file, line: 1, column: 1, directive: "listen" };
    throw new ConfigError(
      "ERR_CONF_LISTEN",
      "listen is missing: at least one port is needed",
      place,
    );
  }
  const endpoints = new Map<string, ListenEndpoint>();
  for (const [index, endpoint] of decodeEndpoints(from).entries()) {
    const key = `${endpoint.host} ${endpoint.port}`;
    if (endpoints.has(key)) {
      const place = from.placeOf("listen");
      around.context.warnings.add(
        `${place.file}:${place.line}: listen ${written[index]} stands twice`,
      );
    }
    endpoints.set(key, endpoint);
  }
  return [...endpoints.values()];
}

function globalChunkSize(root: SectionReader): number {
  const later = root.section("rtmp");
  const isLater = !root.isSet("chunk_size") && later.isSet("chunk_size");
  return (isLater ? later : root).number("chunk_size");
}

function warnChunkSize(name: string, chunkSize: number, context: ReaderContext): void {
  const [least, most] = CHUNK_SIZE_USUAL;
  if (chunkSize < least || chunkSize > most) {
    context.warnings.add(
      `${name} ${chunkSize} is outside ${least}…${most}, which some peers refuse`,
    );
  }
}

/** The first block of a name wins, as in SRS. */
function decodeVhosts(
  root: SectionReader,
  chunkSize: number,
  context: ReaderContext,
): Map<string, VhostConfig> {
  const vhosts = new Map<string, VhostConfig>();
  for (const { name, reader } of root.sections("vhost")) {
    if (!vhosts.has(name)) {
      vhosts.set(name, decodeVhost(name, reader, { chunkSize, context }));
    }
  }
  if (vhosts.size === 0) {
    context.warnings.add("there is no vhost: every publish and play will be refused");
  }
  return vhosts;
}

function decodeVhost(
  name: string,
  vhost: SectionReader,
  from: { readonly chunkSize: number; readonly context: ReaderContext },
): VhostConfig {
  const chunkSize = vhost.isSet("chunk_size") ? vhost.number("chunk_size") : from.chunkSize;
  warnChunkSize(`chunk_size of vhost ${name}`, chunkSize, from.context);
  const minLatency = vhost.isOn("min_latency");
  const cluster = decodeCluster(vhost.section("cluster"));
  const { context } = from;
  return {
    name,
    enabled: vhost.isOn("enabled"),
    chunkSize,
    minLatency,
    tcpNodelay: vhost.isSet("tcp_nodelay") ? vhost.isOn("tcp_nodelay") : null,
    inAckSize: vhost.number("in_ack_size"),
    outAckSize: vhost.number("out_ack_size"),
    play: decodePlay(vhost.section("play"), minLatency, from.context),
    publish: decodePublish(vhost.section("publish")),
    httpRemux: decodeHttpRemux(vhost.section("http_remux")),
    httpStatic: decodeHttpStatic(vhost.section("http_static")),
    hls: decodeHls(vhost.section("hls")),
    dvr: decodeDvr(vhost.section("dvr")),
    cluster,
    security: decodeSecurity(name, vhost.section("security"), from.context),
    refer: decodeRefer(name, vhost.section("refer"), from.context),
    hooks: decodeHooks(vhost),
    forward: decodeForward(vhost.section("forward"), { name, isEdge: cluster.isEdge, context }),
    token: decodeToken(vhost.section("token")),
    limits: decodeSeatLimits(name, vhost),
    programs: decodePrograms(vhost),
  };
}

function decodePlay(play: SectionReader, minLatency: boolean, context: ReaderContext): PlayConfig {
  const mwMsgs = minLatency && !play.isSet("mw_msgs") ? 0 : play.number("mw_msgs");
  if (mwMsgs > MERGED_MESSAGES_MAX) {
    context.warnings.add(`mw_msgs ${mwMsgs} is read as ${MERGED_MESSAGES_MAX}, the most there is`);
  }
  return {
    gopCache: play.isOn("gop_cache"),
    gopCacheMaxFrames: play.number("gop_cache_max_frames"),
    queueLengthMs: play.milliseconds("queue_length"),
    timeJitter: play.choice("time_jitter") as TimeJitter,
    atc: play.isOn("atc"),
    atcAuto: play.isOn("atc_auto"),
    mixCorrect: play.isOn("mix_correct"),
    mwLatencyMs: play.milliseconds("mw_latency"),
    mwMsgs: Math.min(mwMsgs, MERGED_MESSAGES_MAX),
    mwAdaptive: play.isOn("mw_adaptive"),
    sendMinIntervalMs: play.number("send_min_interval"),
    reduceSequenceHeader: play.isOn("reduce_sequence_header"),
    waitMs: play.milliseconds("play_wait"),
  };
}

function decodePublish(publish: SectionReader): PublishConfig {
  return {
    firstPacketTimeoutMs: publish.milliseconds("firstpkt_timeout"),
    normalTimeoutMs: publish.milliseconds("normal_timeout"),
    kickoffForIdleMs: publish.milliseconds("kickoff_for_idle"),
    mr: publish.isOn("mr"),
    mrLatencyMs: publish.milliseconds("mr_latency"),
    parseSps: publish.isOn("parse_sps"),
    tryAnnexbFirst: publish.isOn("try_annexb_first"),
  };
}
