import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeNetwork, isInNetwork } from "../../../src/protocol/access/network.ts";

for (const [network, address, expected] of [
  ["1.2.3.4", "1.2.3.4", true],
  ["1.2.3.4", "1.2.3.5", false],
  ["1.2.3.4", "::ffff:1.2.3.4", true],
  ["::ffff:1.2.3.4", "1.2.3.4", true],
  ["::ffff:102:304", "1.2.3.4", true],
  ["10.0.0.0/8", "10.255.255.255", true],
  ["10.0.0.0/8", "11.0.0.0", false],
  ["10.9.9.9/8", "10.1.1.1", true],
  ["192.168.1.128/25", "192.168.1.127", false],
  ["192.168.1.128/25", "192.168.1.128", true],
  ["192.168.0.0/17", "192.168.127.1", true],
  ["192.168.0.0/17", "192.168.128.1", false],
  ["1.2.3.4/32", "1.2.3.4", true],
  ["0.0.0.0/0", "255.255.255.255", true],
  ["0.0.0.0/0", "::1", false],
  ["::/0", "::1", true],
  ["::/0", "1.2.3.4", false],
  ["2001:db8::/32", "2001:db8:ffff::1", true],
  ["2001:db8::/32", "2001:db9::1", false],
  ["2001:db8:8000::/33", "2001:db8:7fff::", false],
  ["2001:db8:8000::/33", "2001:db8:8000::", true],
  ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", true],
  ["fe80::/10", "fe80::1%eth0", true],
  ["::1", "::1", true],
  ["::1", "::2", false],
  ["::1/128", "::1", true],
  ["::ffff:0:0/96", "1.2.3.4", true],
  ["::ffff:10.0.0.0/104", "10.2.3.4", true],
  ["::ffff:10.0.0.0/104", "11.2.3.4", false],
] as const) {
  test(`${address} is ${expected ? "" : "not "}in ${network}`, () => {
    const found = decodeNetwork(network) ?? assert.fail(network);
    assert.equal(isInNetwork(found, decodeNetwork(address)), expected);
  });
}

test("what is no address is no network and in none", () => {
  for (const text of [
    "",
    "all",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4/",
    "1.2.3.4/33",
    "1.2.3.4/-1",
    "1.2.3.4/8/8",
    "1.2.3.4/ 8",
    "::/129",
    "::ffff:1.2.3.4/95",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    ":::",
    "12345::",
    "g::",
    "1.2.3.4::",
    "host",
  ]) {
    assert.equal(decodeNetwork(text), undefined, text);
  }
  const everything = decodeNetwork("0.0.0.0/0") ?? assert.fail("network");
  assert.equal(isInNetwork(everything, decodeNetwork("")), false);
});
