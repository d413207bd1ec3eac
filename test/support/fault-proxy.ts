/** A TCP proxy in front of an origin that fails in one of the ways in which origins and networks do. */
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { ServerSession, type ServerSessionSink } from "../../src/protocol/rtmp/server-session.ts";
import { testHost } from "../protocol/rtmp/handshake-host.ts";
import { openSynHole, type SynHole } from "./syn-hole.ts";

/**
 * `pass`: works. `refused`: nobody listens. `hole`: connections stand, nothing passes any more. `syn hang`: connections
 * are never made. `silent`: accepts and says nothing, what stood is cut. `garbage`: answers with something else.
 * `slow`: `bytesPerSecond` towards the client and from it. `answer`: `answer` says what new connections get.
 */
export type Fault =
  | "pass"
  | "refused"
  | "hole"
  | "syn hang"
  | "silent"
  | "garbage"
  | "slow"
  | "answer";

const GARBAGE = "<html><body>Welcome to a captive portal.</body></html>\r\n".repeat(100);
const SLICE_MS = 20;
const REJECTED = "NetConnection.Connect.Rejected";

/** One proxy on a loopback port of its own. */
export class FaultProxy {
  /** Connections accepted so far. */
  connections = 0;
  /** When each was, in milliseconds of this process's clock. */
  readonly times: number[] = [];
  /** Bytes that went to clients. */
  bytesToClients = 0;
  /** In fault `slow`. */
  bytesPerSecond = 0;
  /** In fault `answer`: takes the connection. */
  answer: (socket: Socket) => void = (socket) => socket.destroy();
  port = 0;
  fault: Fault = "pass";
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #hole: SynHole | undefined;

  constructor(target: number) {
    this.#target = target;
  }

  /** Begins to listen, at a free port if none is named. */
  async open(port = 0): Promise<this> {
    this.port = port;
    await this.#listen();
    return this;
  }

  /** From now on it fails like this; connections that stand are cut unless the fault keeps them. */
  async set(fault: Fault): Promise<void> {
    this.fault = fault;
    this.#hole?.close();
    this.#hole = undefined;
    if (fault !== "hole" && fault !== "slow") {
      this.reset();
    }
    const isListening = fault !== "refused" && fault !== "syn hang";
    if (!isListening) {
      await this.#unlisten();
    }
    if (fault === "syn hang") {
      this.#hole = await openSynHole(this.port);
    } else if (isListening && this.#server === undefined) {
      await this.#listen();
    }
  }

  /** In fault `answer`: sends RTMP clients to another loopback port. */
  redirectTo(port: number): void {
    this.answer = (socket) => {
      const url = `rtmp://127.0.0.1:${port}/live`;
      const session = new ServerSession(testHost(), {});
      const unused = (): void => undefined;
      const sink: ServerSessionSink = {
        write: (bytes) => void socket.write(Uint8Array.from(bytes)),
        connect: () => {
          const redirect = { tcUrl: url, url: `${url}/elsewhere` };
          session.rejectConnect(REJECTED, "RTMP 302 Redirect", sink, redirect);
        },
        publish: unused,
        play: unused,
        media: unused,
        closeStream: unused,
        pause: unused,
        receive: unused,
      };
      socket.on("data", (bytes) => session.push(new Uint8Array(bytes), sink));
    };
  }

  /** Cuts every connection with a reset. */
  reset(): void {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.#hole?.close();
    this.reset();
    await this.#unlisten();
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
    this.port = (server.address() as AddressInfo).port;
  }

  async #unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }

  #accept(client: Socket): void {
    this.connections += 1;
    this.times.push(performance.now());
    this.#keep(client);
    if (this.fault === "silent" || this.fault === "hole") {
      client.resume();
    } else if (this.fault === "garbage") {
      client.resume();
      client.end(GARBAGE);
    } else if (this.fault === "answer") {
      this.answer(client);
    } else {
      const origin = connect(this.#target, "127.0.0.1");
      this.#keep(origin);
      this.#pipe(client, origin, false);
      this.#pipe(origin, client, true);
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #pipe(from: Socket, to: Socket, isToClient: boolean): void {
    from.on("data", (bytes: Buffer) => {
      if (this.fault === "hole") {
        from.pause();
        return;
      }
      this.bytesToClients += isToClient ? bytes.length : 0;
      to.write(bytes);
      if (this.fault === "slow") {
        from.pause();
        setTimeout(
          () => from.resume(),
          Math.max(SLICE_MS, (bytes.length * 1000) / this.bytesPerSecond),
        );
      }
    });
    from.on("close", () => (this.fault === "hole" ? undefined : to.destroy()));
  }
}
