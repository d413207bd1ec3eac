/**
 * The typed configuration: what the directive tree means once defaults, environment and SRS's rules are applied.
 * Loaded once, deep-frozen, handed down as the smallest slice. Plain data: it may be posted to another thread
 * (a thread that receives it gets a copy that is no longer frozen).
 */
import type { Network } from "../access/network.ts";
import type { ReferConfig } from "../access/refer.ts";
import type { SecurityConfig } from "../access/security.ts";
import type { HlsSettings } from "../control/hls.ts";
import type { DvrSettings } from "../control/recording.ts";
import type { ClusterConfig } from "./cluster.ts";
import type { ListenEndpoint } from "./endpoint.ts";

import type { ForwardConfig } from "./forward.ts";
import type { HooksConfig, TokenConfig } from "./hooks.ts";

import type { MemoryLimit } from "./memory-limit.ts";
import type { ProgramsConfig } from "./programs-config.ts";
import type { TlsServerConfig } from "./tls-config.ts";

/**
 * Severities as log lines carry them, least first (`srs_log_level_v2`). SRS 4's `verbose`, `info` and `trace`
 * are `trace`, `debug` and `info`.
 */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** Where log lines go and which. */
export interface LogConfig {
  readonly tank: "console" | "file";
  readonly level: LogLevel;
  readonly file: string;
  /** UTC instead of local time. */
  readonly utc: boolean;
}

/** What programs write beside their work (SRS: ff_log_dir, ff_log_level). */
export interface FfLogConfig {
  /** `/dev/null` for none. */
  readonly dir: string;
  /** ffmpeg's `-loglevel`; '' for its own. */
  readonly level: string;
}

/** Bounds an operator may move; the others are fixed in `limits.ts`. */
export interface LimitsConfig {
  /** RTMP handshake complete, absolute from accept. */
  readonly handshakeTimeoutMs: number;
  /** `connect` accepted, absolute from accept. */
  readonly connectTimeoutMs: number;
  /** `publish` or `play` asked for, absolute from accept. */
  readonly identifyTimeoutMs: number;
  /** Connections before publish or play, in all; accept waits beyond it. */
  readonly unidentifiedMax: number;
  /** A player that takes no byte for this long is closed. */
  readonly playerStallMs: number;
  /** Shared-memory growth allowed to one stream's ring. */
  readonly ringBudgetBytes: number;
  /** A publisher silent this long loses its name to a newcomer; 0 = never, the newcomer is refused. */
  readonly takeoverSilenceMs: number;
  /** Players of one stream that stay on its home shard before others are asked. */
  readonly spillPlayers: number;
  /** Programs that run at one time; more wait. */
  readonly programsMax: number;
  /** Near it newcomers are refused and sessions ended. */
  readonly memoryLimit: MemoryLimit;
}

/** HTTP-FLV and its kin, and WebSocket-FLV (SRS: http_server). */
export interface HttpServerConfig {
  readonly enabled: boolean;
  readonly listen: readonly ListenEndpoint[];
  readonly crossdomain: boolean;
  /** Threads; 0: by the number of cores. */
  readonly gateways: number;
  readonly backend: "auto" | "uws" | "node";
  /** Directory of files. */
  readonly dir: string;
  readonly https: TlsServerConfig;
}

/** Files of a vhost over HTTP (SRS: http_static). */
export interface HttpStaticConfig {
  readonly enabled: boolean;
  /** Path that they are found under, with `[vhost]`. */
  readonly mount: string;
  readonly dir: string;
}

/** Who may use the HTTP API. */
export interface ApiAuthConfig {
  readonly enabled: boolean;
  readonly type: "basic" | "bearer";
  readonly username: string;
  readonly password: string;
  readonly token: string;
}

/** The HTTP API (SRS: http_api). */
export interface HttpApiConfig {
  readonly enabled: boolean;
  readonly listen: readonly ListenEndpoint[];
  readonly crossdomain: boolean;
  /** weir: answers may be scripts. */
  readonly jsonp: boolean;
  readonly rawApi: { readonly enabled: boolean; readonly allowReload: boolean };
  readonly auth: ApiAuthConfig;
  readonly https: TlsServerConfig;
}

/** Who is told that this server is alive. */
export interface HeartbeatConfig {
  readonly enabled: boolean;
  readonly intervalMs: number;
  readonly url: string;
  readonly deviceId: string;
  readonly summaries: boolean;
  readonly ports: boolean;
  /** Which one of the host's addresses is told, modulo their number (SRS: stats.network). */
  readonly network: number;
}

/** Metrics for Prometheus (SRS: exporter). */
export interface ExporterConfig {
  readonly enabled: boolean;
  readonly listen: readonly ListenEndpoint[];
  readonly label: string;
  readonly tag: string;
}

