/** E-10: where signatures are asked for, from when on, and what of it lies on disk. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, test } from "node:test";
import type { HlsSettings } from "../../../src/protocol/control/hls.ts";
import { type HlsGuards, KEYS_ELSEWHERE } from "../../../src/protocol/control/hls-guards.ts";
import { HlsDoor } from "../../../src/worker/deliver/hls-door.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { makeScratch } from "../../support/scratch.ts";

const LIMIT = { timeout: 20_000 };
const KEY = "v.example/live/a";

function guards(names: readonly string[], more: Partial<HlsSettings> = {}): HlsGuards {
  const hls = { ...HLS_DEFAULTS, enabled: true, ...more };
  const vhosts = names.map((name) => ({ name, hls }));
  return { kind: "hls-guards", secret: new Uint8Array(32).fill(1), vhosts };
}

describe("a gateway's door", () => {
  let now: number;
  let door: HlsDoor;

  beforeEach(() => {
    now = 1000;
    door = new HlsDoor(() => now);
  });

  const admits = (query: string, group = 1, key = KEY): boolean =>
    door.admits(key, group, new URLSearchParams(query));

  test("is open where nobody is asked for permission", LIMIT, () => {
    assert.equal(admits(""), true);
    door.take(guards(["w.example"]));
    assert.deepEqual([door.isGuarded(KEY), admits(""), admits("hls_sign=x")], [false, true, true]);
    assert.deepEqual(
      [door.isGuarded("w.example/live/a"), admits("", 1, "w.example/live/a")],
      [true, false],
    );
  });

  test("lets in who shows what a playlist gave, under the same session", LIMIT, () => {
    door.take(guards(["v.example"]));
    const named = door.queries(KEY, "s1");
    const nameless = door.queries(KEY, "");
    assert.match(named(1), /^hls_sign=[\w-]{22}$/);
    assert.equal(admits(`hls_ctx=s1&${named(1)}`), true);
    assert.equal(admits(nameless(1)), true);
    for (const query of [
      "",
      "hls_sign=",
      "hls_ctx=s1",
      named(1),
      `hls_ctx=s2&${named(1)}`,
      `hls_ctx=s1&${nameless(1)}`,
      `hls_ctx=s1&${named(2)}`,
      `hls_ctx=s1&hls_sign=x&${named(1)}`,
    ]) {
      assert.equal(admits(query), false, query);
    }
    assert.equal(admits(`hls_ctx=s1&${named(1)}`, 1, "v.example/live/b"), false);
    const other = new HlsDoor(() => now);
    other.take(guards(["v.example"]));
    assert.equal(other.admits(KEY, 1, new URLSearchParams(nameless(1))), true, "another gateway");
  });

  test("a reload that begins to ask lets players come to the next playlist", LIMIT, () => {
    door.take(guards([]));
    door.take(guards(["v.example"], { fragmentMs: 2000 }));
    const signed = door.queries(KEY, "")(1);
    assert.deepEqual([admits(""), admits(signed), admits("hls_sign=x")], [true, true, false]);
    now += 5999;
    // Another one does not begin anew.
    door.take(guards(["v.example"], { fragmentMs: 2000 }));
    assert.equal(admits(""), true);
    now += 1;
    assert.deepEqual([admits(""), admits(signed)], [false, true]);
    door.take(guards([]));
    assert.equal(admits(""), true);
  });

  test("a gateway that starts asks at once", LIMIT, () => {
    door.take(guards(["v.example"]));
    assert.equal(admits(""), false);
  });
});

describe("what HLS wrote on disk", () => {
  const root = makeScratch();
  const html = join(root, "html");
  mkdirSync(html);
  symlinkSync(html, join(root, "link"));
  const none = (): boolean => false;

  const opened = (more: Partial<HlsSettings> = {}): HlsDoor => {
    const door = new HlsDoor(() => 0);
    door.take(guards(["v.example"], { path: join(root, "link"), isFmp4: true, ...more }));
    return door;
  };
  const given = async (
    door: HlsDoor,
    name: string,
    query = "",
    isStream: (key: string) => boolean = none,
  ): Promise<boolean> => door.admitsFile(join(html, name), query, isStream);

  test("is given to nobody, whatever link leads there", LIMIT, async () => {
    const door = opened();
    const query = door.queries(KEY, "")(KEYS_ELSEWHERE);
    for (const name of [
      "live/a.m3u8",
      "live/a.m3u8.temp",
      "live/a-12.ts",
      "live/a-12.ts.tmp",
      "live/a-12.m4s",
      "live/a/init.mp4",
      "live/a/init-3.mp4",
      "live/a-12.key",
    ]) {
      assert.equal(await given(door, name, query), false, name);
    }
  });

  test("other files are left alone", LIMIT, async () => {
    const door = opened();
    for (const name of [
      "index.html",
      "a.m3u8",
      "live/a.mp4",
      "live/a-b.ts",
      "live/a-12.ts.bak",
      "vod/films/one.m3u8",
      "vod/films/one-1.ts",
    ]) {
      assert.equal(await given(door, name), true, name);
    }
    const elsewhere = join(root, "html2", "live/a-1.ts");
    assert.equal(await door.admitsFile(elsewhere, "", none), true);
    assert.equal(await given(opened({ enabled: false }), "live/a-12.ts"), true);
    assert.equal(await given(opened({ path: join(root, "none") }), "live/a-12.ts"), true);
    // Of an app with several names while there is such a stream.
    const isStream = (key: string): boolean => key === "v.example/vod/films/one";
    assert.equal(await given(door, "vod/films/one-1.ts", "", isStream), false);
  });

  test("templates that name no stream, and those with the vhost's name", LIMIT, async () => {
    const flat = opened({ tsFile: "[timestamp]-[seq].ts" });
    assert.equal(await given(flat, "1700000000000-12.ts"), false);
    const named = opened({ tsFile: "./[vhost]/[app]/[stream]/[2006][01]/[stream]-[seq].ts" });
    assert.equal(await given(named, "v.example/live/a/202401/a-1.ts"), false);
    assert.equal(await given(named, "w.example/live/a/202401/a-1.ts"), true);
    assert.equal(await given(named, "v.example/live/a/202401/b-1.ts"), true);
    assert.equal(await given(named, "vXexample/live/a/202401/a-1.ts"), true);
  });

  test("keys in a directory of their own are given for their signature", LIMIT, async () => {
    const keyPath = join(html, "keys");
    mkdirSync(keyPath);
    const door = opened({ isEncrypted: true, keyPath, keyUrl: "https://live.example/keys/" });
    const query = `hls_ctx=s1&${door.queries(KEY, "s1")(KEYS_ELSEWHERE)}`;
    assert.equal(await given(door, "keys/live/a-1.key", query), true);
    assert.equal(await given(door, "keys/live/b-1.key", query), false);
    assert.equal(
      await given(door, "keys/live/a-1.key", `hls_ctx=s1&${door.queries(KEY, "s1")(1)}`),
      false,
    );
    assert.equal(await given(door, "keys/live/a-1.key"), false);
    assert.equal(await given(door, "live/a-1.ts", query), false);
  });
});
