/** What the pure session machines need of a host: HMAC, randomness and time. */
import { createHmac, randomBytes } from "node:crypto";
import { ChunkDecoder } from "../../protocol/rtmp/chunk-decoder.ts";
import type { HandshakeHost } from "../../protocol/rtmp/handshake.ts";
import { ServerSession } from "../../protocol/rtmp/server-session.ts";
import { monotonicMs } from "../io/clock.ts";

/** The host of every session of this thread. */
export const sessionHost: HandshakeHost = {
  hmac: (key, data) => createHmac("sha256", key).update(data).digest(),
  random: (bytes) => randomBytes(bytes),
  time: () => monotonicMs(),
};

/** The session that a row's text tells, for one command: it decodes nothing. @param chunkSize of what is sent. */
export function reviveSession(text: string, chunkSize: number): ServerSession {
  const decoder = new ChunkDecoder({ identified: true });
  const session = ServerSession.restore({ identity: JSON.parse(text) }, sessionHost, decoder);
  session.noteChunkSize(chunkSize);
  return session;
}

/** A session that reads for itself, from where the shard's decoder stands. */
export function wholeSession(session: ServerSession, decoder: ChunkDecoder): ServerSession {
  const identity = session.snapshotIdentity();
  return ServerSession.restore({ identity, decoder: decoder.snapshot() }, sessionHost);
}
