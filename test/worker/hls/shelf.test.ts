/** E-10: files are signed in groups, which end soon after a viewer's last playlist. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupMs, Shelf } from "../../../src/worker/hls/shelf.ts";

const LIMIT = { timeout: 20_000 };

test("a group is half a minute, of a long window a quarter", LIMIT, () => {
  const windows = [0, 12_000, 60_000, 120_000, 3_600_000];
  assert.deepEqual(
    windows.map((windowMs) => groupMs({ windowMs })),
    [30_000, 30_000, 30_000, 30_000, 900_000],
  );
});

test("files belong to the group of their segment, whose number only rises", LIMIT, () => {
  let id = 0;
  const shelf = new Shelf(() => id++, 1000);
  const groups: number[] = [];
  for (const [sequence, now] of [
    [7, 50],
    [8, 600],
    [9, 1049],
    [10, 1050],
    [11, 2000],
    [14, 9000],
    [15, 9001],
  ] as const) {
    shelf.advance(sequence, now);
    const uri = `a-${sequence}.ts`;
    shelf.put({ path: `/live/${uri}`, uri, file: "" }, "video/MP2T", [new Uint8Array(1)], false);
    const [added] = shelf.takeChange().added;
    assert.equal(added?.uri, uri);
    groups.push(added?.group ?? Number.NaN);
  }
  assert.deepEqual(groups, [7, 7, 7, 10, 10, 14, 14]);
});
