/** The HTTP API of SRS, written down by hand and not taken from weir. Spec: SRS compatibility §2. */

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function inside(name: string, fields: readonly string[]): string[] {
  return fields.map((field) => `${name}.${field}`);
}

const KBPS = ["kbps.recv_30s", "kbps.send_30s"];
const HELP =
  words(`versions summaries rusages self_proc_stats system_proc_stats meminfos authors features requests vhosts
  streams clients raw clusters perf tcmalloc valgrind signal tests.requests tests.errors tests.redirects tests.[vhost]`);

/** Fields around every answer. */
export const ENVELOPE_FIELDS: readonly string[] = words("code server service pid");

/** Of a vhost; `hls.fragment` where HLS is made. */
export const VHOST_FIELDS: readonly string[] = [
  ...words("id name enabled clients streams send_bytes recv_bytes hls.enabled"),
  ...KBPS,
];

/** Of a stream, `publish.cid` where it is published here, with the two counts of later versions of SRS. */
export const STREAM_FIELDS: readonly string[] = [
  ...words(`id name vhost app tcUrl url live_ms clients frames send_bytes recv_bytes publish.active audio_frames
    video_frames`),
  ...KBPS,
];
/** Of `video` and `audio` where there is one; else they are null. */
export const VIDEO_FIELDS: readonly string[] = words("codec profile level width height");
export const AUDIO_FIELDS: readonly string[] = words("codec sample_rate channel profile");

/** Of a client. */
export const CLIENT_FIELDS: readonly string[] = [
  ...words(
    `id vhost stream ip pageUrl swfUrl tcUrl url name type publish alive send_bytes recv_bytes`,
  ),
  ...KBPS,
];

/** What a client's type may be. */
export const CLIENT_TYPES: readonly string[] =
  words(`rtmp-play hls-play flv-play rtc-play srt-play fmle-publish
  flash-publish haivision-publish rtc-publish srt-publish Unknown`);

const SUMMARY = [
  ...words("ok now_ms"),
  ...inside(
    "self",
    words("version pid ppid argv cwd mem_kbyte mem_percent cpu_percent srs_uptime"),
  ),
  ...inside(
    "system",
    words(`cpu_percent disk_read_KBps disk_write_KBps disk_busy_percent mem_ram_kbyte mem_ram_percent mem_swap_kbyte
      mem_swap_percent cpus cpus_online uptime ilde_time load_1m load_5m load_15m net_sample_time net_recv_bytes
      net_send_bytes net_recvi_bytes net_sendi_bytes srs_sample_time srs_recv_bytes srs_send_bytes conn_sys conn_sys_et
      conn_sys_tw conn_sys_udp conn_srs`),
  ),
];
const RUSAGE =
  words(`ok sample_time ru_utime ru_stime ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt ru_majflt ru_nswap
  ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw`);
const SELF_STAT =
  words(`ok sample_time percent pid comm state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt
  cmajflt utime stime cutime cstime priority nice num_threads itrealvalue starttime vsize rss rsslim startcode endcode
  startstack kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority
  policy delayacct_blkio_ticks guest_time cguest_time`);
const SYSTEM_STAT = words(
  "ok sample_time percent user nice sys idle iowait irq softirq steal guest",
);
const MEMORY =
  words(`ok sample_time percent_ram percent_swap MemActive RealInUse NotInUse MemTotal MemFree Buffers Cached
  SwapTotal SwapFree`);
const FEATURES =
  words(`ssl hls hds callback api httpd dvr transcode ingest stat caster complex_send tcp_nodelay so_sendbuf
  mr`);
const RAW = words("enabled listen crossdomain");
const RAW_API = words("enabled allow_reload allow_query allow_update");

