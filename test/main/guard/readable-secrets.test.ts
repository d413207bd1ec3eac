/** E-76: secrets in files that everyone may read, and secrets that are kept elsewhere. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig, loadSettledConfig } from "../../../src/main/config/load.ts";
import { readableSecretWarnings } from "../../../src/main/guard/readable-secrets.ts";
import type { DecodedConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";
import { makeScratch } from "../../support/scratch.ts";

const HOST = { isInDocker: false, openFilesMax: 1_000_000 };
const HEAD = "listen 127.0.0.1:1935; daemon off;\n";
const VHOST = (rows: string): string => `${HEAD}vhost v { ${rows} }\n`;
const VALUE = "no-line-may-have-this";

interface Files {
  load(environment?: Readonly<Record<string, string>>): DecodedConfig;
  write(name: string, text: string, mode?: number): void;
  readonly directory: string;
}

/** A folder with a configuration in it. */
function folder(text: string, mode = 0o644): Files {
  const directory = makeScratch();
  const write = (name: string, content: string, bits = 0o644): void => {
    writeFileSync(join(directory, name), content);
    chmodSync(join(directory, name), bits);
  };
  write("x.conf", text, mode);
  const load = (environment: Readonly<Record<string, string>> = {}): DecodedConfig =>
    loadConfig({ file: "x.conf", directory, isEnvironmentOnly: false, environment }, HOST);
  return { load, write, directory };
}

function told({ warnings }: DecodedConfig): string[] {
  return warnings.filter((line) => /can be read by everyone/.test(line));
}

const TOKEN = `token { enabled on; secret ${VALUE}; }`;

test("E-76 a file that everyone may read: one line with file, mode, directive and line", () => {
  const [line = "", ...more] = told(folder(VHOST(`\n${TOKEN}`)).load());
  assert.deepEqual(more, []);
  assert.match(
    line,
    /^x\.conf can be read by everyone .*\(mode 644\).* vhost\.token\.secret \(line 3\);/,
  );
  assert.match(line, /chmod o-r it, or write env:NAME or file:PATH/);
  assert.ok(!line.includes(VALUE));
});

for (const mode of [0o600, 0o640, 0o400, 0o622]) {
  test(`E-76 nothing is told of a file with mode ${mode.toString(8)}`, () => {
    assert.deepEqual(told(folder(VHOST(TOKEN), mode).load()), []);
  });
}

for (const [what, text, directive] of [
  ["the API's password", `http_api { auth { password ${VALUE}; } }`, "http_api.auth.password"],
  ["the API's token", `http_api { auth { token ${VALUE}; } }`, "http_api.auth.token"],
  [
    "keys of JSON Web Tokens",
    `vhost a { token { jwt_secret ${VALUE}; } }`,
    "vhost.token.jwt_secret",
  ],
  [
    "the key of callbacks",
    `vhost a { http_hooks { hook_secret ${VALUE}; } }`,
    "vhost.http_hooks.hook_secret",
  ],
  [
    "a password in a URL",
    `vhost a { http_hooks { on_publish http://u:${VALUE}@h/; } }`,
    "vhost.http_hooks.on_publish",
  ],
  [
    "one in a second URL",
    `vhost a { http_hooks { on_play http://h/ http://u:${VALUE}@h/; } }`,
    "vhost.http_hooks.on_play",
  ],
  ["a token in a URL", `heartbeat { url http://h/?a=1&access_token=${VALUE}; }`, "heartbeat.url"],
  [
    "a passphrase without effect yet",
    `srt_server { passphrase ${VALUE}; }`,
    "srt_server.passphrase",
  ],
] as const) {
  test(`E-76 ${what} is a secret`, () => {
    const [line = ""] = told(folder(`${HEAD}vhost v {}\n${text}`).load());
    assert.ok(line.includes(`${directive} (line 3)`), line);
    assert.ok(!line.includes(VALUE), line);
  });
}

for (const [what, text] of [
  ["no secret", ""],
  ["a name without password", "http_api { auth { username op; } }"],
  ["an empty secret", 'vhost a { http_hooks { hook_secret ""; } }'],
  ["plain URLs", "vhost a { http_hooks { on_publish http://h/a@b?x=1 http://h:80/; } }"],
  ["a file with a key", "rtmps { key /etc/key.pem; }"],
] as const) {
  test(`E-76 nothing is told of a file with ${what}`, () => {
    assert.deepEqual(told(folder(`${HEAD}vhost v {}\n${text}`).load()), []);
  });
}

test("E-76 each file by itself: one that is included and closed keeps its secrets", () => {
  const files = folder(`${HEAD}include y.conf;\ninclude z.conf;`);
  files.write("y.conf", `vhost a {\n ${TOKEN} }`, 0o600);
  files.write("z.conf", `vhost b {\n ${TOKEN} }`, 0o644);
  const lines = told(files.load());
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^z\.conf .*vhost\.token\.secret \(line 2\);/);
});

