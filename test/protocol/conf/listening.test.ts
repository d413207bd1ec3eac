/** Addresses to listen on, of whatever block. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

function decode(text: string): DecodedConfig {
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

test("an address that stands twice is listened on once, and told", () => {
  const { config, warnings } = decode("listen 19350 [::]:19350 19350; vhost v {}");
  assert.deepEqual(config.listen, [
    { host: "", port: 19_350 },
    { host: "::", port: 19_350 },
  ]);
  assert.ok(warnings.includes("x.conf:1: listen 19350 stands twice"), warnings.join());
});

test("a block's address that is none is refused at its place", () => {
  assert.throws(
    () => decode("listen 1935;\nhttp_server { enabled on; listen x:80; }\nvhost v {}"),
    (error) =>
      error instanceof ConfigError &&
      error.code === "ERR_CONF_LISTEN" &&
      /x\.conf:2:\d+: listen "x:80"/.test(error.message),
  );
});
