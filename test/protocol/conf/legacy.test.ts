import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, decodeConfig, resolveVhost } from "../../../src/protocol/conf/config.ts";
import { type Directive, decodeGrammar } from "../../../src/protocol/conf/grammar.ts";
import { rewriteLegacy } from "../../../src/protocol/conf/legacy.ts";

const include = (): string => assert.fail("no include expected");

function decode(text: string): Config {
  return decodeConfig(`listen 1935; ${text}`, "x.conf", { include, environment: {} }).config;
}

function encode({ name, args, children, isBlock }: Directive): string {
  const head = [name, ...args].join(" ");
  return isBlock
    ? `${head} { ${children.map((child) => `${encode(child)} `).join("")}}`
    : `${head};`;
}

function rewrite(text: string): { text: string; warnings: readonly string[] } {
  const { directives, warnings } = rewriteLegacy(decodeGrammar(text, "x.conf", include));
  return { text: directives.map(encode).join(" "), warnings };
}

for (const [before, after] of [
  ["http_stream { enabled on; }", "http_server { enabled on; }"],
  ["srt_server { tlpkdrop on; }", "srt_server { tlpktdrop on; }"],
  ["rtc_server { perf_stat on; listen 1; queue_length 2; }", "rtc_server { listen 1; }"],
  [
    "stream_caster { host *; tcp_enable on; sip { realm x; listen 5; } }",
    "stream_caster { sip { candidate *; listen 5; } }",
  ],
  ["vhost v { http { enabled on; } }", "vhost v { http_static { enabled on; } }"],
  ["vhost v { http_remux { hstrs on; mount x; } }", "vhost v { http_remux { mount x; } }"],
  ["vhost v { refer a b; refer_play c; }", "vhost v { refer { play c; enabled on; all a b; } }"],
  ["vhost v { refer { enabled off; all a; } }", "vhost v { refer { enabled off; all a; } }"],
  ["vhost v { mr { enabled on; latency 5; } }", "vhost v { publish { mr_latency 5; mr on; } }"],
  ["vhost v { publish_1stpkt_timeout 1; }", "vhost v { publish { firstpkt_timeout 1; } }"],
  ["vhost v { publish_normal_timeout 2; }", "vhost v { publish { normal_timeout 2; } }"],
  ["vhost v { gop_cache off; play { atc on; } }", "vhost v { play { gop_cache off; atc on; } }"],
  ["vhost v { forward a b; }", "vhost v { forward { enabled on; destination a b; } }"],
  ["vhost v { mode remote; origin a:1; }", "vhost v { cluster { origin a:1; mode remote; } }"],
  [
    "vhost v { token_traverse on; vhost up; debug_srs_upnode off; }",
    "vhost v { cluster { debug_srs_upnode off; vhost up; token_traverse on; } }",
  ],
  ["vhost v { refer_publish d; }", "vhost v { refer { publish d; enabled on; } }"],
  [
    "vhost v { nack { enabled on; no_copy off; } twcc { enabled off; } }",
    "vhost v { rtc { twcc off; nack_no_copy off; nack on; } }",
  ],
  [
    "vhost v { rtc { aac transcode; bframe discard; } }",
    "vhost v { rtc { rtmp_to_rtc on; keep_bframe off; } }",
  ],
] as const) {
  test(`§0 legacy: ${before}`, () => {
    const result = rewrite(before);
    assert.equal(result.text, after);
    assert.equal(result.warnings.length > 0, before !== after);
  });
}

test("§0 legacy: every flat play directive lands in play", () => {
  const vhost = resolveVhost(
    decode(`vhost v {
      time_jitter zero; mix_correct on; atc on; atc_auto on; mw_latency 100; gop_cache off;
      gop_cache_max_frames 9; queue_length 8; send_min_interval 7; reduce_sequence_header on; }`),
    "v",
  );
  assert.deepEqual(vhost?.play, {
    gopCache: false,
    gopCacheMaxFrames: 9,
    queueLengthMs: 8000,
    timeJitter: "zero",
    atc: true,
    atcAuto: true,
    mixCorrect: true,
    mwLatencyMs: 100,
    mwMsgs: 8,
    mwAdaptive: true,
    sendMinIntervalMs: 7,
    reduceSequenceHeader: true,
    waitMs: 0,
  });
});

test("§0 legacy: a flat directive outranks the block's own, as in SRS", () => {
  const config = decode("vhost v { play { gop_cache on; } gop_cache off; }");
  assert.equal(resolveVhost(config, "v")?.play.gopCache, false);
});

test("§0 legacy: publish timeouts and merged read", () => {
  const publish = resolveVhost(
    decode(
      "vhost v { publish_1stpkt_timeout 1; publish_normal_timeout 2; mr { enabled on; latency 3; } }",
    ),
    "v",
  )?.publish;
  assert.deepEqual(
    [publish?.firstPacketTimeoutMs, publish?.normalTimeoutMs, publish?.mr, publish?.mrLatencyMs],
    [1, 2, true, 3],
  );
});
