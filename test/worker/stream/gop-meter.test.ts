import assert from "node:assert/strict";
import { test } from "node:test";
import { GOP_BYTES_MAX, GOP_FRAMES_MAX } from "../../../src/protocol/limits.ts";
import { ringLayout, wrapFor } from "../../../src/protocol/ring/ring-layout.ts";
import { GopMeter } from "../../../src/worker/stream/gop-meter.ts";

function gop(meter: GopMeter, frames: number, bytes: number): void {
  for (let at = 0; at < frames; at += 1) {
    meter.add(bytes, at === 0);
  }
}

test("wants one and a half of the largest group, as soon as it is seen", () => {
  const meter = new GopMeter();
  assert.equal(meter.wantedBytes, 0);
  gop(meter, 50, 4000);
  assert.equal(meter.wantedBytes, 300_000);
  gop(meter, 10, 4000);
  assert.equal(meter.wantedBytes, 300_000);
  gop(meter, 100, 4000);
  assert.equal(meter.wantedBytes, 600_000);
});

test("what a large group wanted fades", () => {
  const meter = new GopMeter();
  gop(meter, 1, 1_000_000);
  for (let at = 0; at < 60; at += 1) {
    gop(meter, 10, 100);
  }
  const wanted = meter.wantedBytes;
  assert.ok(wanted < 10_000, `${wanted}`);
});

test("many small messages want room in the index", () => {
  const meter = new GopMeter();
  gop(meter, 2000, 60);
  const { indexEntries } = ringLayout(wrapFor(meter.wantedBytes));
  assert.ok(indexEntries * 0.75 >= 3000, `${indexEntries}`);
});

test("a group too long to be kept wants nothing", () => {
  const long = new GopMeter();
  gop(long, GOP_FRAMES_MAX * 2, 100);
  assert.ok(long.wantedBytes > 0);
  long.add(100, false);
  assert.equal(long.wantedBytes, 0);
  const large = new GopMeter();
  gop(large, 1, GOP_BYTES_MAX);
  assert.ok(large.wantedBytes > 0);
  large.add(1, false);
  assert.equal(large.wantedBytes, 0);
});
