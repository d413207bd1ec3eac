/** Files in the making, and parts that fail. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadSettledConfig } from "../../../src/main/config/load.ts";
import { prepareParts, type ReloadPart } from "../../../src/main/config/parts.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";
import { makeScratch } from "../../support/scratch.ts";

const HOST = { isInDocker: false, openFilesMax: 1_000_000 };
const WHOLE = "listen 1935; daemon off; max_connections 77; vhost v {}";

test("a file that is being written is read when it is whole", { timeout: 10_000 }, async () => {
  const directory = makeScratch();
  const source = { file: "x.conf", directory, isEnvironmentOnly: false, environment: {} };
  writeFileSync(join(directory, "x.conf"), WHOLE.slice(0, 20));
  const loading = loadSettledConfig(source, HOST);
  for (let end = 25; end < WHOLE.length + 5; end += 5) {
    await delay(40);
    writeFileSync(join(directory, "x.conf"), WHOLE.slice(0, end));
  }
  assert.equal((await loading).config.maxConnections, 77);
});

test("an included file counts too", { timeout: 10_000 }, async () => {
  const directory = makeScratch();
  const source = { file: "x.conf", directory, isEnvironmentOnly: false, environment: {} };
  writeFileSync(join(directory, "x.conf"), "listen 1935; daemon off; include y.conf;");
  writeFileSync(join(directory, "y.conf"), "max_conn");
  const loading = loadSettledConfig(source, HOST);
  await delay(50);
  writeFileSync(join(directory, "y.conf"), "max_connections 78;");
  assert.equal((await loading).config.maxConnections, 78);
});

test("a file that stays wrong, or away, is an error with its place", async () => {
  const directory = makeScratch();
  const source = { file: "x.conf", directory, isEnvironmentOnly: false, environment: {} };
  await assert.rejects(loadSettledConfig(source, HOST), ConfigError);
  writeFileSync(join(directory, "x.conf"), "listen 1935;\nlisen 1;");
  await assert.rejects(loadSettledConfig(source, HOST), /^ConfigError: x\.conf:2/);
});

const { config } = decodeConfig(WHOLE, "x.conf", { include: () => "", environment: {} });

function part(name: string, calls: string[], failure?: Error): ReloadPart {
  return {
    prepare: (next: Config) => {
      assert.equal(next, config);
      calls.push(`prepare ${name}`);
      if (failure !== undefined) {
        throw failure;
      }
      return {
        commit: () => calls.push(`commit ${name}`),
        abort: () => calls.push(`abort ${name}`),
      };
    },
  };
}

test("parts go over together, in order", async () => {
  const calls: string[] = [];
  const prepared = await prepareParts([part("a", calls), part("b", calls)], config);
  assert.deepEqual(calls.splice(0), ["prepare a", "prepare b"]);
  prepared.commit();
  assert.deepEqual(calls, ["commit a", "commit b"]);
});

test("when one part cannot, those before it are taken back and those after it never asked", async () => {
  const calls: string[] = [];
  const parts = [
    part("a", calls),
    part("b", calls),
    part("c", calls, new Error("no")),
    part("d", calls),
  ];
  await assert.rejects(prepareParts(parts, config), /no/);
  assert.deepEqual(calls, ["prepare a", "prepare b", "prepare c", "abort b", "abort a"]);
});
