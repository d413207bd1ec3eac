/** E-01: who may publish where nothing is asked of a publisher. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../../src/main/config/load.ts";
import { Reloader } from "../../../src/main/config/reload.ts";
import { openPublishWarning } from "../../../src/main/guard/open-publish.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { makeScratch } from "../../support/scratch.ts";

function warn(text: string): string | undefined {
  const options = { include: (): string => "", environment: {} };
  return openPublishWarning(decodeConfig(`daemon off; ${text}`, "x.conf", options).config);
}

/** A vhost of this content behind an address that everybody reaches. */
function warnOf(vhost: string): string | undefined {
  return warn(`listen 1935; vhost v { ${vhost} }`);
}

test("E-01 SRS's default: one line with the address, the vhost and what to set", () => {
  const line = warn("listen 1935; vhost __defaultVhost__ {}") ?? assert.fail("nothing is told");
  assert.match(line, /anybody may publish .* \*:1935, .* vhost __defaultVhost__; set on_publish/);
  assert.match(line, /token or "security \{ enabled on; allow publish ADDRESS; \}"/);
  assert.ok(!line.includes("\n"));
});

for (const [listen, told] of [
  ["0.0.0.0:1936", "on 0.0.0.0:1936, and"],
  ["[::]:1937", "on [::]:1937, and"],
  ["10.0.0.1:1935 127.0.0.1:1936", "on 10.0.0.1:1935, and"],
  ["1 2 3 4 5 6 7", "on *:1, *:2, *:3, *:4, *:5 and 2 more, and"],
] as const) {
  test(`E-01 listen ${listen} is told as "${told}"`, () => {
    const line = warn(`listen ${listen}; vhost v {}`) ?? assert.fail("nothing is told");
    assert.ok(line.includes(told), line);
  });
}

test("E-01 RTMPS is an address too, where it is enabled", () => {
  const rtmps = "listen 1443; key k; cert c;";
  const line = warn(`listen 127.0.0.1:1935; rtmps { enabled on; ${rtmps} } vhost v {}`);
  assert.match(line ?? "", /on \*:1443, and/);
  assert.equal(warn(`listen 127.0.0.1:1935; rtmps { ${rtmps} } vhost v {}`), undefined);
});

for (const listen of ["127.0.0.1:1935", "127.8.9.1:1935", "[::1]:1935"]) {
  test(`E-01 nothing is open at ${listen}`, () => {
    assert.equal(warn(`listen ${listen}; vhost v {}`), undefined);
  });
}

for (const [what, vhost] of [
  ["on_publish", "http_hooks { enabled on; on_publish http://a/; }"],
  ["on_connect", "http_hooks { enabled on; on_connect http://a/; }"],
  ["a token", "token { enabled on; secret x; }"],
  ["an allow of one network", "security { enabled on; allow publish 10.0.0.0/8; }"],
  ["an allow of players alone, as SRS reads it", "security { enabled on; allow play all; }"],
  ["a deny of all", "security { enabled on; deny publish all; }"],
  ["security without rules", "security { enabled on; }"],
  ["refer of publish", "refer { enabled on; publish a.b; }"],
  ["refer of all", "refer { enabled on; all a.b; }"],
  ["an origin that is asked", "cluster { mode remote; origin a; token_traverse on; }"],
  ["a vhost that is off", "enabled off;"],
] as const) {
  test(`E-01 closed by ${what}`, () => {
    assert.equal(warnOf(vhost), undefined);
  });
}

for (const [what, vhost] of [
  ["callbacks that are off", "http_hooks { on_publish http://a/; }"],
  ["callbacks about players alone", "http_hooks { enabled on; on_play http://a/; }"],
  ["tokens of players alone", "token { enabled on; secret x; publish off; }"],
  ["tokens that are off", "token { secret x; }"],
  ["security that is off", "security { deny publish all; }"],
  ["a deny of one address", "security { enabled on; deny publish 10.0.0.1; }"],
  ["a deny of players", "security { enabled on; deny play all; }"],
  ["an allow of all", "security { enabled on; allow publish all; }"],
  ["a deny of one family of addresses", "security { enabled on; deny publish 0.0.0.0/0; }"],
  ["refer of players", "refer { enabled on; play a.b; }"],
  ["an edge, which sends on what it gets", "cluster { mode remote; origin a; }"],
  ["token_traverse at an origin", "cluster { token_traverse on; }"],
] as const) {
  test(`E-01 open with ${what}`, () => {
    assert.match(warnOf(vhost) ?? "", /in vhost v;/);
  });
}

test("E-01 an allow of players alone closes nothing under strict, which keeps the two apart", () => {
  const vhost = "vhost v { security { enabled on; allow play all; } }";
  assert.match(warn(`strict on; listen 1935; ${vhost}`) ?? "", /in vhost v;/);
});

test("E-01 a deny of all of IPv4 is enough where nothing else listens", () => {
  const vhost = "vhost v { security { enabled on; deny publish 0.0.0.0/0; } }";
  assert.equal(warn(`listen 10.0.0.1:1935; ${vhost}`), undefined);
});

test("E-01 of several vhosts those that are open are named, of many the first", () => {
  const closed = "token { enabled on; secret x; }";
  assert.match(warn(`listen 1; vhost a {} vhost b { ${closed} } vhost c {}`) ?? "", /vhost a, c;/);
  const many = Array.from({ length: 9 }, (_, index) => `vhost v${index} {}`).join(" ");
  assert.match(warn(`listen 1; ${many}`) ?? "", /vhost v0, v1, v2, v3, v4 and 4 more;/);
});

test("E-01 a load tells, and so does each reload that changes what is open", {
  timeout: 20_000,
}, async () => {
  const directory = makeScratch();
  const source = { file: "x.conf", directory, isEnvironmentOnly: false, environment: {} };
  const write = (vhosts: string): void =>
    writeFileSync(
      join(directory, "x.conf"),
      `listen 1935; daemon off; max_connections 100; ${vhosts}`,
    );
  write("vhost a { token { enabled on; secret x; } }");
  const told: string[] = [];
  const note = (_id: string, text: string): void => {
    told.push(
      ...(/anybody may publish/.exec(text) === null ? [] : [/vhost (.*?);/.exec(text)?.[1] ?? ""]),
    );
  };
  const log = { info: note, warn: note, error: note } as unknown as Logger;
  const running = loadConfig(source);
  assert.deepEqual(
    running.warnings.filter((line) => /anybody may publish/.test(line)),
    [],
  );
  const reloader = new Reloader({ source, running, parts: [], log });
  for (const [vhosts, lines] of [
    ["vhost a {}", ["a"]],
    ["vhost a { chunk_size 4096; }", []],
    ["vhost a {} vhost b {}", ["a, b"]],
    ["vhost a { enabled off; }", []],
    ["vhost a {}", ["a"]],
  ] as const) {
    write(vhosts);
    const { error } = await reloader.reload("test");
    assert.equal(error, undefined);
    assert.deepEqual(told.splice(0), lines, vhosts);
  }
  assert.match(loadConfig(source).warnings.join("\n"), /anybody may publish/);
});
