import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { DirectiveSpec } from "../../../src/protocol/conf/directive-spec.ts";
import {
  DIRECTIVES,
  environmentNames,
  findDirective,
  suggestDirective,
  visitDirectives,
} from "../../../src/protocol/conf/directives.ts";
import { encodeManual } from "../../../src/protocol/conf/manual.ts";

function rows(): Map<string, DirectiveSpec> {
  const found = new Map<string, DirectiveSpec>();
  visitDirectives((path, spec) => {
    assert.ok(!found.has(path), `${path} stands twice`);
    found.set(path, spec);
  });
  return found;
}

test("every row is well-formed and none stands twice", () => {
  for (const [path, spec] of rows()) {
    assert.match(spec.name, /^[a-z][a-z0-9_]*$/, path);
    assert.ok(spec.about.endsWith(".") && !spec.about.includes("|"), `${path}: ${spec.about}`);
    assert.ok(spec.otherwise === undefined || spec.words.includes(spec.otherwise), path);
    assert.ok(spec.type === "block" || spec.children.length === 0, path);
    assertDefault(path, spec, spec.fallback);
    assertDefault(path, spec, spec.hardened ?? spec.fallback);
  }
});

function assertDefault(path: string, spec: DirectiveSpec, value: string): void {
  if (spec.type === "integer" || spec.type === "decimal") {
    const number = Number(value);
    assert.ok(value !== "" && number >= spec.min && number <= spec.max, `${path} ${value}`);
    assert.ok(spec.type === "decimal" || Number.isInteger(number), `${path} ${value}`);
  } else if (spec.type === "choice") {
    assert.ok(spec.words.includes(value), `${path} ${value}`);
  }
}

test("no two directives share an environment variable but chunk_size", () => {
  const owners = new Map<string, string>();
  for (const [path, spec] of rows()) {
    for (const variable of environmentNames(path, spec)) {
      const owner = owners.get(variable);
      const isChunkSize = variable === "SRS_VHOST_CHUNK_SIZE";
      assert.ok(owner === undefined || isChunkSize, `${variable}: ${owner} and ${path}`);
      owners.set(variable, path);
    }
  }
});

test("§0 environment: names follow the path, logs have two spellings, some blocks have none", () => {
  const names = (path: string): readonly string[] => {
    const spec = rows().get(path);
    return spec === undefined ? assert.fail(path) : environmentNames(path, spec);
  };
  assert.deepEqual(names("vhost.play.gop_cache"), ["SRS_VHOST_PLAY_GOP_CACHE"]);
  assert.deepEqual(names("http_server.https.listen"), ["SRS_HTTP_SERVER_HTTPS_LISTEN"]);
  assert.deepEqual(names("srs_log_tank"), ["SRS_SRS_LOG_TANK", "SRS_LOG_TANK"]);
  for (const path of [
    "vhost.cluster.origin",
    "vhost.forward.enabled",
    "vhost.refer.all",
    "vhost.security.enabled",
    "vhost.transcode.engine.vcodec",
    "vhost.ingest.input.url",
    "vhost.exec.publish",
    "stats.network",
    "vhost.dvr.dvr_apply",
    "stream_caster.sip.listen",
  ]) {
    assert.deepEqual(names(path), [], path);
  }
});

test("suggestions: nearest sibling, else the same name elsewhere, else none", () => {
  const vhost = findDirective(DIRECTIVES, "vhost") ?? assert.fail("vhost");
  assert.equal(suggestDirective(DIRECTIVES, "max_conections"), "max_connections");
  assert.equal(suggestDirective(DIRECTIVES, "lsten"), "listen");
  assert.equal(suggestDirective(vhost, "hls_fragment"), "vhost.hls.hls_fragment");
  assert.equal(suggestDirective(DIRECTIVES, "worker_processes"), undefined);
});

test("docs/config.md is what the table says; node scripts/config-manual.mjs writes it", () => {
  const page = readFileSync(new URL("../../../../docs/config.md", import.meta.url), "utf8");
  assert.equal(page, encodeManual());
});

/** §1B marks: which words count as the other one. */
const ON_UNLESS_OFF = [
  "daemon",
  "disable_daemon_for_docker",
  "empty_ip_ok",
  "auto_reload_for_docker",
  "query_latest_version",
  "circuit_breaker.enabled",
  "stats.enabled",
  "http_api.crossdomain",
  "http_server.crossdomain",
  "srt_server.tsbpdmode",
  "srt_server.tlpktdrop",
  "srt_server.sei_filter",
  "vhost.enabled",
  "vhost.play.gop_cache",
  "vhost.publish.parse_sps",
  "vhost.publish.try_annexb_first",
  "vhost.cluster.debug_srs_upnode",
  "vhost.hls.hls_keys",
];
const OFF_UNLESS_ON = [
  "in_docker",
  "asprocess",
  "utc_time",
  "force_grace_quit",
  "inotify_auto_reload",
  "is_full",
  "heartbeat.enabled",
  "heartbeat.summaries",
  "heartbeat.ports",
  "http_api.enabled",
  "http_server.enabled",
  "exporter.enabled",
  "vhost.min_latency",
  "vhost.tcp_nodelay",
  "vhost.publish.mr",
  "vhost.cluster.follow_client",
  "vhost.cluster.token_traverse",
  "vhost.cluster.origin_cluster",
  "vhost.forward.enabled",
  "vhost.exec.enabled",
];

test("§1B booleans: each directive has the rule that SRS reads it by", () => {
  const table = rows();
  for (const path of ON_UNLESS_OFF) {
    assert.equal(table.get(path)?.type, "on-unless-off", path);
  }
  for (const path of OFF_UNLESS_ON) {
    assert.equal(table.get(path)?.type, "off-unless-on", path);
  }
});

test("§0 environment: all of a block that has none, and every directive elsewhere", () => {
  const none =
    /^(vhost\.(cluster|forward|refer|security|transcode|ingest|exec)|stats|stream_caster)\./;
  const single = ["vhost.dvr.dvr_apply", "is_full", "tcmalloc_release_rate"];
  for (const [path, spec] of rows()) {
    if (spec.type !== "block") {
      const isExempt = none.test(path) || single.includes(path);
      assert.equal(environmentNames(path, spec).length === 0, isExempt, path);
    }
  }
});
