/**
 * Giving a descriptor to a shard. The number is duplicated, the primary's handle destroyed, and one message carries the
 * rest; the board row says who owns the number at every instant.
 */
import type { Socket } from "node:net";
import { RowRole, RowState } from "../../protocol/control/board.ts";
import type { RingLease, TimelineEnd } from "../../protocol/control/calls.ts";
import { InvariantError } from "../../protocol/errors.ts";
import type { ServerSession } from "../../protocol/rtmp/server-session.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { duplicate, inodeOf } from "./native.ts";

/** What is handed over. */
export interface HandOff {
  readonly socket: Socket;
  /** A player's has accepted its play already, without a word: the shard greets it. */
  readonly session: ServerSession;
  /** Bytes read and not consumed by the session. */
  readonly rest: Uint8Array;
  readonly streamId: number;
  readonly messageStream: number;
  readonly connectionId: string;
  /** Of a publisher: the ring to write and the time line to go on from; null for a player. */
  readonly publish: { readonly lease: RingLease; readonly previous: TimelineEnd | null } | null;
}

const NOTHING = new Uint8Array(0);

function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  const descriptor = handle?.fd ?? -1;
  if (descriptor < 0) {
    throw new InvariantError("hand-off of a socket without descriptor");
  }
  return descriptor;
}

/**
 * Hands a paused socket over to a shard; nothing of it is left in this thread.
 *
 * The socket must have no unsent bytes. Runs to its end without yielding, so no read can slip in between.
 * @returns the row, or -1 when the shard has none left: the socket is then untouched.
 */
export function handOff(shard: ShardLink, what: HandOff): number {
  const row = shard.allocateRow();
  if (row < 0) {
    return row;
  }
  const { socket } = what;
  const late: Buffer | null = socket.read();
  const descriptor = duplicate(descriptorOf(socket));
  const { board } = shard;
  board.clear(row);
  board.role[row] = what.publish === null ? RowRole.Player : RowRole.Publisher;
  board.stream[row] = what.streamId;
  board.descriptor[row] = descriptor;
  board.inode[row] = inodeOf(descriptor);
  board.bytesIn[row] = socket.bytesRead;
  board.bytesOut[row] = socket.bytesWritten;
  socket.removeAllListeners();
  socket.on("error", () => undefined);
  socket.destroy();
  // Exactly the bytes: a posted view takes its whole buffer along.
  const rest = new Uint8Array(what.rest.length + (late?.length ?? 0));
  rest.set(what.rest);
  rest.set(late ?? NOTHING, what.rest.length);
  const { session, streamId, messageStream, connectionId, publish } = what;
  if (publish === null) {
    const identity = JSON.stringify(session.snapshotIdentity());
    const isKept = session.decoder.save(board.readState(row)) >= 0;
    const decoder = isKept ? null : session.decoder.snapshot();
    Atomics.store(board.state, row, RowState.Given);
    shard.post({ kind: "give-player", row, streamId, messageStream, rest, identity, decoder });
  } else {
    Atomics.store(board.state, row, RowState.Given);
    const give = { row, streamId, messageStream, rest, connectionId, ...publish };
    shard.post({ kind: "give-publisher", ...give, session: session.snapshot() });
  }
  return row;
}
