/** E-15: the block limits: defaults, what is refused with its place, and what an operator may not expect. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

function decode(vhost: string): DecodedConfig {
  const text = `listen 1935; daemon off;\nvhost v {\n${vhost}\n}`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

test("E-15 limits: none by default, and this host is exempt from that of addresses", () => {
  const limits = decode("").config.vhosts.get("v")?.limits;
  const { addressExempt, ...numbers } = limits ?? assert.fail("no vhost");
  assert.deepEqual(numbers, {
    streamPlayers: 0,
    players: 0,
    publishers: 0,
    addressSessions: 0,
    tokenSessions: 0,
  });
  assert.deepEqual(
    addressExempt.map(({ family, prefix }) => [family, prefix]),
    [
      [4, 8],
      [6, 128],
    ],
  );
});

test("E-15 limits: exempt addresses are a list, or none", () => {
  const exempt = (words: string): number | undefined =>
    decode(`limits { address_exempt ${words}; }`).config.vhosts.get("v")?.limits.addressExempt
      .length;
  assert.equal(exempt("none"), 0);
  assert.equal(exempt("loopback 10.0.0.0/8 2001:db8::1"), 4);
});

for (const [text, message] of [
  ["limits { stream_players -1; }", /vhost\.limits\.stream_players is "-1", a whole number from 0/],
  ["limits { token_sessions many; }", /vhost\.limits\.token_sessions is "many"/],
  ["limits { address_exempt 10.0.0.0/33; }", /vhost\.limits\.address_exempt has "10\.0\.0\.0\/33"/],
  ["limits { address_exempt 10.0.0.1 none; }", /address_exempt has "none"/],
  ["limits { player 1; }", /player/],
] as const) {
  test(`E-15 refused: ${text}`, () => {
    assert.throws(
      () => decode(text),
      (error) =>
        error instanceof ConfigError &&
        message.test(error.message) &&
        error.place?.file === "x.conf" &&
        error.place.line === 3,
    );
  });
}

test("E-15 limits that cannot count are told, with their place", () => {
  const told = (vhost: string): string => decode(vhost).warnings.join("\n");
  assert.match(
    told("limits { token_sessions 1; }"),
    /x\.conf:3: vhost v: token_sessions counts nobody while tokens are not checked/,
  );
  assert.doesNotMatch(
    told("limits { token_sessions 1; } token { enabled on; secret x; }"),
    /counts/,
  );
  const hls = "limits { publishers 1; players 1; } hls { enabled on; hls_ctx off; }";
  assert.match(told(hls), /x\.conf:3: vhost v: players does not count viewers of HLS/);
  assert.doesNotMatch(told(hls.replace("ctx off", "ctx on")), /count viewers/);
  assert.doesNotMatch(told(hls.replace("players 1", "players 0")), /count viewers/);
});
