/**
 * A server session as plain data, for handing it to another thread or keeping it in a player's row.
 */
import type { ChunkDecoderSnapshot } from "./chunk-decoder.ts";
import type { ServerHandshakeSnapshot } from "./handshake.ts";
import type { SessionState } from "./server-session-state.ts";

/**
 * Everything of a session but its decoder and handshake.
 * Shape: JSON-able once connected; some 500–1000 bytes as text, most of it URLs.
 */
export interface SessionIdentity {
  /** Changes with the shape of `state`. */
  readonly version: 1;
  readonly state: Readonly<SessionState>;
}

/** A whole session; structured-cloneable. **Owned** by the caller. */
export interface ServerSessionSnapshot {
  readonly identity: SessionIdentity;
  /** Absent when the caller keeps the decoder's state itself. */
  readonly decoder?: ChunkDecoderSnapshot;
  /** Present until the handshake is done. */
  readonly handshake?: ServerHandshakeSnapshot;
}

/**
 * The identity of a state.
 * Memory: shares the state's immutable parts; further dialogue does not change it. The arguments of connect are left
 * out: they may hold anything.
 */
export function encodeIdentity(state: SessionState): SessionIdentity {
  const connection = state.connection;
  if (connection.kind !== "connected" && connection.kind !== "connecting") {
    return { version: 1, state: { ...state } };
  }
  const request = { ...connection.request, args: [] };
  return { version: 1, state: { ...state, connection: { ...connection, request } } };
}

/** The state of an identity, to go on with. */
export function decodeIdentity(identity: SessionIdentity): SessionState {
  return { ...identity.state };
}
