/** What the session machines of the lobby need of the host. */
import { createHmac, randomFillSync } from "node:crypto";
import type { HandshakeHost } from "../../protocol/rtmp/handshake.ts";
import { monotonicMs } from "../monotonic.ts";

/** Random bytes are drawn in this many at a time: each drawing costs more than its bytes. */
const POOL_BYTES = 64 * 1024;
/** **Owned**; bytes from {@link used} on were given to nobody. */
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

function random(bytes: number): Uint8Array {
  if (bytes > POOL_BYTES) {
    return randomFillSync(new Uint8Array(bytes));
  }
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.slice(used - bytes, used);
}

/** The primary's. */
export const handshakeHost: HandshakeHost = {
  hmac: (key, data) => createHmac("sha256", key).update(data).digest(),
  random,
  time: monotonicMs,
};
