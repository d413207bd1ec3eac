/** TCP connections whose server end is a bare descriptor, as a shard gets it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { duplicate } from "../../../src/main/accept/native.ts";

export interface TcpPair {
  /** **Owned** by who asked for it. */
  readonly descriptor: number;
  /** The peer; paused until it is told to read. */
  readonly peer: Socket;
}

/** Opens one. */
export async function openTcpPair(): Promise<TcpPair> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const peer = connect((server.address() as AddressInfo).port, "127.0.0.1");
  peer.pause();
  peer.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [Socket];
  const { _handle: handle } = accepted as unknown as { _handle: { fd: number } };
  const descriptor = duplicate(handle.fd);
  accepted.destroy();
  server.close();
  return { descriptor, peer };
}
