import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  CLIENT_KEYS,
  digestOffset,
  findDigest,
  isSignedReply,
  packetDigest,
  SERVER_KEYS,
  signPacket,
  signReply,
} from "../../../src/protocol/rtmp/digest.ts";
import { hex } from "./chunk-wire.ts";
import { hmac } from "./handshake-host.ts";

const packet = Uint8Array.from({ length: 1536 }, (_, index) => (index * 7 + 3) & 0xff);

// Offsets by hand: bytes 772–775 are 1f 26 2d 34, their sum 166; bytes 8–11 are 3b 42 49 50, their sum 278.
// Digests by Python's hmac over the packet without the 32 bytes at that offset.
const vectors = [
  [0, "client", 942, "492c04ebd265e6343c4c12f5580a46399bec2724821f27f321b95ca75b63b318"],
  [0, "server", 942, "01d1722f262d0920a2fd6c2cff614d034585bbacbc28b5c77a88ca2fc0c3b984"],
  [1, "client", 290, "36d27b365b84e5e55f376e2f24f3a7dd6b8b5e9b002f035f99366c07e43b8d41"],
  [1, "server", 290, "2e691a99791972c8b772eb258df6475daab3454c59f81df497d3012cce3ec8bc"],
] as const;
for (const [scheme, side, offset, digest] of vectors) {
  test(`F-30 OpensslSha256: scheme ${scheme} of the ${side}, vector derived by hand`, () => {
    const keys = side === "client" ? CLIENT_KEYS : SERVER_KEYS;
    assert.equal(digestOffset(packet, scheme), offset);
    assert.equal(hex(packetDigest(packet, scheme, keys, hmac)), digest);
    const signed = packet.slice();
    signPacket(signed, scheme, keys, hmac);
    const found = findDigest(signed, keys, hmac);
    assert.equal(found?.scheme, scheme);
    assert.equal(hex(found?.digest ?? packet), digest);
  });
}

test("F-30: C2 and S2 signatures, vectors derived by hand", () => {
  const digest = Uint8Array.from({ length: 32 }, (_, index) => index);
  const reply = packet.slice();
  signReply(reply, CLIENT_KEYS, digest, hmac);
  assert.equal(
    hex(reply.subarray(1504)),
    "284c96e80458de5bca470ddda3f8a553d89856199073a49d480ad6b6805f425f",
  );
  assert.ok(isSignedReply(reply, CLIENT_KEYS, digest, hmac));
  signReply(reply, SERVER_KEYS, digest, hmac);
  assert.equal(
    hex(reply.subarray(1504)),
    "7fce027fd61c568e1d886d89070214fd2a2391e2c75bf93581cd361dab63b9fa",
  );
  assert.ok(!isSignedReply(reply, CLIENT_KEYS, digest, hmac));
  assert.equal(hex(reply.subarray(0, 1504)), hex(packet.subarray(0, 1504)));
});

test("A1-12: the digest lies inside its block whatever the offset bytes are", () => {
  const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(bytes, (offsets) => {
      const body = new Uint8Array(1536);
      body.set(offsets, 8);
      body.set(offsets, 772);
      const last = digestOffset(body, 0);
      const first = digestOffset(body, 1);
      assert.ok(last >= 776 && last + 32 <= 1536, `scheme 0 at ${last}`);
      assert.ok(first >= 12 && first + 32 <= 772, `scheme 1 at ${first}`);
    }),
    {
      numRuns: 2000,
      seed: 1,
      examples: [[Uint8Array.of(255, 255, 217, 0)], [Uint8Array.of(255, 255, 255, 255)]],
    },
  );
});

test("a packet with a wrong digest, or the other side's, is none", () => {
  const signed = packet.slice();
  signPacket(signed, 1, CLIENT_KEYS, hmac);
  assert.equal(findDigest(signed, SERVER_KEYS, hmac), null);
  signed[1000] = (signed[1000] ?? 0) ^ 1;
  assert.equal(findDigest(signed, CLIENT_KEYS, hmac), null);
  assert.equal(findDigest(new Uint8Array(1536), CLIENT_KEYS, hmac), null);
});
