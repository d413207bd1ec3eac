import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Config,
  type DecodeConfigOptions,
  decodeConfig,
  resolveVhost,
} from "../../../src/protocol/conf/config.ts";

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

test("§0 environment beats the file, for every vhost", () => {
  const config = decode("max_connections 5; vhost a { play { gop_cache on; } } vhost b {}", {
    environment: {
      SRS_LISTEN: "1940  [::1]:1941",
      SRS_MAX_CONNECTIONS: "9",
      SRS_VHOST_PLAY_GOP_CACHE: "off",
      SRS_VHOST_CHUNK_SIZE: "4096",
      SRS_LOG_LEVEL: "verbose",
      SRS_LOG_TANK: "console",
      SRS_DAEMON: "",
      SRS_VHOST_CLUSTER_MODE: "remote",
    },
  });
  assert.deepEqual(config.listen, [
    { host: "", port: 1940 },
    { host: "::1", port: 1941 },
  ]);
  assert.deepEqual([config.maxConnections, config.chunkSize, config.daemon], [9, 4096, false]);
  assert.deepEqual([config.log.level, config.log.tank], ["trace", "console"]);
  for (const name of ["a", "b"]) {
    assert.equal(resolveVhost(config, name)?.play.gopCache, false);
    assert.equal(resolveVhost(config, name)?.chunkSize, 4096);
  }
  assert.throws(
    () => decode("", { environment: { SRS_MAX_CONNECTIONS: "x" } }),
    /^ConfigError: SRS_MAX_CONNECTIONS: /,
  );
  assert.deepEqual(
    warningsOf("vhost v {}", {
      environment: { SRS_SRT_SERVER_ENABLED: "on", SRS_HEARTBEAT_ENABLED: "off" },
    }),
    ["SRS_SRT_SERVER_ENABLED: srt_server.enabled is known but has no effect in weir yet"],
  );
});

test("§0 -e: no file, daemon off, console, a default vhost", () => {
  const { config } = decodeConfig("", "environment", { ...OPTIONS, isEnvironmentOnly: true });
  assert.deepEqual([config.daemon, config.log.tank], [false, "console"]);
  assert.deepEqual(config.listen, [{ host: "", port: 1935 }]);
  assert.equal(resolveVhost(config, "any")?.name, "__defaultVhost__");
  const environment = { SRS_LISTEN: "1936", SRS_DAEMON: "on", SRS_LOG_TANK: "file" };
  const set = decodeConfig("", "environment", { ...OPTIONS, isEnvironmentOnly: true, environment });
  assert.deepEqual([set.config.daemon, set.config.log.tank], [true, "file"]);
  assert.deepEqual(set.config.listen, [{ host: "", port: 1936 }]);
});

test("§1B a container keeps daemon off and logs to the console unless told otherwise", () => {
  const decodeInDocker = (text: string): Config =>
    decodeConfig(`listen 1; ${text}`, "x.conf", { ...OPTIONS, isInDocker: true }).config;
  const config = decodeInDocker("daemon on; vhost v {}");
  assert.deepEqual([config.daemon, config.log.tank], [false, "console"]);
  const told = decodeInDocker("daemon on; disable_daemon_for_docker off; srs_log_tank file;");
  assert.deepEqual([told.daemon, told.log.tank], [true, "file"]);
  assert.equal(
    decodeConfig("listen 1; daemon on; in_docker on;", "x.conf", OPTIONS).config.daemon,
    false,
  );
});

test("log levels in both namings", () => {
  const levelOf = (text: string): string => decode(text).log.level;
  assert.equal(levelOf("srs_log_level info;"), "debug");
  assert.equal(levelOf("srs_log_level warn; srs_log_level_v2 trace;"), "trace");
  assert.equal(levelOf("srs_log_level_v2 info;"), "info");
  assert.equal(levelOf("srs_log_level nonsense;"), "info");
});
