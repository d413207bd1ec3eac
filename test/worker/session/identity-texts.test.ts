/** Equal texts are kept once, and no longer than a row has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IdentityTexts } from "../../../src/worker/session/identity-texts.ts";

test("rows behave as in a plain map, and there are as many texts as differ", () => {
  const steps = fc.array(
    fc.record({
      row: fc.integer({ min: 1, max: 6 }),
      text: fc.option(fc.constantFrom("a", "b", "c", "d")),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const texts = new IdentityTexts();
      const model = new Map<number, string>();
      for (const { row, text } of all) {
        if (text === null) {
          texts.delete(row);
          model.delete(row);
        } else {
          // Never the same string object.
          texts.set(row, [...text].join(""));
          model.set(row, text);
        }
        assert.equal(texts.size, new Set(model.values()).size);
        assert.deepEqual([...texts.rows].sort(), [...model.keys()].sort());
        for (let at = 1; at <= 6; at += 1) {
          assert.equal(texts.get(at), model.get(at));
          assert.equal(texts.has(at), model.has(at));
        }
      }
    }),
  );
});