test("E-76 many are one line, the first are named", () => {
  const secretsAt = Array.from({ length: 8 }, (_, at) => ({
    file: "f",
    line: at + 1,
    directive: "d",
  }));
  const [line = "", ...more] = readableSecretWarnings(secretsAt, () => 0o10_0644);
  assert.deepEqual(more, []);
  assert.match(line, /d \(line 1\), .*d \(line 5\) and 3 more;/);
  assert.deepEqual(
    readableSecretWarnings(secretsAt, () => undefined),
    [],
    "it is gone by now",
  );
});

function secretsOf({ config }: DecodedConfig): readonly string[] {
  return config.vhosts.get("v")?.token.secrets ?? [];
}

test("E-76 env: and file: are the values of what they name, and are no secrets themselves", () => {
  const files = folder(VHOST("token { enabled on; secret file:./key env:OTHER plain; }"), 0o600);
  files.write("key", "of the file\r\n", 0o600);
  assert.deepEqual(secretsOf(files.load({ OTHER: "of the environment" })), [
    "of the file",
    "of the environment",
    "plain",
  ]);
  const open = folder(VHOST("token { enabled on; secret file:key; }"));
  open.write("key", "k", 0o600);
  assert.deepEqual(told(open.load()), []);
  open.write("key", "k", 0o644);
  assert.match(
    told(open.load())[0] ?? "",
    /^key can be read .*holds secrets: vhost\.token\.secret;/,
  );
});

test("E-76 a variable that stands for a directive may name a file", () => {
  const files = folder(`${HEAD}vhost v {} http_api { auth { enabled on; username a; } }`);
  files.write("pw", "right\n", 0o600);
  const { config } = files.load({ SRS_HTTP_API_AUTH_PASSWORD: "file:pw" });
  assert.equal(config.httpApi.auth.password, "right");
});

test("E-76 only secrets are read from elsewhere", () => {
  const { config } = folder(`${HEAD}vhost v {} heartbeat { device_id env:HOME; }`).load({
    HOME: "x",
  });
  assert.equal(config.heartbeat.deviceId, "env:HOME");
});

for (const [what, word, message] of [
  ["a file that is missing", "file:none", /none cannot be read: ENOENT/],
  ["a folder", "file:folder", /folder is no file of at most/],
  ["an empty file", "file:empty", /empty is empty/],
  ["a file of two lines", "file:two", /two is not one line/],
  ["a file with a NUL", "file:nul", /nul is not one line/],
  ["a line that is too long", "file:long", /long is not one line of at most 4096 characters/],
  ["a huge file", "file:huge", /huge is no file of at most/],
  ["a variable that is missing", "env:NONE", /environment variable NONE is not set/],
  ["an empty variable", "env:EMPTY", /environment variable EMPTY is not set, or empty/],
  ["what is no name of a variable", `env:${VALUE}`, /must be followed by the name of a variable/],
] as const) {
  test(`E-76 ${what} is an error with file, line and directive`, () => {
    const files = folder(VHOST(`\n token { enabled on; secret ${word}; }`), 0o600);
    mkdirSync(join(files.directory, "folder"));
    const texts = { empty: "\n", two: `${VALUE}\nb`, nul: `${VALUE}\0`, long: "x".repeat(4097) };
    for (const [name, text] of Object.entries({ ...texts, huge: "x".repeat(20_000) })) {
      files.write(name, text);
    }
    assert.throws(
      () => files.load({ EMPTY: "" }),
      (error: unknown) =>
        error instanceof ConfigError &&
        error.code === "ERR_CONF_SECRET" &&
        /^x\.conf:3:\d+: vhost\.token\.secret: /.test(error.message) &&
        message.test(error.message) &&
        !error.message.includes(VALUE),
    );
  });
}

test("E-76 what cannot be looked at is not told of: a directive that does not count may name anything", () => {
  const long = "x".repeat(5000);
  const files = folder(VHOST(`token { enabled on; secret a; secret file:${long}; }`), 0o600);
  const loaded = files.load();
  assert.deepEqual(secretsOf(loaded), ["a"]);
  assert.deepEqual(told(loaded), []);
});

test("E-76 a reload reads them anew, and shows neither", { timeout: 10_000 }, async () => {
  const files = folder(VHOST("token { enabled on; secret file:key; }"), 0o600);
  files.write("key", "old", 0o600);
  const source = {
    file: "x.conf",
    directory: files.directory,
    isEnvironmentOnly: false,
    environment: {},
  };
  const before = files.load();
  files.write("key", "new", 0o600);
  const after = await loadSettledConfig(source, HOST);
  assert.deepEqual(secretsOf(after), ["new"]);
  const place = "vhost v.token.secret";
  assert.notEqual(before.settings.get(place)?.value, after.settings.get(place)?.value);
  assert.equal(after.settings.get(place)?.isSecret, true);
});
