/**
 * What the primary and a shard say to each other. Hand-offs and news about rings are posted messages, in order on one
 * port; questions with an answer are typed calls with a time limit. Session snapshots pass through unread.
 */
import type { RingFigures } from "../ring/ring-figures.ts";
import type { ApiAnswer, ApiQuestion } from "./api.ts";
import type { ForwardNews, ForwardsOrder } from "./forward.ts";
import type { HlsAnswer, HlsNews, HlsSettings, HlsTouches, HlsTrouble } from "./hls.ts";
import type { HttpListen, StaticMount } from "./http-listen.ts";
import type { DvrSettings, RecordingNews } from "./recording.ts";
import type { RingLease, TimelineEnd } from "./ring-lease.ts";
import type { StreamInfo } from "./stream-info.ts";
import type {
  OriginAnswer,
  OriginQuestion,
  PullEnded,
  PullOrder,
  PullStop,
  UpstreamSettings,
  UpstreamWorks,
} from "./upstream.ts";

export type {
  CertificateNews,
  HttpListen,
  StaticMount,
  StaticNews,
  TlsFileNames,
} from "./http-listen.ts";
export type { RingLease, TimelineEnd } from "./ring-lease.ts";

/** How a stream's publisher and players are treated: the slice of a vhost that a shard needs. Times in milliseconds. */
export interface StreamSettings {
  readonly chunkSize: number;
  readonly minLatency: boolean;
  /** null: weir chooses (on, since a send is a whole frame or more). */
  readonly tcpNodelay: boolean | null;
  readonly gopCache: boolean;
  readonly gopCacheMaxFrames: number;
  readonly queueLengthMs: number;
  readonly timeJitter: "full" | "zero" | "off";
  readonly atc: boolean;
  readonly atcAuto: boolean;
  readonly mixCorrect: boolean;
  readonly mwLatencyMs: number;
  readonly mwMsgs: number;
  readonly mwAdaptive: boolean;
  readonly sendMinIntervalMs: number;
  readonly reduceSequenceHeader: boolean;
  readonly playWaitMs: number;
  readonly playerStallMs: number;
  readonly firstPacketTimeoutMs: number;
  readonly normalTimeoutMs: number;
  readonly kickoffForIdleMs: number;
  readonly ringBudgetBytes: number;
  /** Of an edge; null at an origin. */
  readonly upstream: UpstreamSettings | null;
  /** null: no HLS is made. */
  readonly hls: HlsSettings | null;
  /** null: it is not recorded. */
  readonly dvr: DvrSettings | null;
  /** What gateways make of it while nobody watches too, so that newcomers get the past; null: nothing. */
  readonly keptForm: RemuxSettings | null;
}

/** A stream that the shard will get players or a publisher of. */
export interface StreamNews {
  readonly kind: "stream";
  readonly streamId: number;
  /** `vhost/app/stream`. */
  readonly key: string;
  readonly settings: StreamSettings;
  /** Rises with every announcement. */
  readonly announcement: number;
}

/** The ring that players of a stream read now; null: there is none. */
export interface RingNews {
  readonly kind: "ring";
  readonly streamId: number;
  readonly lease: RingLease | null;
}

/** New settings of a stream that the shard knows. */
export interface SettingsChange {
  readonly streamId: number;
  readonly settings: StreamSettings;
}

/**
 * What a reload changes for the streams of a shard, in force from the moment that the shared version word says so. The
 * shard answers `settings-accepted`. A version that was skipped is never in force.
 */
export interface SettingsNews {
  readonly kind: "settings";
  readonly version: number;
  readonly changes: readonly SettingsChange[];
}

/** No player or publisher of the stream is left on the shard; its rings are let go. */
export interface ForgetStream {
  readonly kind: "forget";
  readonly streamId: number;
  /** The announcement that is taken back: not a later one, which an {@link AdmissionAnswer} may have told meanwhile. */
  readonly announcement: number;
}

interface Give {
  /** GIVEN when this is posted. */
  readonly row: number;
  readonly streamId: number;
  /** Bytes read and not consumed. */
  readonly rest: Uint8Array;
  /** Message stream id of the accepted publish or play. */
  readonly messageStream: number;
}

/** A player's descriptor. The state of its inbound decoder stands in the row, unless it does not fit there. */
export interface GivePlayer<DecoderSnapshot> extends Give {
  readonly kind: "give-player";
  /** The session as text, revived when a command comes. */
  readonly identity: string;
  readonly decoder: DecoderSnapshot | null;
}

/** A publisher's descriptor with the session that speaks on it. */
export interface GivePublisher<Snapshot> extends Give {
  readonly kind: "give-publisher";
  /** Connection id of the logs, the same in every thread. */
  readonly connectionId: string;
  readonly session: Snapshot;
  /** The ring to write. */
  readonly lease: RingLease;
  /** The end of the time line to go on from. */
  readonly previous: TimelineEnd | null;
}

