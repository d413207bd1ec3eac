/**
 * The digest form of the RTMP handshake: an HMAC-SHA-256 at a place that the packet's own bytes choose.
 *
 * C1 and S1 are time (4), version (4) and two blocks of 764 bytes, a key block and a digest block. Scheme 0 has the
 * digest block last, scheme 1 first. A digest block is four offset bytes, then 32 digest bytes at the sum of the
 * offset bytes modulo 728, so the digest always lies inside its block. C2 and S2 are 1504 random bytes and a digest
 * keyed by the other side's digest.
 *
 * Spec: not in RTMP 1.0; Adobe's players since Flash 9 and its servers since 3.5 use it, and Flash Player refuses H.264
 * without it. The keys are public constants of those products.
 */

import { encodeUtf8 } from "../bytes/utf8.ts";

/** HMAC-SHA-256 given by the host: (key, data) => 32 bytes. Both are **borrowed** until return. */
export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array;

/** Bytes of C1, S1, C2 and S2 (RTMP 1.0 §5.2.3). */
export const HANDSHAKE_PACKET_BYTES = 1536;
/** Bytes of a digest. */
export const DIGEST_BYTES = 32;

/** Where the digest block stands: 0 behind the key block, 1 before it. */
export type DigestScheme = 0 | 1;

const BLOCK_BYTES = 764;
/** Room for the digest behind the four offset bytes: 764 - 4 - 32. */
const OFFSETS = 728;

/** Follows the product's name in both keys. */
const KEY_TAIL = [
  0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
  0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

const SERVER_NAME = "Genuine Adobe Flash Media Server 001";
const CLIENT_NAME = "Genuine Adobe Flash Player 001";

/** The two keys of one side: the name alone signs C1 or S1, the whole key derives the one of C2 or S2. */
export interface DigestKeys {
  readonly name: Uint8Array;
  readonly whole: Uint8Array;
}

/** Keys that a server signs with: 36 and 68 bytes. */
export const SERVER_KEYS: DigestKeys = keysOf(SERVER_NAME);
/** Keys that a client signs with: 30 and 62 bytes. */
export const CLIENT_KEYS: DigestKeys = keysOf(CLIENT_NAME);

function keysOf(name: string): DigestKeys {
  const whole = new Uint8Array(name.length + KEY_TAIL.length);
  encodeUtf8(whole, 0, name);
  whole.set(KEY_TAIL, name.length);
  return { name: whole.slice(0, name.length), whole };
}

/**
 * Where the digest of a C1 or S1 lies.
 * Shape: `packet` is 1536 bytes of any content.
 * @returns an offset such that the 32 bytes there are inside the scheme's digest block
 */
export function digestOffset(packet: Uint8Array, scheme: DigestScheme): number {
  const block = scheme === 0 ? 8 + BLOCK_BYTES : 8;
  let sum = 0;
  for (let index = 0; index < 4; index++) {
    sum += packet[block + index] ?? 0;
  }
  return block + 4 + (sum % OFFSETS);
}

/**
 * The digest that a C1 or S1 should carry: over all its bytes but the digest's own.
 * Memory: **owned** by the caller.
 * @returns 32 bytes
 */
export function packetDigest(
  packet: Uint8Array,
  scheme: DigestScheme,
  keys: DigestKeys,
  hmac: Hmac,
): Uint8Array {
  const offset = digestOffset(packet, scheme);
  const signed = new Uint8Array(HANDSHAKE_PACKET_BYTES - DIGEST_BYTES);
  signed.set(packet.subarray(0, offset));
  signed.set(packet.subarray(offset + DIGEST_BYTES, HANDSHAKE_PACKET_BYTES), offset);
  return hmac(keys.name, signed);
}

/** Writes the digest into a C1 or S1. */
export function signPacket(
  packet: Uint8Array,
  scheme: DigestScheme,
  keys: DigestKeys,
  hmac: Hmac,
): void {
  packet.set(packetDigest(packet, scheme, keys, hmac), digestOffset(packet, scheme));
}

/** The scheme of a signed C1 or S1 and the digest it carries. */
export interface FoundDigest {
  readonly scheme: DigestScheme;
  /** **Owned**, 32 bytes. */
  readonly digest: Uint8Array;
}

/**
 * Looks for a valid digest, scheme 0 before scheme 1 as SRS does.
 * @returns null when the packet is of the simple handshake, or its digest is wrong
 */
export function findDigest(packet: Uint8Array, keys: DigestKeys, hmac: Hmac): FoundDigest | null {
  for (const scheme of [0, 1] as const) {
    const offset = digestOffset(packet, scheme);
    const digest = packet.slice(offset, offset + DIGEST_BYTES);
    if (isEqual(digest, packetDigest(packet, scheme, keys, hmac))) {
      return { scheme, digest };
    }
  }
  return null;
}

/**
 * Signs a C2 or S2: its last 32 bytes become the HMAC of the others under a key derived from the other side's digest.
 * @param keys the signer's own
 * @param peerDigest the digest found in the other side's C1 or S1
 */
export function signReply(
  packet: Uint8Array,
  keys: DigestKeys,
  peerDigest: Uint8Array,
  hmac: Hmac,
): void {
  packet.set(replyDigest(packet, keys, peerDigest, hmac), HANDSHAKE_PACKET_BYTES - DIGEST_BYTES);
}

/**
 * Whether a C2 or S2 is signed.
 * @param keys those of the side that sent it
 * @param ownDigest the digest that went out in this side's C1 or S1
 */
export function isSignedReply(
  packet: Uint8Array,
  keys: DigestKeys,
  ownDigest: Uint8Array,
  hmac: Hmac,
): boolean {
  const signature = packet.subarray(HANDSHAKE_PACKET_BYTES - DIGEST_BYTES, HANDSHAKE_PACKET_BYTES);
  return isEqual(signature, replyDigest(packet, keys, ownDigest, hmac));
}

function replyDigest(
  packet: Uint8Array,
  keys: DigestKeys,
  digest: Uint8Array,
  hmac: Hmac,
): Uint8Array {
  const key = hmac(keys.whole, digest);
  return hmac(key, packet.subarray(0, HANDSHAKE_PACKET_BYTES - DIGEST_BYTES));
}

/** Whether two byte strings are the same. The digests are no secrets, so the time taken may differ. */
export function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) {
    return false;
  }
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) {
      return false;
    }
  }
  return true;
}
