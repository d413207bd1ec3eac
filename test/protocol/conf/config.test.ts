import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Config,
  type DecodeConfigOptions,
  decodeConfig,
  resolveVhost,
} from "../../../src/protocol/conf/config.ts";
import { visitDirectives } from "../../../src/protocol/conf/directives.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";
import { API_DEFAULTS } from "../../support/api-defaults.ts";
import { CLUSTER_DEFAULTS } from "../../support/cluster-settings.ts";
import { DVR_DEFAULTS } from "../../support/dvr-settings.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { tlsDefaults } from "../../support/tls-settings.ts";

const OPTIONS: DecodeConfigOptions = {
  include: () => assert.fail("no include expected"),
  environment: {},
};
const HEAD = "listen 1935; daemon off;\n";

function decode(text: string, options: Partial<DecodeConfigOptions> = {}): Config {
  return decodeConfig(HEAD + text, "x.conf", { ...OPTIONS, ...options }).config;
}

function warningsOf(text: string, options: Partial<DecodeConfigOptions> = {}): readonly string[] {
  const { warnings } = decodeConfig(HEAD + text, "x.conf", { ...OPTIONS, ...options });
  return warnings.filter((warning) => !/there is no vhost|strict on/.test(warning));
}

function refuse(text: string, code: string, message: RegExp): ConfigError {
  try {
    decodeConfig(text, "x.conf", OPTIONS);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return error;
  }
  return assert.fail(`accepted: ${text}`);
}

test("§1B coded defaults of an empty default vhost", () => {
  const { config, warnings } = decodeConfig(
    "listen 1935; vhost __defaultVhost__ {}",
    "x.conf",
    OPTIONS,
  );
  assert.deepEqual(
    // Callbacks and tokens: hooks.test.ts; limits: seat-limits.test.ts; forward: forward.test.ts.
    {
      ...config,
      vhosts: [...config.vhosts.values()].map(({ hooks, token, limits, forward, ...rest }) => rest),
    },
    {
      listen: [{ host: "", port: 1935 }],
      maxConnections: 1000,
      chunkSize: 60_000,
      workers: 0,
      jobs: 0,
      strict: false,
      log: { tank: "file", level: "info", file: "./objs/srs.log", utc: false },
      ffLog: { dir: "./objs", level: "info" },
      autoReload: false,
      pid: "./objs/srs.pid",
      serverId: "",
      daemon: false,
      asprocess: false,
      workDir: "./",
      emptyIpOk: true,
      utcTime: false,
      pithyPrintMs: 10_000,
      graceStartWaitMs: 2300,
      graceFinalWaitMs: 3200,
      graceDrainMs: 0,
      forceGraceQuit: false,
      limits: {
        handshakeTimeoutMs: 5000,
        connectTimeoutMs: 10_000,
        identifyTimeoutMs: 20_000,
        unidentifiedMax: 4096,
        playerStallMs: 10_000,
        ringBudgetBytes: 8 * 1024 * 1024,
        takeoverSilenceMs: 2000,
        spillPlayers: 100,
        programsMax: 256,
        memoryLimit: { bytes: 0, share: 1 },
      },
      httpServer: {
        enabled: false,
        listen: [{ host: "", port: 8080 }],
        crossdomain: true,
        gateways: 0,
        backend: "auto",
        dir: "./objs/nginx/html",
        https: tlsDefaults("http_server.https", 8088),
      },
      ...API_DEFAULTS,
      rtmps: tlsDefaults("rtmps", 1443),
      secretVariables: [],
      vhosts: [
        {
          name: "__defaultVhost__",
          enabled: true,
          chunkSize: 60_000,
          minLatency: false,
          tcpNodelay: null,
          inAckSize: 0,
          outAckSize: 2_500_000,
          play: {
            gopCache: true,
            gopCacheMaxFrames: 2500,
            queueLengthMs: 30_000,
            timeJitter: "full",
            atc: false,
            atcAuto: false,
            mixCorrect: false,
            mwLatencyMs: 350,
            mwMsgs: 8,
            mwAdaptive: true,
            sendMinIntervalMs: 0,
            reduceSequenceHeader: false,
            waitMs: 0,
          },
          publish: {
            firstPacketTimeoutMs: 20_000,
            normalTimeoutMs: 5000,
            kickoffForIdleMs: 0,
            mr: false,
            mrLatencyMs: 350,
            parseSps: true,
            tryAnnexbFirst: true,
          },
          httpRemux: {
            enabled: false,
            mount: "[vhost]/[app]/[stream].flv",
            hasAudio: true,
            hasVideo: true,
            guessHasAv: true,
            dropsUnannounced: true,
            fastCacheMs: 0,
            isLegacyHevc: false,
          },
          httpStatic: { enabled: false, mount: "[vhost]/", dir: "./objs/nginx/html" },
          hls: HLS_DEFAULTS,
          dvr: DVR_DEFAULTS,
          cluster: CLUSTER_DEFAULTS,
          security: { enabled: false, isPerAction: false, rules: [] },
          refer: { enabled: false, isExact: false, all: [], publish: [], play: [] },
          programs: { exec: { isEnabled: false, publish: [] }, ingests: [], transcodes: [] },
        },
      ],
    },
  );
  assert.deepEqual(warnings, [
    `weir stays in the foreground, as "daemon off;" says; for SRS's default say "daemon on;"`,
    `grace_drain, vhost.play.queue_length, vhost.play.play_wait, vhost.http_hooks.hook_timeout, vhost.http_hooks.hook_retries, vhost.http_hooks.hook_tls_verify: SRS's default is kept, "strict on;" takes a safer one`,
  ]);
});

