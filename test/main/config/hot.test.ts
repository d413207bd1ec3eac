/** For every directive that a reload applies: by what, and where that is shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission, type AdmissionHost } from "../../../src/main/accept/admission.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { directiveChanges } from "../../support/directive-changes.ts";

const LISTENERS = "the acceptor opens and closes addresses: e2e/reload, listen";
const ASKED = "asked of the configuration in force at each connection: e2e/reload, max_connections";
const CONNECT = "told to the next client that connects: e2e/vhosts";
const RULES = "asked at connect, publish and play: e2e/reload, security and refer";
const VHOSTS = "vhosts are looked up in the configuration in force: e2e/reload, vhosts";
const LOG = "the log is told: e2e/reload-signals, log level and tank";
const WATCH = "the watch is told: e2e/reload-signals, inotify_auto_reload";
const STOP = "read from the configuration in force when the server is told to stop: life/run";
const ATTEMPT =
  "asked of the configuration in force at each attempt: main/coordinator/edge, origins";
const EACH_CONNECTION = "asked of the configuration in force at each connect or play: e2e/edge";
const EDGE = "carried to an edge's streams: below";
const VIEWERS = "asked of the configuration in force by each viewer: main/gateways/viewers";
const API = "asked of the configuration in force at each request: e2e/api-access";
const API_LISTEN = "the listeners open and close addresses: e2e/api-access, reload";
const METRICS = "asked of the configuration in force at each scrape: e2e/metrics";
const HEARTBEAT = "asked of the configuration in force at each heartbeat: e2e/heartbeat";
const RTMPS = "the TLS front listens, renews or stops: e2e/rtmps";
const HTTPS = "gateways are told: e2e/https";
const FILES = "gateways are told: e2e/static-mounts";
const CALLBACKS = "asked of the configuration in force by each callback: e2e/hook-extras";
const TOKENS = "asked of the configuration in force by each publish and play: e2e/tokens";
const LIMITS = "asked of the configuration in force by each publish and play: e2e/limits, a reload";
const MEMORY = "asked of the configuration in force at each look: e2e/memory-limit";
const PROGRAMS = "programs that differ are ended and started: e2e/programs, main/programs/programs";
const FORWARDS = "the primary tells shards where streams go: e2e/forward, a reload";
const STRICT = "changes what other directives mean: e2e/reload, strict on";

/** Blocks whose directives are all the same: those of an engine stand in two. */
const PROGRAM_PATHS: readonly string[] = [
  "exec.enabled",
  "exec.publish",
  "ingest.input.type",
  "ingest.input.url",
  ...["ingest", "transcode"].flatMap((block) => [
    `${block}.enabled`,
    `${block}.ffmpeg`,
    ...[
      ...["enabled", "iformat", "vcodec", "vbitrate", "vfps", "vwidth", "vheight", "vthreads"],
      ...["vprofile", "vpreset", "acodec", "abitrate", "asample_rate", "achannels", "oformat"],
      "output",
    ].map((name) => `${block}.engine.${name}`),
  ]),
];

