/**
 * Giving a descriptor to a shard: the board row says who owns the number at every instant, and one message carries
 * the rest.
 */
import { RowRole, RowState } from "../../protocol/control/board.ts";
import type { RingLease, TimelineEnd } from "../../protocol/control/calls.ts";
import type { ServerSession } from "../../protocol/rtmp/server-session.ts";
import { monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Released } from "./lobby-socket.ts";
import { inodeOf } from "./native.ts";
import { takePlain } from "./plain-sockets.ts";

/** What is handed over. */
export interface HandOff {
  /** A FREE row of the shard. */
  readonly row: number;
  readonly released: Released;
  /** A player's has accepted its play already, without a word: the shard greets it. */
  readonly session: ServerSession;
  /** Bytes read and not consumed by the session. */
  readonly rest: Uint8Array;
  readonly streamId: number;
  readonly messageStream: number;
  readonly connectionId: string;
  /** Of a player: number of the play; else 0. */
  readonly play: number;
  /** Of a publisher: the ring to write and the time line to go on from; null for a player. */
  readonly publish: { readonly lease: RingLease; readonly previous: TimelineEnd | null } | null;
}

const MS_MASK = 0x7f_ff_ff_ff;
const NOTHING = new Uint8Array(0);

/** Hands a released connection over to a live shard. Cannot fail: from here on the shard or its sweep closes it. */
export function handOff(shard: ShardLink, what: HandOff): void {
  const { row, released, session, streamId, messageStream, connectionId, publish } = what;
  const { descriptor } = released;
  const { board } = shard;
  const now = monotonicMs();
  board.clear(row);
  board.role[row] = publish === null ? RowRole.Player : RowRole.Publisher;
  board.stream[row] = streamId;
  board.play[row] = what.play;
  board.descriptor[row] = descriptor;
  board.inode[row] = inodeOf(descriptor);
  board.front[row] = released.front;
  board.bytesIn[row] = released.bytesIn;
  board.bytesOut[row] = released.bytesOut;
  board.since[row] = now;
  // It has just spoken: a newcomer to the same name must not take it for silent.
  board.progress[row] = now & MS_MASK;
  // Exactly the bytes: a posted view takes its whole buffer along.
  const rest = what.rest.length === 0 ? NOTHING : what.rest.slice();
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
  const taken = takePlain(descriptor);
  if (taken !== undefined) {
    shard.relay(row, taken.socket, taken.late);
  }
}