/** Live streams of a vhost over HTTP (SRS: http_remux). */
export interface HttpRemuxConfig {
  readonly enabled: boolean;
  /** Template of the path; its end names the format. */
  readonly mount: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly guessHasAv: boolean;
  readonly dropsUnannounced: boolean;
  readonly fastCacheMs: number;
  readonly isLegacyHevc: boolean;
}

/** How timestamps of a live stream are corrected. */
export type TimeJitter = "full" | "zero" | "off";

/** What players of a vhost get. */
export interface PlayConfig {
  readonly gopCache: boolean;
  /** A longer GOP is not offered to newcomers; 0 = no bound but the fixed ones. */
  readonly gopCacheMaxFrames: number;
  readonly queueLengthMs: number;
  readonly timeJitter: TimeJitter;
  readonly atc: boolean;
  readonly atcAuto: boolean;
  readonly mixCorrect: boolean;
  readonly mwLatencyMs: number;
  readonly mwMsgs: number;
  /** weir: merge less than `mwLatencyMs` while the shard is idle. */
  readonly mwAdaptive: boolean;
  readonly sendMinIntervalMs: number;
  readonly reduceSequenceHeader: boolean;
  /** weir: how long a player may wait for a stream that is not live; 0 = for ever. */
  readonly waitMs: number;
}

/** What publishers of a vhost are held to. */
export interface PublishConfig {
  readonly firstPacketTimeoutMs: number;
  readonly normalTimeoutMs: number;
  /** A publisher without players for this long is closed; 0 = never. */
  readonly kickoffForIdleMs: number;
  readonly mr: boolean;
  readonly mrLatencyMs: number;
  readonly parseSps: boolean;
  readonly tryAnnexbFirst: boolean;
}

/** How many may play and publish at one time; 0 = as many as there are. */
export interface SeatLimits {
  /** Plays of one stream. */
  readonly streamPlayers: number;
  /** Plays of the vhost. */
  readonly players: number;
  /** Publishes of the vhost. */
  readonly publishers: number;
  /** Plays and publishes of one client address. */
  readonly addressSessions: number;
  /** Addresses that `addressSessions` does not count for. */
  readonly addressExempt: readonly Network[];
  /** Plays and publishes with one token. */
  readonly tokenSessions: number;
}

/** One `vhost` block. */
export interface VhostConfig {
  readonly name: string;
  readonly enabled: boolean;
  /** Outgoing chunk size in bytes. */
  readonly chunkSize: number;
  readonly minLatency: boolean;
  /** null when the file does not say: weir then decides by the merge factor. */
  readonly tcpNodelay: boolean | null;
  /** Window asked of the peer; 0 = not asked. */
  readonly inAckSize: number;
  readonly outAckSize: number;
  readonly play: PlayConfig;
  readonly publish: PublishConfig;
  readonly httpRemux: HttpRemuxConfig;
  readonly httpStatic: HttpStaticConfig;
  readonly hls: HlsSettings;
  readonly dvr: DvrSettings;
  readonly cluster: ClusterConfig;
  readonly security: SecurityConfig;
  readonly refer: ReferConfig;
  readonly hooks: HooksConfig;
  readonly forward: ForwardConfig;
  readonly token: TokenConfig;
  readonly limits: SeatLimits;
  readonly programs: ProgramsConfig;
}

/** The whole configuration. */
export interface Config {
  readonly listen: readonly ListenEndpoint[];
  readonly maxConnections: number;
  /** Outgoing chunk size of vhosts that do not set their own. */
  readonly chunkSize: number;
  /** Shards; 0 = one per core. */
  readonly workers: number;
  /** Threads that package HLS; 0 = by the number of cores. */
  readonly jobs: number;
  /** Prefer hardened values to SRS's defaults; rows of the table that have one already took it. */
  readonly strict: boolean;
  readonly log: LogConfig;
  readonly ffLog: FfLogConfig;
  /** Reload when the file changes. */
  readonly autoReload: boolean;
  readonly pid: string;
  /** Empty: generate one and keep it beside the pid file. */
  readonly serverId: string;
  readonly daemon: boolean;
  readonly asprocess: boolean;
  readonly workDir: string;
  readonly emptyIpOk: boolean;
  readonly utcTime: boolean;
  readonly pithyPrintMs: number;
  readonly graceStartWaitMs: number;
  readonly graceFinalWaitMs: number;
  /** weir: connections that have not left a graceful stop by then are ended; 0 = they may stay. */
  readonly graceDrainMs: number;
  readonly forceGraceQuit: boolean;
  readonly limits: LimitsConfig;
  readonly vhosts: ReadonlyMap<string, VhostConfig>;
  readonly httpServer: HttpServerConfig;
  readonly httpApi: HttpApiConfig;
  readonly exporter: ExporterConfig;
  /** Devices whose input and output is measured (SRS: stats.disk). */
  readonly statsDisks: readonly string[];
  readonly heartbeat: HeartbeatConfig;
  readonly rtmps: TlsServerConfig;
  /** Environment variables that secrets were taken from (`env:NAME`). */
  readonly secretVariables: readonly string[];
}