/** What the primary relays of a connection that it could not hand over. Arrays are the receiver's own. */
export type RelayToShard =
  /** Its peer sent; no bytes: its end. */
  | { readonly kind: "relay-in"; readonly row: number; readonly bytes: Uint8Array }
  /** So many bytes were taken by the kernel. */
  | { readonly kind: "relay-room"; readonly row: number; readonly bytes: number }
  | { readonly kind: "relay-closed"; readonly row: number; readonly failure: string | null };

/** What a shard wants of such a connection. */
export type RelayFromShard =
  /** The shard listens: nothing of the connection is relayed before. */
  | { readonly kind: "relay-open"; readonly row: number }
  | { readonly kind: "relay-out"; readonly row: number; readonly bytes: Uint8Array }
  /** So many bytes were read. */
  | { readonly kind: "relay-read"; readonly row: number; readonly bytes: number }
  /** The last word; `end`: what was sent goes out first. */
  | {
      readonly kind: "relay-close";
      readonly row: number;
      readonly how: "end" | "destroy" | "reset";
    };

/** True for a message of a relayed connection. */
export function isRelay<Message extends { readonly kind: string }>(
  message: Message,
): message is Extract<Message, { readonly kind: `relay-${string}` }> {
  return message.kind.startsWith("relay-");
}

/** Memory is short: of the thread's players that are slow those that lag most are ended, at most so many. */
export interface EndSlow {
  readonly kind: "end-slow";
  readonly count: number;
}

/** Posted by the primary. */
export type ToShard<Snapshot, DecoderSnapshot> =
  | RelayToShard
  | StreamNews
  | RingNews
  | SettingsNews
  | ForgetStream
  | EndSlow
  | GivePlayer<DecoderSnapshot>
  | GivePublisher<Snapshot>
  | PullOrder
  | PullStop
  | ForwardsOrder
  /** The server stops gracefully: clients that understand it are asked to connect again. */
  | { readonly kind: "drain" }
  | { readonly kind: "stop" };

/** Why a row ended. */
export type EndReason =
  | "closed by peer"
  | "closed"
  | "kicked"
  | "taken over"
  | "stalled"
  | "passed by the ring"
  | "no media"
  | "nobody watches"
  | "no stream"
  | "duration over"
  | "no origin"
  | "protocol error"
  | "network error"
  | "no longer allowed"
  | "no memory"
  | "server stops"
  | "shard died";

/** Posted by a shard. */
export type FromShard = RelayFromShard | ShardNews;

/** What a shard tells of itself. */
export type ShardNews =
  | { readonly kind: "ready" }
  /** A gateway met an error that nobody caught, and ends. */
  | { readonly kind: "failed"; readonly text: string }
  /** The row is FREE again. */
  | {
      readonly kind: "gone";
      readonly row: number;
      readonly reason: EndReason;
      readonly detail: string;
      readonly bytesIn: number;
      readonly bytesOut: number;
    }
  /** The writer of a stream has a ring that readers may use from now on. */
  | { readonly kind: "ring-opened"; readonly streamId: number; readonly lease: RingLease }
  /** The publisher left; players stay. */
  | {
      readonly kind: "ring-ended";
      readonly streamId: number;
      readonly ringId: number;
      readonly end: TimelineEnd;
      /** What the writer had counted. */
      readonly figures: RingFigures;
    }
  /** The shard will apply the version when it is in force. */
  | { readonly kind: "settings-accepted"; readonly version: number }
  /** This thread holds no view of the ring any more. */
  | { readonly kind: "ring-released"; readonly ringId: number }
  | PullEnded
  | UpstreamWorks
  | ForwardNews
  | HlsNews
  | HlsTrouble
  | HlsTouches
  | RecordingNews
  | StreamInfo
  | { readonly kind: "stopped" };

/** What a publisher or player asks for a second time on its connection. */
export interface AdmissionQuestion {
  readonly row: number;
  readonly action: "publish" | "play";
  readonly stream: { readonly vhost: string; readonly app: string; readonly stream: string };
  readonly param: string;
}

/** A question as it reaches the primary: rows are given out again, inodes are not. */
export interface RowQuestion extends AdmissionQuestion {
  /** Of the row's socket, as on the board. */
  readonly inode: number;
}

/** The primary's answer to an {@link AdmissionQuestion}. */
export type AdmissionAnswer =
  | {
      readonly allowed: true;
      readonly streamId: number;
      readonly key: string;
      readonly settings: StreamSettings;
      /** Of a publisher: the ring to write. A player's comes as {@link RingNews}. */
      readonly lease: RingLease | null;
      readonly previous: TimelineEnd | null;
      /** As in {@link StreamNews}. */
      readonly announcement: number;
      /** Of a player: number of the play, for {@link PrimaryCalls.playEnded}. */
      readonly play: number;
    }
  | { readonly allowed: false; readonly status: string; readonly description: string };