/** What is not carried by the settings of streams. */
const MECHANISMS: Readonly<Record<string, string>> = {
  listen: LISTENERS,
  max_connections: ASKED,
  spill_players: ASKED,
  memory_limit: MEMORY,
  takeover_silence: ASKED,
  handshake_timeout: ASKED,
  connect_timeout: ASKED,
  identify_timeout: ASKED,
  unidentified_max: ASKED,
  "vhost.in_ack_size": CONNECT,
  "vhost.out_ack_size": CONNECT,
  "vhost.enabled": VHOSTS,
  "vhost.security.enabled": RULES,
  "vhost.security.allow": RULES,
  "vhost.security.deny": RULES,
  "vhost.refer.enabled": RULES,
  "vhost.refer.all": RULES,
  "vhost.refer.publish": RULES,
  "vhost.refer.play": RULES,
  "vhost.http_remux.enabled": VIEWERS,
  "vhost.http_remux.mount": VIEWERS,
  "vhost.http_remux.has_audio": VIEWERS,
  "vhost.http_remux.has_video": VIEWERS,
  "vhost.http_remux.guess_has_av": VIEWERS,
  "vhost.hls.hls_nb_notify": CALLBACKS,
  "vhost.http_hooks.enabled": CALLBACKS,
  "vhost.http_hooks.on_connect": CALLBACKS,
  "vhost.http_hooks.on_close": CALLBACKS,
  "vhost.http_hooks.on_publish": CALLBACKS,
  "vhost.http_hooks.on_unpublish": CALLBACKS,
  "vhost.http_hooks.on_play": CALLBACKS,
  "vhost.http_hooks.on_stop": CALLBACKS,
  "vhost.http_hooks.on_dvr": CALLBACKS,
  "vhost.http_hooks.on_hls": CALLBACKS,
  "vhost.http_hooks.on_hls_notify": CALLBACKS,
  "vhost.http_hooks.hook_timeout": CALLBACKS,
  "vhost.http_hooks.hook_fail_open": CALLBACKS,
  "vhost.http_hooks.hook_retries": CALLBACKS,
  "vhost.http_hooks.hook_retry_delay": CALLBACKS,
  "vhost.http_hooks.hook_concurrency": CALLBACKS,
  "vhost.http_hooks.hook_queue": CALLBACKS,
  "vhost.http_hooks.hook_secret": CALLBACKS,
  "vhost.http_hooks.hook_play_cache": CALLBACKS,
  "vhost.http_hooks.hook_tls_verify": CALLBACKS,
  "vhost.forward.enabled": FORWARDS,
  "vhost.forward.destination": FORWARDS,
  "vhost.forward.backend": FORWARDS,
  "vhost.token.enabled": TOKENS,
  "vhost.token.publish": TOKENS,
  "vhost.token.play": TOKENS,
  "vhost.token.secret": TOKENS,
  "vhost.token.lifetime_max": TOKENS,
  "vhost.token.skew": TOKENS,
  "vhost.token.jwt": TOKENS,
  "vhost.token.jwt_secret": TOKENS,
  "vhost.token.jwt_key_file": TOKENS,
  "vhost.token.jwt_issuer": TOKENS,
  "vhost.token.jwt_audience": TOKENS,
  "vhost.limits.stream_players": LIMITS,
  "vhost.limits.players": LIMITS,
  "vhost.limits.publishers": LIMITS,
  "vhost.limits.address_sessions": LIMITS,
  "vhost.limits.address_exempt": LIMITS,
  "vhost.limits.token_sessions": LIMITS,
  "http_api.enabled": API_LISTEN,
  "http_api.listen": API_LISTEN,
  "http_api.crossdomain": API,
  "http_api.jsonp": API,
  "http_api.raw_api.enabled": API,
  "http_api.raw_api.allow_reload": API,
  "http_api.auth.enabled": API,
  "http_api.auth.type": API,
  "http_api.auth.username": API,
  "http_api.auth.password": API,
  "http_api.auth.token": API,
  "http_api.https.enabled": API_LISTEN,
  "http_api.https.listen": API_LISTEN,
  "http_api.https.key": API_LISTEN,
  "http_api.https.cert": API_LISTEN,
  "exporter.enabled": API_LISTEN,
  "exporter.listen": API_LISTEN,
  "exporter.label": METRICS,
  "exporter.tag": METRICS,
  "stats.disk": METRICS,
  "stats.network": HEARTBEAT,
  "heartbeat.enabled": HEARTBEAT,
  "heartbeat.interval": HEARTBEAT,
  "heartbeat.url": HEARTBEAT,
  "heartbeat.device_id": HEARTBEAT,
  "heartbeat.summaries": HEARTBEAT,
  "heartbeat.ports": HEARTBEAT,
  "vhost.http_static.enabled": FILES,
  "vhost.http_static.mount": FILES,
  "vhost.http_static.dir": FILES,
  "http_server.https.key": HTTPS,
  "http_server.https.cert": HTTPS,
  "rtmps.enabled": RTMPS,
  "rtmps.listen": RTMPS,
  "rtmps.key": RTMPS,
  "rtmps.cert": RTMPS,
  "vhost.http_remux.drop_if_not_match": VIEWERS,
  "vhost.http_remux.fast_cache": VIEWERS,
  "vhost.http_remux.hevc_legacy": VIEWERS,
  srs_log_tank: LOG,
  srs_log_level: LOG,
  srs_log_level_v2: LOG,
  srs_log_file: LOG,
  utc_time: LOG,
  inotify_auto_reload: WATCH,
  auto_reload_for_docker: WATCH,
  in_docker: WATCH,
  strict: STRICT,
  empty_ip_ok: ASKED,
  "vhost.cluster.origin": ATTEMPT,
  "vhost.cluster.protocol": ATTEMPT,
  "vhost.cluster.follow_client": ATTEMPT,
  "vhost.cluster.vhost": ATTEMPT,
  "vhost.cluster.debug_srs_upnode": ATTEMPT,
  "vhost.cluster.origin_balance": ATTEMPT,
  "vhost.cluster.redirect_allow": ATTEMPT,
  "vhost.cluster.origin_tls_verify": ATTEMPT,
  "vhost.cluster.origin_linger": ATTEMPT,
  "vhost.cluster.origin_not_found": ATTEMPT,
  "vhost.cluster.token_traverse": EACH_CONNECTION,
  "vhost.cluster.origin_cluster": EACH_CONNECTION,
  "vhost.cluster.coworkers": EACH_CONNECTION,
  "vhost.cluster.origin_connect_timeout": EDGE,
  "vhost.cluster.origin_reply_timeout": EDGE,
  "vhost.cluster.origin_first_media_timeout": EDGE,
  "vhost.cluster.origin_stall_timeout": EDGE,
  "vhost.cluster.origin_wait": EDGE,
  "vhost.cluster.publish_hold": EDGE,
  "vhost.cluster.publish_hold_bytes": EDGE,
  grace_start_wait: STOP,
  grace_final_wait: STOP,
  grace_drain: STOP,
  force_grace_quit: STOP,
  ff_log_dir: PROGRAMS,
  ff_log_level: PROGRAMS,
  programs_max: PROGRAMS,
  ...Object.fromEntries(PROGRAM_PATHS.map((path) => [`vhost.${path}`, PROGRAMS])),
};