test("every implemented directive is read", () => {
  const read = new Set<string>();
  const onRead = (path: string): unknown => read.add(path);
  const blocks = "ingest a { engine { } } transcode { engine b { } }";
  decode(`vhost v { ${blocks} }`, { onRead, isInDocker: true });
  decodeConfig("rtmp { listen 1; }", "x.conf", { ...OPTIONS, onRead });
  const forgotten: string[] = [];
  visitDirectives((path, spec) => {
    if (spec.status === "implemented" && path !== "vhost" && !read.has(path)) {
      forgotten.push(path);
    }
  });
  assert.deepEqual(forgotten, []);
});

test("values are read with their units", () => {
  const config = decode(`
    listen 1;
    max_connections 7; grace_final_wait 1; workers 3; ring_budget 131072; spill_players 0;
    vhost v {
      tcp_nodelay off; min_latency on; chunk_size 128; in_ack_size 5; out_ack_size 6;
      play { queue_length 2; send_min_interval 0.5; time_jitter zero; play_wait 1500; mw_adaptive off; }
      publish { kickoff_for_idle 0.25; normal_timeout 7000; }
    }`);
  assert.deepEqual([config.maxConnections, config.graceFinalWaitMs, config.workers], [7, 1, 3]);
  assert.deepEqual([config.limits.ringBudgetBytes, config.limits.spillPlayers], [131_072, 0]);
  const vhost = resolveVhost(config, "v");
  assert.deepEqual(
    [vhost?.tcpNodelay, vhost?.minLatency, vhost?.chunkSize, vhost?.inAckSize, vhost?.outAckSize],
    [false, true, 128, 5, 6],
  );
  const { play, publish } = vhost ?? assert.fail("v");
  assert.deepEqual([play.queueLengthMs, play.sendMinIntervalMs, play.waitMs], [2000, 0.5, 1500]);
  assert.deepEqual([play.timeJitter, play.mwAdaptive], ["zero", false]);
  assert.equal(play.mwMsgs, 0, "min_latency without mw_msgs");
  assert.deepEqual([publish.kickoffForIdleMs, publish.normalTimeoutMs], [250, 7000]);
});

test("§0 booleans: on unless off, off unless on", () => {
  for (const [word, gopCache, atc] of [
    ["on", true, true],
    ["off", false, false],
    ["yes", true, false],
    ["OFF", true, false],
    ['""', true, false],
  ] as const) {
    const config = decode(`vhost v { play { gop_cache ${word}; atc ${word}; } }`);
    const play = resolveVhost(config, "v")?.play;
    assert.deepEqual([play?.gopCache, play?.atc], [gopCache, atc], word);
  }
});