/** What a viewer asks a gateway for by HTTP. */
export interface ViewerQuestion {
  /** As sent. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** The Host header, with its port. */
  readonly host: string;
  readonly ip: string;
  readonly referer: string;
  readonly userAgent: string;
  /** Servers that the request has passed, as edges of weir tell it; "" from anybody else. */
  readonly passed: string;
  readonly isSecure: boolean;
}

/** A request for a playlist. */
export interface HlsQuestion extends ViewerQuestion {
  /** The session that it names, or "". */
  readonly session: string;
  /** Only its headers are wanted: it begins no session. */
  readonly isHead: boolean;
}

/** What viewers of a vhost get (SRS: http_remux). */
export interface RemuxSettings {
  readonly format: "flv" | "ts" | "mp3" | "aac";
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Announce what the stream has shown instead. */
  readonly guessHasAv: boolean;
  /** Leave out of FLV what its header does not announce. */
  readonly dropsUnannounced: boolean;
  /** Audio that newcomers to `mp3` and `aac` get at once. */
  readonly fastCacheMs: number;
  /** HEVC in FLV with codec id 12 instead of as enhanced bodies. */
  readonly isLegacyHevc: boolean;
}

/** The primary's answer to a {@link ViewerQuestion}. */
export type ViewerAnswer =
  | {
      readonly allowed: true;
      /** The viewer's row on the gateway's board, its until the gateway says `gone`. */
      readonly row: number;
      readonly streamId: number;
      readonly key: string;
      readonly settings: StreamSettings;
      /** As in {@link StreamNews}. */
      readonly announcement: number;
      readonly remux: RemuxSettings;
    }
  /** No mount serves the path. */
  | { readonly allowed: false; readonly isMounted: false }
  | {
      readonly allowed: false;
      readonly isMounted: true;
      /** HTTP status. */
      readonly status: number;
      readonly description: string;
      /** Of a redirect. */
      readonly location: string | null;
    };

/** Calls that a thread may make of the primary. */
export interface PrimaryCalls {
  admitViewer(question: ViewerQuestion): Promise<ViewerAnswer>;
  admitHls(question: HlsQuestion): Promise<HlsAnswer>;
  /** A request to the HTTP API that came in at a gateway; null: it has no such path there. */
  api(question: ApiQuestion): Promise<ApiAnswer | null>;
  /** A ring of at least this wrap for a stream that the calling shard writes; null when the host's budget is spent. */
  leaseRing(streamId: number, wrapBytes: number): Promise<RingLease | null>;
  admit(question: RowQuestion): Promise<AdmissionAnswer>;
  /** Where an upstream connection goes next. */
  nextOrigin(question: OriginQuestion): Promise<OriginAnswer>;
  /**
   * A play has ended and its connection stays. A call and no posted message: it keeps its order with the questions of
   * the same connection. Numbers are never used again, so that a late one means nobody else's play.
   */
  playEnded(row: number, play: number): Promise<void>;
}

/** Faults that tests inject into a shard. */
export type Fault = "throw" | "oom" | "hang";

/** Calls that the primary may make of a shard. */
export interface ShardCalls {
  /** Closes the session of a row that still has this inode; true when there was one. */
  kick(row: number, inode: number, reason: EndReason): Promise<boolean>;
  /** Only where the server was started with fault injection. */
  fault(fault: Fault): Promise<void>;
}

/** What a gateway is started with. */
export interface GatewayStart extends ShardStart {
  readonly backend: "uws" | "node";
  readonly listen: readonly HttpListen[];
  /** Of clients by HTTP on this thread, whatever they do. */
  readonly connectionsMax: number;
  /** Answers carry CORS headers. */
  readonly crossdomain: boolean;
  readonly mounts: readonly StaticMount[];
}

/** What a shard is started with. */
export interface ShardStart {
  readonly index: number;
  /** Number of this thread among all readers of rings and doorbells. */
  readonly thread: number;
  readonly threads: number;
  readonly board: SharedArrayBuffer;
  readonly doorbells: SharedArrayBuffer;
  /** The version of the configuration in force. */
  readonly version: SharedArrayBuffer;
  readonly allowFaults: boolean;
  /** Memory for all that a packager makes. */
  readonly hlsBytesMax: number;
  /** Connections stay in the primary and are relayed. */
  readonly isRelayed: boolean;
  /** **Shared**: the TLS thread's board, to tell it of connections that are reset. */
  readonly tlsBoard: SharedArrayBuffer;
}