test("every hot directive is carried to streams that run, or has a mechanism of its own", () => {
  const host = { coordinator: {}, shards: [] } as unknown as AdmissionHost;
  const admission = new Admission(host);
  const without: string[] = [];
  let carried = 0;
  for (const { path, spec, before, after } of directiveChanges()) {
    if (spec.reload !== "hot") {
      continue;
    }
    const [old, now] = [before, after].map(({ config }) =>
      admission.settingsUnder(config, "v/live/any"),
    );
    if (JSON.stringify(old) !== JSON.stringify(now)) {
      carried += 1;
    } else if (MECHANISMS[path] === undefined) {
      without.push(path);
    }
  }
  assert.deepEqual(without, []);
  assert.ok(carried > 15, `${carried}`);
});

test("an edge's own times are carried to its streams", () => {
  const admission = new Admission({ coordinator: {}, shards: [] } as unknown as AdmissionHost);
  const settingsWith = (more: string): unknown => {
    const text = `listen 1935; vhost v { cluster { mode remote; origin a; ${more} } }`;
    const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
    return admission.settingsUnder(config, "v/live/any");
  };
  const edge = Object.entries(MECHANISMS).filter(([, mechanism]) => mechanism === EDGE);
  assert.equal(edge.length, 7);
  for (const [path] of edge) {
    const name = path.split(".").at(-1);
    assert.notDeepEqual(settingsWith(`${name} 1234;`), settingsWith(""), path);
  }
});
