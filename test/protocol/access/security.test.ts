import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AccessAction,
  checkSecurity,
  decodeSecurityRule,
  SecurityRefusal,
} from "../../../src/protocol/access/security.ts";

const OK = undefined;
const { Denied, NotAllowed } = SecurityRefusal;

/** Rules, who asks, SRS's answer, and the strict one where it differs. */
const ROWS: readonly (readonly [
  rules: string,
  action: AccessAction,
  ip: string,
  srs: SecurityRefusal | undefined,
  strict?: SecurityRefusal | "ok",
])[] = [
  ["", "publish", "1.1.1.1", NotAllowed],
  ["", "play", "1.1.1.1", NotAllowed],
  ["allow publish all", "publish", "1.1.1.1", OK],
  ["allow publish all", "play", "1.1.1.1", NotAllowed, "ok"],
  ["allow play all", "play", "1.1.1.1", OK],
  ["allow play all", "publish", "1.1.1.1", NotAllowed, "ok"],
  ["allow publish 1.1.1.1", "publish", "1.1.1.1", OK],
  ["allow publish 1.1.1.1", "publish", "1.1.1.2", NotAllowed],
  ["allow publish 1.1.1.1; allow play all", "play", "9.9.9.9", OK],
  ["allow publish 1.1.1.1; allow play 2.2.2.2", "play", "9.9.9.9", NotAllowed],
  ["deny publish all", "publish", "1.1.1.1", Denied],
  ["deny publish all", "play", "1.1.1.1", OK],
  ["deny play all", "play", "1.1.1.1", Denied],
  ["deny play 1.1.1.1", "play", "1.1.1.1", Denied],
  ["deny play 1.1.1.1", "play", "1.1.1.2", OK],
  ["deny play 1.1.1.1", "publish", "1.1.1.1", OK],
  ["allow play all; deny play 1.1.1.1", "play", "1.1.1.1", Denied],
  ["deny play 1.1.1.1; allow play all", "play", "1.1.1.1", Denied],
  ["deny play 1.1.1.1; allow play all", "play", "1.1.1.2", OK],
  ["deny publish 1.1.1.1; allow play 2.2.2.2", "publish", "3.3.3.3", NotAllowed, "ok"],
  ["allow play 10.0.0.0/8", "play", "10.1.2.3", OK],
  ["allow play 10.0.0.0/8", "play", "11.1.2.3", NotAllowed],
  ["deny play 10.0.0.0/8", "play", "10.1.2.3", Denied],
  ["deny play 2001:db8::/32", "play", "2001:db8::7", Denied],
  ["deny play 2001:db8::/32", "play", "2001:db9::7", OK],
  ["allow play 10.0.0.0/8", "play", "::ffff:10.1.2.3", OK],
  ["allow watch all", "play", "1.1.1.1", NotAllowed, "ok"],
  ["allow play nonsense", "play", "1.1.1.1", NotAllowed],
  ["deny play 1.1.1.1/40", "play", "1.1.1.1", OK],
  ["allow play all", "play", "", OK],
  ["allow play 0.0.0.0/0", "play", "", NotAllowed],
];

for (const [text, action, ip, srs, strict] of ROWS) {
  test(`${text || "no rule"}: ${action} from ${ip || "nowhere"}`, () => {
    const rules = text.split("; ").flatMap((rule) => {
      const [verdict, ...words] = rule.split(" ");
      return verdict === "allow" || verdict === "deny" ? [decodeSecurityRule(verdict, words)] : [];
    });
    const ask = (isPerAction: boolean): SecurityRefusal | undefined =>
      checkSecurity({ enabled: true, isPerAction, rules }, action, ip);
    assert.equal(ask(false), srs, "as SRS");
    assert.equal(ask(true), strict === "ok" ? OK : (strict ?? srs), "strict");
    const off = { enabled: false, isPerAction: false, rules };
    assert.equal(checkSecurity(off, action, ip), OK, "switched off");
  });
}
