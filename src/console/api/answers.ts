/** What the HTTP API answers, as far as the console reads it. Every text may come from strangers. */

/** Bits per second, averaged. Units: kbit/s. */
interface Kbps {
  readonly recv_30s: number;
  readonly send_30s: number;
}

/** A stream, as listed. */
export interface StreamAnswer {
  readonly id: string;
  readonly name: string;
  /** Id of its vhost. */
  readonly vhost: string;
  readonly app: string;
  readonly url: string;
  readonly clients: number;
  readonly video_frames: number;
  readonly send_bytes: number;
  readonly recv_bytes: number;
  readonly kbps: Kbps;
  readonly publish: { readonly active: boolean; readonly cid?: string };
  readonly video: {
    readonly codec: string;
    readonly profile: string;
    readonly level: string;
    readonly width: number;
    readonly height: number;
  } | null;
  readonly audio: {
    readonly codec: string;
    readonly sample_rate: number;
    readonly channel: number;
    readonly profile: string;
  } | null;
  readonly shard: string | null;
}

/** A client, as listed. */
export interface ClientAnswer {
  readonly id: string;
  readonly stream: string;
  readonly ip: string;
  readonly pageUrl: string;
  readonly tcUrl: string;
  readonly url: string;
  readonly name: string;
  readonly type: string;
  readonly publish: boolean;
  /** Seconds. */
  readonly alive: number;
  readonly send_bytes: number;
  readonly recv_bytes: number;
  readonly kbps: Kbps;
  readonly shard: string;
}

/** One thread. */
export interface ThreadAnswer {
  readonly name: string;
  readonly up: boolean;
  readonly players: number;
  readonly publishers: number;
  /** 0 to 1. */
  readonly utilisation: number;
  readonly delay_ms: number;
  readonly stretch: number;
  readonly skips: number;
  readonly stalls: number;
}

/** Where a vhost's streams are watched: templates of paths, null where they are not. */
export interface VhostPlace {
  readonly id: string;
  readonly name: string;
  readonly mount: string | null;
  readonly hls: string | null;
}

/** An origin whose health is known. */
export interface OriginAnswer {
  readonly address: string;
  readonly open: boolean;
  readonly failures: number;
}

/** What there is beyond SRS's API. */
export interface Overview {
  readonly version: string;
  readonly uptime_ms: number;
  readonly rtmp_port: number;
  readonly http_ports: readonly number[];
  readonly https_ports: readonly number[];
  readonly may_reload: boolean;
  readonly pulls: number;
  readonly attempts: number;
  /** Over the last minute, all threads together. */
  readonly fan_out: {
    readonly turns: number;
    readonly p50_ms: number;
    readonly p99_ms: number;
    readonly p999_ms: number;
  };
  readonly threads: readonly ThreadAnswer[];
  readonly origins: readonly OriginAnswer[];
  readonly vhosts: readonly VhostPlace[];
}

/** The last hour. */
export interface HistoryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly number[])[];
}

/** A setting in force. */
export interface SettingAnswer {
  readonly place: string;
  readonly value: string;
  readonly fallback: string | null;
  readonly effect: string;
}

/** One difference that a reload makes. */
export interface StepAnswer {
  readonly place: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly effect: string;
}

/** A reload, planned or done. */
export interface ReloadAnswer {
  readonly err: number;
  readonly msg: string;
  readonly steps?: readonly StepAnswer[];
}
