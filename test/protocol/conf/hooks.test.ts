/** The blocks http_hooks and token: defaults, and values that would refuse everybody or nobody. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DecodedConfig,
  decodeConfig,
  type VhostConfig,
} from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

function decodeAll(vhost: string, root = ""): DecodedConfig {
  const text = `listen 1935; daemon off; ${root} vhost v { ${vhost} }`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

function decode(vhost: string, root = ""): VhostConfig {
  return decodeAll(vhost, root).config.vhosts.get("v") ?? assert.fail("no vhost");
}

test("§1B http_hooks: SRS's behaviour is the default", () => {
  const nobody: readonly string[] = [];
  assert.deepEqual(decode("").hooks, {
    enabled: false,
    urls: {
      on_connect: nobody,
      on_close: nobody,
      on_publish: nobody,
      on_unpublish: nobody,
      on_play: nobody,
      on_stop: nobody,
      on_dvr: nobody,
      on_hls: nobody,
      on_hls_notify: nobody,
    },
    timeoutMs: 30_000,
    failOpen: [],
    retries: 0,
    retryDelayMs: 1000,
    concurrency: 64,
    queueMax: 20_000,
    secret: "",
    playCacheMs: 0,
    tlsVerify: false,
    notifyBytes: 64,
  });
  const { timeoutMs, retries, tlsVerify } = decode("", "strict on;").hooks;
  assert.deepEqual([timeoutMs, retries, tlsVerify], [5000, 3, true]);
});

test("token is off by default and asks both when it is on", () => {
  assert.deepEqual(decode("").token, {
    enabled: false,
    publish: true,
    play: true,
    secrets: [],
    lifetimeMaxMs: 86_400_000,
    skewMs: 30_000,
    jwt: { algorithm: "off", secret: "", keyFile: "", issuer: "", audience: "" },
  });
});

test("several URLs stay in their order", () => {
  const { urls } = decode("http_hooks { enabled on; on_play http://a/1 https://b/2?x=1; }").hooks;
  assert.deepEqual(urls.on_play, ["http://a/1", "https://b/2?x=1"]);
});

for (const [text, message] of [
  ["http_hooks { enabled on; on_publish ftp://a/; }", /on_publish "ftp:.*is no URL of http/],
  ["http_hooks { enabled on; on_play 127.0.0.1:8085; }", /on_play .*is no URL/],
  ["http_hooks { enabled on; on_play 'http://[bad'; }", /on_play .*is no URL/],
  ["http_hooks { enabled on; on_stop http://a/ 'http://h:99999/'; }", /on_stop .*is no URL/],
  ["cluster { origin_cluster on; coworkers h:9091 'h:port'; }", /coworkers .*is not host/],
  ["http_hooks { hook_fail_open on_close; }", /hook_fail_open "on_close" is none of/],
  ["http_hooks { hook_timeout 0; }", /hook_timeout is "0"/],
  ["http_hooks { hook_timeout 31; }", /hook_timeout is "31"/],
  ["token { enabled on; }", /secret is missing/],
  ["token { enabled on; jwt HS256; jwt_secret short; }", /jwt_secret has less than 32 characters/],
  ["token { enabled on; jwt RS256; }", /jwt_key_file is missing/],
  ["token { enabled on; jwt none; }", /jwt/],
] as const) {
  test(`refused: ${text}`, () => {
    assert.throws(
      () => decode(text),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test("E-71 a URL or a secret that cannot be is told without what is secret in it", () => {
  for (const text of [
    "http_hooks { enabled on; on_play ftp://user:canary@h/x?key=canary; }",
    "http_hooks { enabled on; on_play canary@h?key=canary; }",
    "cluster { mode remote; origin user:canary@h; }",
    "token { enabled on; jwt HS256; jwt_secret canary; }",
  ]) {
    assert.throws(
      () => decodeAll(text),
      (error: Error) => error.message.length > 20 && !error.message.includes("canary"),
      text,
    );
  }
});

test("E-70 what stands after a secret is told of without it", () => {
  const { warnings } = decodeAll("http_hooks { hook_secret canary more; }");
  assert.match(warnings.join("\n"), /hook_secret takes one value, all after the first is ignored/);
  assert.doesNotMatch(warnings.join("\n"), /canary/);
});
