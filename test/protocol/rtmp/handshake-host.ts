/** A handshake host for tests: real HMAC, repeatable "random" bytes. */

import { createHmac } from "node:crypto";
import type { HandshakeHost } from "../../../src/protocol/rtmp/handshake.ts";

export function hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return Uint8Array.from(createHmac("sha256", key).update(data).digest());
}

export function testHost(seed = 1): HandshakeHost {
  let state = seed >>> 0 || 1;
  return {
    hmac,
    time: () => 0x01_02_03_04,
    random(bytes) {
      return Uint8Array.from({ length: bytes }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 24;
      });
    },
  };
}
