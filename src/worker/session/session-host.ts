/** What the pure session machines need of a host: HMAC, randomness and time. */
import { createHmac, randomBytes } from "node:crypto";
import type { HandshakeHost } from "../../protocol/rtmp/handshake.ts";
import { monotonicMs } from "../io/clock.ts";

/** The host of every session of this thread. */
export const sessionHost: HandshakeHost = {
  hmac: (key, data) => createHmac("sha256", key).update(data).digest(),
  random: (bytes) => randomBytes(bytes),
  time: () => monotonicMs(),
};