test("§0 vhost lookup: exact, else default, disabled is missing, first of a name wins", () => {
  const config = decode(`
    vhost a { chunk_size 1000; }
    vhost a { chunk_size 2000; }
    vhost off { enabled off; }
    vhost __defaultVhost__ { chunk_size 3000; }`);
  assert.equal(resolveVhost(config, "a")?.chunkSize, 1000);
  assert.equal(resolveVhost(config, "other")?.chunkSize, 3000);
  assert.equal(resolveVhost(config, "off"), undefined);
  assert.equal(resolveVhost(decode("vhost a {}"), "other"), undefined);
});

test("§0 listen: ports, IPv4, IPv6; anything else and none at all are refused", () => {
  const { config } = decodeConfig(
    "listen 1935 127.0.0.1:1936 [::]:1937; vhost v {}",
    "x.conf",
    OPTIONS,
  );
  assert.deepEqual(config.listen, [
    { host: "", port: 1935 },
    { host: "127.0.0.1", port: 1936 },
    { host: "::", port: 1937 },
  ]);
  for (const word of [
    "0",
    "65536",
    "x",
    "1.2.3:1935",
    "1.2.3.256:1935",
    "host:1935",
    "::1935",
    "[1.2.3.4]:1",
  ]) {
    refuse(`listen ${word};`, "ERR_CONF_LISTEN", /x\.conf:1:\d+: listen "/);
  }
  refuse("daemon off;", "ERR_CONF_LISTEN", /listen is missing/);
  refuse("listen;", "ERR_CONF_LISTEN", /listen is missing/);
  refuse("# nothing", "ERR_CONF_EMPTY", /empty/);
});

test("7.0.64 rtmp {} is another place for listen and chunk_size", () => {
  const text = "rtmp { listen 19350; chunk_size 4096; }";
  const { config } = decodeConfig(text, "x.conf", OPTIONS);
  assert.deepEqual([config.listen, config.chunkSize], [[{ host: "", port: 19_350 }], 4096]);
});

test("§0 unknown names are fatal with file, line, path and a suggestion", () => {
  const error = refuse(
    "listen 1935;\nvhost v {\n play {\n  gop_cach off;\n }\n}",
    "ERR_CONF_UNKNOWN",
    /./,
  );
  assert.equal(
    error.message,
    "x.conf:4:3: illegal vhost.play.gop_cach of v, did you mean gop_cache?",
  );
  assert.deepEqual(error.place, {
    file: "x.conf",
    line: 4,
    column: 3,
    directive: "vhost.play.gop_cach",
  });
  refuse("lisen 1935;", "ERR_CONF_UNKNOWN", /illegal directive lisen, did you mean listen\?/);
  refuse(
    "listen 1; vhost v { hls_path x; }",
    "ERR_CONF_UNKNOWN",
    /did you mean vhost\.hls\.hls_path/,
  );
  refuse("listen 1; vhost {}", "ERR_CONF_SHAPE", /vhost needs a name/);
});

test("§0 free-form blocks let unknown names through", () => {
  const text =
    "http_api { https { foo 1; } } threads { bar; } circuit_breaker { baz on; } vhost v { ingest { input { device x; } } }";
  assert.equal(resolveVhost(decode(text), "v")?.name, "v");
});

test("§0 conflicts", () => {
  const conflict = (text: string, message: RegExp): void => {
    refuse(`listen 1;\n${text}`, "ERR_CONF_CONFLICT", message);
  };
  conflict("daemon on; asprocess on;", /asprocess conflicts with daemon/);
  conflict("http_api { https { enabled on; } }", /http_api\.https needs http_api\.enabled/);
  conflict("http_server { https { enabled on; } }", /http_server\.https needs/);
  conflict("http_api { listen 8080; https { listen 1; } }", /share a port/);
  conflict("http_api { https { listen 8088; } }", /share their https port/);
  conflict("vhost v { http_remux {} http_remux {} }", /more than one http_remux/);
  conflict(
    "vhost v { hls { enabled on; } http_remux { enabled on; mount [vhost]/[app]/[stream].ts; } }",
    /hls conflicts/,
  );
  conflict(
    "vhost v { forward { enabled on; } publish { kickoff_for_idle 1; } }",
    /kickoff_for_idle conflicts/,
  );
  conflict("vhost v { ingest a {} ingest b {} ingest a {} }", /ingest a stands twice/);
  refuse("listen 1; is_full on;", "ERR_CONF_FULL", /never use/);
  refuse("listen 1; max_connections 0;", "ERR_CONF_VALUE", /from 1 to/);
  refuse("listen 1; heartbeat { interval 0; }", "ERR_CONF_VALUE", /heartbeat\.interval is "0"/);
  refuse(
    "listen 1;\nheartbeat { enabled on; url 'http://[bad'; }",
    "ERR_CONF_VALUE",
    /url is no URL/,
  );
});

test("§0 one port for API and server is fine, and https then follows", () => {
  assert.ok(
    decode(
      "http_api { enabled on; listen 8080; https { enabled on; } } http_server { enabled on; https { enabled on; } }",
    ),
  );
  assert.ok(decode("asprocess on;"));
});

test("numbers: garbage is refused, trailing text and unknown words are told", () => {
  refuse(
    "listen 1; max_connections many;",
    "ERR_CONF_VALUE",
    /max_connections is "many", a whole number/,
  );
  refuse(
    "listen 1;\nvhost v {\nplay { queue_length -1; } }",
    "ERR_CONF_VALUE",
    /x\.conf:3:8: vhost\.play\.queue_length/,
  );
  assert.deepEqual(warningsOf("max_connections 10k;"), [
    'x.conf:2: max_connections "10k" is read as 10',
  ]);
  assert.deepEqual(warningsOf("vhost v { hls { enabled yes; } tcp_nodelay on; }"), [
    'x.conf:2: vhost.hls.enabled "yes" is read as off; on or off is meant',
  ]);
  const text = "vhost v { play { time_jitter some; mw_msgs 500; } chunk_size 64; }";
  assert.deepEqual(warningsOf(text), [
    "chunk_size of vhost v 64 is outside 128…65536, which some peers refuse",
    "mw_msgs 500 is read as 128, the most there is",
    'x.conf:2: vhost.play.time_jitter "some" is read as off; known are full, zero, off',
  ]);
});

test("accepted directives are told once, unless they are turned off", () => {
  const vhost =
    "{ dash { enabled on; dash_fragment 2; } hds { enabled off; } publish { try_annexb_first off; } }";
  assert.deepEqual(warningsOf(`vhost a ${vhost} vhost b ${vhost} inotify_auto_reload off;`), [
    "x.conf:2: vhost.dash is known but has no effect in weir yet",
  ]);
  assert.deepEqual(warningsOf("vhost v { publish { try_annexb_first on; } }"), [
    "x.conf:2: vhost.publish.try_annexb_first is known but has no effect in weir yet",
  ]);
});

test("repeated and misshapen directives are told; the first counts", () => {
  const text =
    "vhost v { play { gop_cache off; }\nplay { gop_cache on; }\nenabled { } min_latency on off; }";
  assert.equal(resolveVhost(decode(text), "v")?.play.gopCache, false);
  assert.deepEqual(warningsOf(text), [
    "x.conf:3: play is repeated and ignored, the one at x.conf:2 counts",
    "x.conf:4: vhost.enabled takes a value, its block is ignored",
    "x.conf:4: vhost.min_latency takes one value, all after on is ignored",
  ]);
});

test("strict takes the hardened defaults, a written value stays", () => {
  const text = "strict on; vhost a {} vhost b { play { queue_length 30; } }";
  const config = decode(text);
  assert.equal(config.strict, true);
  assert.equal(resolveVhost(config, "a")?.play.queueLengthMs, 10_000);
  assert.equal(resolveVhost(config, "a")?.play.waitMs, 20_000);
  assert.equal(resolveVhost(config, "b")?.play.queueLengthMs, 30_000);
  assert.deepEqual(warningsOf(text), []);
});

test("the result is frozen through and through, and can be sent to a thread", () => {
  const config = decode("vhost v {}");
  const vhosts = config.vhosts as Map<string, unknown>;
  const vhost = resolveVhost(config, "v") ?? assert.fail("v");
  for (const value of [
    config,
    config.limits,
    config.listen,
    config.listen[0],
    config.log,
    vhost,
    vhost.play,
  ]) {
    assert.ok(Object.isFrozen(value));
  }
  assert.throws(() => vhosts.set("w", vhost), /frozen/);
  assert.throws(() => vhosts.clear(), /frozen/);
  assert.throws(() => vhosts.delete("v"), /frozen/);
  assert.deepEqual(structuredClone(config).vhosts.get("v")?.play, vhost.play);
});
