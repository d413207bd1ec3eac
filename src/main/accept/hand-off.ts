/**
 * Giving a descriptor to a shard: the board row says who owns the number at every instant, and one message carries
 * the rest.
 */
import { RowRole, RowState } from "../../protocol/control/board.ts";
import type { RingLease, TimelineEnd } from "../../protocol/control/calls.ts";
import type { ServerSession, ServerSessionSink } from "../../protocol/rtmp/server-session.ts";
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { HookSession } from "../hooks/hook-session.ts";
import { monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { LobbySocket, Released } from "./lobby-socket.ts";
import { inodeOf } from "./native.ts";
import { takePlain } from "./plain-sockets.ts";

/** An admitted newcomer. */
export interface Arrival {
  readonly id: string;
  readonly ip: string;
  /** Paused, with nothing unsent. */
  readonly socket: LobbySocket;
  /** A player's has accepted its play, without a word, when it is handed over: the shard greets it. */
  readonly session: ServerSession;
  readonly sink: ServerSessionSink;
  /** Bytes read and not consumed by the session. */
  readonly rest: Uint8Array;
  readonly messageStream: number;
  /** Of a play, as in {@link PlayOptions}; else 0. */
  readonly durationMs: number;
  readonly request: StreamRequest;
  /** Servers that the request has passed, as `connect` told. */
  readonly path: string;
  /** Callbacks about it; undefined where there are none. */
  readonly hooks: HookSession | undefined;
}

/** Where it is handed over to. */
export interface HandOffPlace {
  /** A FREE row of the shard. */
  readonly row: number;
  /** What the arrival's socket left. */
  readonly released: Released;
  readonly streamId: number;
  /** Of a player: number of the play; else 0. */
  readonly play: number;
  /** Of a publisher: the ring to write and the time line to go on from; null for a player. */
  readonly publish: { readonly lease: RingLease; readonly previous: TimelineEnd | null } | null;
}

const MS_MASK = 0x7f_ff_ff_ff;
const NOTHING = new Uint8Array(0);

/** Hands a released connection over to a live shard. Cannot fail: from here on the shard or its sweep closes it. */
export function handOff(shard: ShardLink, arrival: Arrival, place: HandOffPlace): void {
  const { session, messageStream, id: connectionId } = arrival;
  const { row, released, streamId, publish } = place;
  const { descriptor } = released;
  const { board } = shard;
  const now = monotonicMs();
  board.clear(row);
  board.role[row] = publish === null ? RowRole.Player : RowRole.Publisher;
  board.stream[row] = streamId;
  board.play[row] = place.play;
  board.leftMs[row] = arrival.durationMs;
  board.descriptor[row] = descriptor;
  board.inode[row] = inodeOf(descriptor);
  board.front[row] = released.front;
  board.bytesIn[row] = released.bytesIn;
  board.bytesOut[row] = released.bytesOut;
  board.since[row] = now;
  // It has just spoken: a newcomer to the same name must not take it for silent.
  board.progress[row] = now & MS_MASK;
  // Exactly the bytes: a posted view takes its whole buffer along.
  const rest = arrival.rest.length === 0 ? NOTHING : arrival.rest.slice();
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
