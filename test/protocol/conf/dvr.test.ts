/** The `dvr` block of a vhost. Spec: SRS compatibility, `dvr {}`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { type DvrSettings, isRecorded } from "../../../src/protocol/control/recording.ts";
import { DVR_DEFAULTS } from "../../support/dvr-settings.ts";

function decode(dvr: string): DvrSettings {
  const text = `listen 1935; daemon off; vhost v { dvr { ${dvr} } }`;
  const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
  const settings = config.vhosts.get("v")?.dvr;
  assert.ok(settings !== undefined);
  return settings;
}

test("SRS's defaults", () => {
  assert.deepEqual(decode(""), DVR_DEFAULTS);
});

test("a path that ends in neither .flv nor .mp4 is a directory", () => {
  const pathOf = (path: string): [string, boolean] => {
    const settings = decode(`dvr_path ${path};`);
    return [settings.path, settings.isMp4];
  };
  assert.deepEqual(pathOf("/a/[stream].mp4"), ["/a/[stream].mp4", true]);
  assert.deepEqual(pathOf("/a/[2006]/x.flv"), ["/a/[2006]/x.flv", false]);
  assert.deepEqual(pathOf("/a.flv/b"), ["/a.flv/b/[stream].[timestamp].flv", false]);
  assert.deepEqual(pathOf("/a/b/"), ["/a/b/[stream].[timestamp].flv", false]);
});

test("dvr_apply: all, or those that it names", () => {
  const isOne = (dvr: string, key: string): boolean =>
    isRecorded(decode(`enabled on; ${dvr}`), key);
  assert.equal(isOne("", "v/live/a"), true);
  assert.equal(isOne("dvr_apply all;", "v/live/a"), true);
  assert.equal(isOne("dvr_apply live/a live/show/b;", "v/live/a"), true);
  assert.equal(isOne("dvr_apply live/a live/show/b;", "v/live/show/b"), true);
  assert.equal(isOne("dvr_apply live/a live/show/b;", "v/live/b"), false);
  assert.equal(isOne("dvr_apply a;", "v/live/a"), false);
  assert.equal(isRecorded(decode(""), "v/live/a"), false);
});
