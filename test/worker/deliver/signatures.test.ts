/** E-10: what a signature of HLS covers, and that nobody makes one without the secret. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { HLS_SIGNATURES_KEPT_MAX } from "../../../src/protocol/limits.ts";
import { Signatures, type Signed } from "../../../src/worker/deliver/signatures.ts";

const LIMIT = { timeout: 20_000 };
const SECRET = new Uint8Array(32).fill(7);
const OWN: Signed = { key: "v.example/live/a", group: 12, session: "s1" };

describe("a signature", () => {
  const signatures = new Signatures(SECRET);
  const own = signatures.sign(OWN);

  test("is short, has its place in a URL, and is known by whoever has the secret", LIMIT, () => {
    assert.match(own, /^[\w-]{22}$/);
    assert.equal(signatures.sign(OWN), own);
    for (const gateway of [signatures, new Signatures(SECRET), new Signatures(SECRET.slice())]) {
      assert.equal(gateway.isRight(own, OWN), true);
      assert.equal(gateway.isRight(own, OWN), true);
    }
  });

  test("is nothing elsewhere: other stream, app, vhost, session, group, secret", LIMIT, () => {
    const others: readonly Partial<Signed>[] = [
      { key: "v.example/live/b" },
      { key: "v.example/live2/a" },
      { key: "w.example/live/a" },
      { key: "__defaultVhost__/live/a" },
      { session: "s2" },
      { session: "" },
      { session: "s1 " },
      { group: 13 },
      { group: -1 },
      { group: 1, session: "2 s1" },
    ];
    for (const other of others) {
      assert.equal(signatures.isRight(own, { ...OWN, ...other }), false, JSON.stringify(other));
      assert.notEqual(signatures.sign({ ...OWN, ...other }), own);
    }
    assert.equal(new Signatures(new Uint8Array(32)).isRight(own, OWN), false);
  });

  test("is right as a whole or not at all", LIMIT, () => {
    for (let at = 0; at < own.length; at += 1) {
      const other = own[at] === "A" ? "B" : "A";
      assert.equal(signatures.isRight(own.slice(0, at) + other + own.slice(at + 1), OWN), false);
      assert.equal(signatures.isRight(own.slice(0, at), OWN), false);
    }
    for (const forged of ["", `${own}A`, `${own}==`, "é".repeat(22), "\u{1f600}".repeat(11)]) {
      assert.equal(signatures.isRight(forged, OWN), false, forged);
    }
  });

  test("two things are never signed alike, whatever a viewer calls its session", LIMIT, () => {
    const name = fc.string({ unit: fc.constantFrom(" ", "1", "/", "a", "\n") });
    const signed = fc.record({ key: name, group: fc.nat(20), session: name });
    fc.assert(
      fc.property(signed, signed, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        assert.equal(signatures.sign(one) === signatures.sign(other), isSame);
      }),
    );
  });
});

test("how many are remembered is bounded; forgotten ones are right all the same", LIMIT, () => {
  const signatures = new Signatures(SECRET);
  const first = signatures.sign(OWN);
  for (let group = 0; group <= HLS_SIGNATURES_KEPT_MAX; group += 1) {
    signatures.sign({ ...OWN, session: "", group });
    // What is made up is not remembered.
    signatures.isRight("A".repeat(22), { ...OWN, session: `x${group}` });
  }
  assert.ok(signatures.kept <= HLS_SIGNATURES_KEPT_MAX, `${signatures.kept}`);
  const made = signatures.kept;
  signatures.isRight("A".repeat(22), { ...OWN, session: "made up" });
  assert.equal(signatures.kept, made);
  assert.equal(signatures.isRight(first, OWN), true);
});
