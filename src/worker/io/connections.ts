/** How the connections of a shard are carried: by descriptors of its own, or relayed by the primary. */
import type { Board } from "../../protocol/control/board.ts";
import type { FromShard, RelayToShard, ShardStart } from "../../protocol/control/calls.ts";
import { TlsBoard } from "../../protocol/control/tls-board.ts";
import { PublisherSocket } from "./publisher-socket.ts";
import { RelayTransport } from "./relay-transport.ts";
import type { RowSocket, RowSocketSink } from "./row-socket.ts";
import type { RowTransport } from "./row-transport.ts";
import { SocketTransport } from "./socket-transport.ts";

/** A shard's connections. */
export interface Connections {
  /** Of its players. */
  readonly players: RowTransport;
  /** A publisher's: sink calls come later. */
  openSocket(row: number, sink: RowSocketSink): RowSocket;
  /** Takes what is relayed. */
  take(message: RelayToShard): void;
}

/** Chosen once, as the primary says at the start. */
export function openConnections(
  start: ShardStart,
  board: Board,
  post: (message: FromShard) => void,
): Connections {
  if (start.isRelayed) {
    const relay = new RelayTransport(post);
    return {
      players: relay,
      openSocket: (row, sink) => relay.openSocket(row, sink),
      take: (message) => relay.take(message),
    };
  }
  return {
    players: new SocketTransport(board, new TlsBoard(start.tlsBoard)),
    openSocket: (row, sink) => new PublisherSocket(board.descriptor[row] ?? -1, sink),
    take: () => undefined,
  };
}
