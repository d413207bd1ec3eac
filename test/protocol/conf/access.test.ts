import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

function decode(vhost: string, head = ""): DecodedConfig {
  const text = `listen 1935; daemon off; ${head}\nvhost v { ${vhost} }`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

function warningsOf(vhost: string, head = ""): readonly string[] {
  return decode(vhost, head).warnings.filter((warning) => !/SRS's default is kept/.test(warning));
}

test("§1B security: every rule, in any order and place", () => {
  const { config } = decode(
    "security { deny play 1.2.3.4; allow publish 10.0.0.0/8; enabled on; allow play all; }",
  );
  assert.deepEqual(config.vhosts.get("v")?.security, {
    enabled: true,
    isPerAction: false,
    rules: [
      {
        verdict: "allow",
        action: "publish",
        from: { family: 4, groups: [0x0a_00, 0], prefix: 8 },
      },
      { verdict: "allow", action: "play", from: "all" },
      {
        verdict: "deny",
        action: "play",
        from: { family: 4, groups: [0x01_02, 0x03_04], prefix: 32 },
      },
    ],
  });
  assert.equal(decode("security {}", "strict on;").config.vhosts.get("v")?.security.enabled, false);
  const strict = decode("security { enabled on; allow play all; }", "strict on;").config;
  assert.equal(strict.vhosts.get("v")?.security.isPerAction, true);
});

test("what an operator may not expect of security is told at start", () => {
  assert.deepEqual(warningsOf("security { enabled on; }"), [
    "vhost v: security without rules: nobody may publish or play",
  ]);
  const oneSided = "security { enabled on; allow publish 1.2.3.4; }";
  assert.match(warningsOf(oneSided).join("\n"), /^vhost v: security allows nobody to play, /);
  assert.deepEqual(warningsOf(oneSided, "strict on;"), []);
  assert.deepEqual(warningsOf("security { enabled on; deny play 1.2.3.4; }"), []);
  assert.deepEqual(warningsOf("security { enabled off; allow publish 1.2.3.4; }"), []);
  assert.deepEqual(warningsOf("security { enabled on; allow publish all; allow play all; }"), []);
});

test("a rule that matches nobody is told with its place, and refused under strict", () => {
  for (const rule of ["deny play 1.2.3.4/40", "deny paly 1.2.3.4", "deny play", "deny play host"]) {
    const text = `security { enabled on; ${rule}; }`;
    const [warning = ""] = warningsOf(text);
    assert.match(warning, /^x\.conf:2(:\d+)?: vhost\.security\.deny "[^"]*" matches nobody/, rule);
    assert.throws(
      () => decode(text, "strict on;"),
      (error) => error instanceof ConfigError && error.code === "ERR_CONF_VALUE",
      rule,
    );
  }
});

test("§1B refer: three lists, told what they let in", () => {
  const { config } = decode("refer { enabled on; all a.b c.d; play e.f; }");
  assert.deepEqual(config.vhosts.get("v")?.refer, {
    enabled: true,
    isExact: false,
    all: ["a.b", "c.d"],
    publish: [],
    play: ["e.f"],
  });
  assert.match(
    warningsOf("refer { enabled on; play a.b; }").join("\n"),
    /^vhost v: refer compares ends of names, "a\.b" lets "evila\.b" in, .*$/,
  );
  const [encoders] = warningsOf("refer { enabled on; all a.b; }", "strict on;");
  assert.match(encoders ?? "", /refuses publishers that tell no page URL/);
  assert.deepEqual(warningsOf("refer { all a.b; }"), []);
  assert.deepEqual(warningsOf("refer { enabled on; play .a.b; }"), []);
});

test("§0 no environment variable reaches security or refer", () => {
  const environment = { SRS_VHOST_SECURITY_ENABLED: "on", SRS_VHOST_REFER_ENABLED: "on" };
  const options = { include: (): string => "", environment };
  const { config } = decodeConfig("listen 1; vhost v {}", "x.conf", options);
  const { security, refer } = config.vhosts.get("v") ?? assert.fail("v");
  assert.deepEqual([security.enabled, refer.enabled], [false, false]);
});

test("§0 legacy flat refer is the block, switched on", () => {
  const { config } = decode("refer a.b; refer_play c.d; refer_publish e.f;");
  const refer = config.vhosts.get("v")?.refer;
  assert.deepEqual([refer?.enabled, refer?.all], [true, ["a.b"]]);
  assert.deepEqual([refer?.play, refer?.publish], [["c.d"], ["e.f"]]);
});
