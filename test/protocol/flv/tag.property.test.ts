import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFlvHeader, encodeFlvTag, FlvTagDecoder } from "../../../src/protocol/flv/tag.ts";
import { join } from "./vectors.ts";

const tag = fc.record(
  {
    type: fc.constantFrom(8, 9, 18, 15),
    timestamp: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    payload: fc.uint8Array({ maxLength: 200 }),
  },
  { noNullPrototype: true },
);

test("decode(encode(tags)) is tags, at any cut of the input", { timeout: 20_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(tag, { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (tags, cuts) => {
        const header = encodeFlvHeader({ hasAudio: true, hasVideo: false });
        const file = join(header, ...tags.map((each) => encodeFlvTag(each)));
        const found: unknown[] = [];
        const decoder = new FlvTagDecoder();
        const offsets = cuts.map((cut) => cut % (file.length + 1)).sort((a, b) => a - b);
        let start = 0;
        for (const end of [...offsets, file.length]) {
          decoder.push(file.subarray(start, end), {
            tag: ({ type, timestamp, payload }) =>
              found.push({ type, timestamp, payload: payload.slice() }),
          });
          start = end;
        }
        assert.deepEqual(found, tags);
      },
    ),
    { numRuns: 300 },
  );
});
