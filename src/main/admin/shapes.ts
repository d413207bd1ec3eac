/** What the API's answers look like, field by field. Spec: SRS compatibility §2. */
import {
  COUNT,
  FLAG,
  INTEGER,
  joined,
  listOf,
  NUMBER,
  orNull,
  type Schema,
  SHARE,
  shape,
  shapeOf,
  TEXT,
} from "./schema.ts";

/** Stands around every answer. */
export const ENVELOPE: Schema = shape({
  code: INTEGER,
  server: TEXT,
  service: TEXT,
  pid: TEXT,
});

const KBPS = shapeOf("recv_30s send_30s", COUNT);
const TRAFFIC = shape({ send_bytes: COUNT, recv_bytes: COUNT, kbps: KBPS });

export const VHOST: Schema = joined(
  shape({
    id: TEXT,
    name: TEXT,
    enabled: FLAG,
    clients: COUNT,
    streams: COUNT,
    hls: shape({ enabled: FLAG, "fragment?": NUMBER }),
  }),
  TRAFFIC,
);

export const STREAM: Schema = joined(
  shape({
    id: TEXT,
    name: TEXT,
    vhost: TEXT,
    app: TEXT,
    tcUrl: TEXT,
    url: TEXT,
    live_ms: COUNT,
    clients: COUNT,
    frames: COUNT,
    audio_frames: COUNT,
    video_frames: COUNT,
    publish: shape({ active: FLAG, "cid?": TEXT }),
    video: orNull(shape({ codec: TEXT, profile: TEXT, level: TEXT, width: COUNT, height: COUNT })),
    audio: orNull(shape({ codec: TEXT, sample_rate: COUNT, channel: COUNT, profile: TEXT })),
    shard: { type: ["string", "null"], description: "weir: the thread that writes it" },
  }),
  TRAFFIC,
);

export const CLIENT: Schema = joined(
  shape({
    id: TEXT,
    vhost: TEXT,
    stream: TEXT,
    ip: TEXT,
    pageUrl: TEXT,
    swfUrl: TEXT,
    tcUrl: TEXT,
    url: TEXT,
    name: TEXT,
    type: TEXT,
    publish: FLAG,
    alive: { type: "number", minimum: 0 },
    shard: { type: "string", description: "weir: the thread that serves it" },
  }),
  TRAFFIC,
);

const SAMPLED = shape({ ok: FLAG, sample_time: COUNT });

export const RUSAGES: Schema = joined(
  SAMPLED,
  shapeOf(
    "ru_utime ru_stime ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt ru_majflt ru_nswap ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw",
    COUNT,
  ),
);

export const SELF_PROC_STATS: Schema = joined(
  joined(SAMPLED, shape({ percent: SHARE, comm: TEXT, state: TEXT })),
  shapeOf(
    "pid ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice num_threads itrealvalue starttime vsize rss rsslim startcode endcode startstack kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy delayacct_blkio_ticks guest_time cguest_time",
    INTEGER,
  ),
);

export const SYSTEM_PROC_STATS: Schema = joined(
  joined(SAMPLED, shape({ percent: SHARE })),
  shapeOf("user nice sys idle iowait irq softirq steal guest", COUNT),
);

export const MEMINFOS: Schema = joined(
  joined(SAMPLED, shapeOf("percent_ram percent_swap", SHARE)),
  shapeOf("MemActive RealInUse NotInUse MemTotal MemFree Buffers Cached SwapTotal SwapFree", COUNT),
);

const SELF = shape({
  version: TEXT,
  pid: COUNT,
  ppid: COUNT,
  argv: TEXT,
  cwd: TEXT,
  mem_kbyte: COUNT,
  mem_percent: SHARE,
  cpu_percent: SHARE,
  srs_uptime: COUNT,
});

const SYSTEM = joined(
  shapeOf(
    "cpu_percent disk_busy_percent mem_ram_percent mem_swap_percent uptime ilde_time load_1m load_5m load_15m",
    SHARE,
  ),
  shapeOf(
    "disk_read_KBps disk_write_KBps mem_ram_kbyte mem_swap_kbyte cpus cpus_online net_sample_time net_recv_bytes net_send_bytes net_recvi_bytes net_sendi_bytes srs_sample_time srs_recv_bytes srs_send_bytes conn_sys conn_sys_et conn_sys_tw conn_sys_udp conn_srs",
    COUNT,
  ),
);

export const SUMMARIES: Schema = shape({ ok: FLAG, now_ms: COUNT, self: SELF, system: SYSTEM });

export const VERSIONS: Schema = joined(
  shapeOf("major minor revision", COUNT),
  shape({ version: TEXT }),
);

export const AUTHORS: Schema = shape({ license: TEXT, contributors: TEXT });

export const FEATURES: Schema = joined(
  shapeOf("options options2 build build2", TEXT),
  shape({
    features: shapeOf(
      "ssl hls hds callback api httpd dvr transcode ingest stat caster complex_send tcp_nodelay so_sendbuf mr",
      FLAG,
    ),
  }),
);

export const HTTP_API: Schema = shape({
  enabled: FLAG,
  listen: TEXT,
  crossdomain: FLAG,
  raw_api: shapeOf("enabled allow_reload allow_query allow_update", FLAG),
});

export const CLUSTER: Schema = shape({
  query: shapeOf("ip vhost app stream", TEXT),
  origin: orNull(shape({ ip: TEXT, port: COUNT, vhost: TEXT, api: TEXT, routers: listOf(TEXT) })),
});

const STEP = shape({
  place: TEXT,
  before: { type: ["string", "null"] },
  after: { type: ["string", "null"] },
  effect: { enum: ["hot", "restart", "none"] },
});

/** A reload, as it stands; `steps` once they are known. */
export const RELOAD: Schema = shape({
  err: INTEGER,
  msg: TEXT,
  state: INTEGER,
  rid: TEXT,
  "steps?": listOf(STEP),
});

export const TEST_REQUEST: Schema = shape({
  uri: TEXT,
  path: TEXT,
  METHOD: TEXT,
  headers: shapeOf("sigature version link time", { type: ["string", "integer"] }),
});
