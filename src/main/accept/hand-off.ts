/**
 * Giving a descriptor to a shard. The number is duplicated, the primary's handle destroyed, and one message carries the
 * rest; the board row says who owns the number at every instant.
 */
import type { Socket } from "node:net";
import { RowRole, RowState } from "../../protocol/control/board.ts";
import type { RingLease, TimelineEnd } from "../../protocol/control/calls.ts";
import { InvariantError } from "../../protocol/errors.ts";
import type { ServerSessionSnapshot } from "../../protocol/rtmp/server-session.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { duplicate, inodeOf } from "./native.ts";

/** What is handed over. */
export interface HandOff {
  readonly socket: Socket;
  readonly session: ServerSessionSnapshot;
  /** Bytes read and not consumed by the session. */
  readonly rest: Uint8Array;
  readonly role: "player" | "publisher";
  readonly streamId: number;
  readonly messageStream: number;
  readonly connectionId: string;
  readonly lease: RingLease | null;
  readonly previous: TimelineEnd | null;
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
  board.role[row] = what.role === "player" ? RowRole.Player : RowRole.Publisher;
  board.stream[row] = what.streamId;
  board.descriptor[row] = descriptor;
  board.inode[row] = inodeOf(descriptor);
  board.bytesIn[row] = socket.bytesRead;
  board.bytesOut[row] = socket.bytesWritten;
  Atomics.store(board.state, row, RowState.Given);
  socket.removeAllListeners();
  socket.on("error", () => undefined);
  socket.destroy();
  const { role, streamId, messageStream, connectionId, session, lease, previous } = what;
  // Exactly the bytes: a posted view takes its whole buffer along.
  const rest = new Uint8Array(what.rest.length + (late?.length ?? 0));
  rest.set(what.rest);
  rest.set(late ?? NOTHING, what.rest.length);
  shard.post({
    kind: "give",
    row,
    role,
    streamId,
    messageStream,
    connectionId,
    session,
    rest,
    lease,
    previous,
  });
  return row;
}
