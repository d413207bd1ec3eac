/** TCP connections whose server end is a bare descriptor, as a shard gets it. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { acceptNow, closeDescriptor, listenShared } from "../../../src/main/accept/native.ts";
import { findFreePort, waitUntil } from "../../support/scratch.ts";

export interface TcpPair {
  /** **Owned** by who asked for it. */
  readonly descriptor: number;
  /** The peer; paused until it is told to read. */
  readonly peer: Socket;
}

/** Opens one. */
export async function openTcpPair(): Promise<TcpPair> {
  const port = await findFreePort();
  const listening = listenShared("127.0.0.1", port);
  const peer = connect(port, "127.0.0.1");
  peer.pause();
  peer.on("error", () => undefined);
  let descriptor = -1;
  await waitUntil(
    "the connection is accepted",
    () => {
      descriptor = acceptNow(listening);
      return descriptor >= 0;
    },
    5000,
  );
  closeDescriptor(listening);
  if (peer.connecting) {
    await once(peer, "connect");
  }
  return { descriptor, peer };
}