/** What SRS answers with code 0: path, and the fields beyond the envelope. */
export const ANSWERED: readonly (readonly [path: string, fields: readonly string[]])[] = [
  ["/", ["urls.api", ...inside("urls.rtc.v1", words("play publish nack"))]],
  ["/api/", ["urls.v1"]],
  ["/api/v1/", inside("urls", HELP)],
  ["/api/v1/versions", inside("data", words("major minor revision version"))],
  ["/api/v1/summaries", inside("data", SUMMARY)],
  ["/api/v1/rusages", inside("data", RUSAGE)],
  ["/api/v1/self_proc_stats", inside("data", SELF_STAT)],
  ["/api/v1/system_proc_stats", inside("data", SYSTEM_STAT)],
  ["/api/v1/meminfos", inside("data", MEMORY)],
  ["/api/v1/authors", inside("data", words("license contributors"))],
  [
    "/api/v1/features",
    inside("data", [...words("options options2 build build2"), ...inside("features", FEATURES)]),
  ],
  ["/api/v1/vhosts/", ["vhosts"]],
  ["/api/v1/streams/?start=0&count=10", words("streams total")],
  ["/api/v1/clients/?start=0&count=10", words("clients total")],
  ["/api/v1/raw?rpc=raw", inside("http_api", [...RAW, ...inside("raw_api", RAW_API)])],
  [
    "/api/v1/clusters?vhost=v&ip=i&app=a&stream=s",
    ["data.origin", ...inside("data.query", words("ip vhost app stream"))],
  ],
  [
    "/api/v1/tests/requests",
    inside("data", [
      ...words("uri path METHOD"),
      ...inside("headers", words("sigature version link time")),
    ]),
  ],
  [
    "/api/v1/requests",
    inside("data", [
      ...words("uri path METHOD"),
      ...inside("headers", words("sigature version link time")),
    ]),
  ],
];

/** What is refused by a code alone, with status 200: method, path, code. */
export const REFUSED: readonly (readonly [method: string, path: string, code: number])[] = [
  ["GET", "/api/v1/vhosts/vid-none", 2014],
  ["GET", "/api/v1/streams/vid-none", 2048],
  ["GET", "/api/v1/clients/none", 2049],
  ["DELETE", "/api/v1/clients/none", 2049],
  ["GET", "/api/v1/raw?rpc=reload", 1061],
  ["GET", "/api/v1/raw?rpc=reload-fetch", 1061],
  ["GET", "/api/v1/raw?rpc=nothing", 1061],
  ["GET", "/api/v1/tests/errors", 100],
  ["POST", "/api/v1/tests/errors", 100],
  ["GET", "/metrics", 1090],
  // Of SRS's special builds, and of protocols that weir does not have.
  ["GET", "/api/v1/perf", 1062],
  ["GET", "/api/v1/tcmalloc?page=summary", 1062],
  ["GET", "/api/v1/valgrind?check=full", 1062],
  ["GET", "/api/v1/signal?signo=1", 1062],
  ["POST", "/rtc/v1/play/", 400],
  ["POST", "/rtc/v1/publish/", 400],
  ["GET", "/rtc/v1/nack/?username=u&drop=1", 400],
  ["POST", "/gb/v1/publish/", 400],
];

/** What is answered by a status: method, path, status. */
export const BY_STATUS: readonly (readonly [method: string, path: string, status: number])[] = [
  ["GET", "/api/v1/tests/redirects", 301],
  ["POST", "/rtc/v1/whip/?app=live&stream=s", 501],
  ["DELETE", "/rtc/v1/whip/?action=delete&session=u&token=t", 501],
  ["POST", "/rtc/v1/whep/?app=live&stream=s", 501],
  ["POST", "/rtc/v1/whip-play/?app=live&stream=s", 501],
];

/** What srs-console reads, by JSONP, each path with its slash. */
export const CONSOLE_READS: readonly (readonly [path: string, fields: readonly string[]])[] = [
  ["/api/v1/versions/", inside("data", words("major minor revision version"))],
  ["/api/v1/summaries/", ["data.now_ms", "data.self.pid", "data.system.cpu_percent"]],
  ["/api/v1/vhosts/", ["vhosts"]],
  ["/api/v1/streams/", ["streams"]],
  ["/api/v1/clients/", ["clients"]],
  ["/api/v1/raw/?rpc=raw", inside("http_api.raw_api", RAW_API)],
];
