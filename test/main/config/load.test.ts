import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "../../../src/main/config/load.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-conf-"));
after(() => rmSync(folder, { recursive: true }));

const HOST = { isInDocker: false, openFilesMax: 2000 };

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function load(file: string): ReturnType<typeof loadConfig> {
  return loadConfig({ file, isEnvironmentOnly: false, environment: {} }, HOST);
}

function refuse(file: string, code: string, message: RegExp): void {
  assert.throws(
    () => load(file),
    (error: unknown) =>
      error instanceof ConfigError && error.code === code && message.test(error.message),
  );
}

test("a file and what it includes", () => {
  const inner = write("inner.conf", "vhost v { chunk_size 4096; }");
  const outer = write("outer.conf", `listen 1935;\ninclude ${inner};\n`);
  assert.equal(load(outer).config.vhosts.get("v")?.chunkSize, 4096);
});

test("missing files are told where they are asked for", () => {
  refuse(join(folder, "none.conf"), "ERR_CONF_FILE", /no config file at .*none\.conf/);
  const outer = write("lost.conf", "listen 1935;\ninclude none.conf;\n");
  refuse(outer, "ERR_CONF_FILE", /lost\.conf:2:1: no config file at none\.conf/);
  refuse(folder, "ERR_CONF_FILE", /no config file/);
});

test("a huge file is not read", () => {
  refuse(write("huge.conf", "#".repeat(4 * 1024 * 1024 + 1)), "ERR_CONF_LIMIT", /more than/);
});

test("§0 max_connections is checked against open files", () => {
  refuse(
    write("many.conf", "listen 1; max_connections 1900;"),
    "ERR_CONF_FILES",
    /2000 open files/,
  );
});

test("§0 -e reads no file", () => {
  const source = {
    file: "none.conf",
    isEnvironmentOnly: true,
    environment: { SRS_LISTEN: "1936" },
  };
  assert.equal(loadConfig(source, HOST).config.listen[0]?.port, 1936);
});
