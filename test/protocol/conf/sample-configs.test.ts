import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";

test("every sample configuration loads", () => {
  const folder = new URL("../../../../conf/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
  assert.ok(names.includes("weir.conf"));
  for (const name of names) {
    const text = readFileSync(new URL(name, folder), "utf8");
    const include = (file: string): string => readFileSync(new URL(`../${file}`, folder), "utf8");
    const { config } = decodeConfig(text, name, { include, environment: {} });
    assert.equal(config.daemon, false, `${name} stays in the foreground`);
  }
});
