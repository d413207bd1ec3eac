/**
 * A connection of the thread to itself, whose cork is held while WebSockets are opened.
 *
 * uWebSockets.js wants the answer to an upgrade to be written under a cork and says so on stderr each time that it is
 * not. Under the cork of the upgraded response itself it goes wrong: when the cork is let go, the library takes the
 * memory for that of the response that it was, finds in it what happens to be there, and at times closes the WebSocket
 * that was just opened (uWebSockets issue 1928). So another response's cork is held, which is never answered.
 */

import type * as uws from "uWebSockets.js";
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

type Library = typeof import("uWebSockets.js").default;

const LOOPBACK = "127.0.0.1";
const OPEN_TIMEOUT_MS = 2000;

/** Holds a cork for others. */
export class UwsCorker {
  #app: uws.App | undefined;
  #client: Socket | undefined;
  #response: uws.HttpResponse | undefined;

  /** Opens the connection. Where that cannot be had, everything works, and stderr has a line for each WebSocket. */
  open(library: Library): Promise<void> {
    // Nobody else takes the place: the port is open for a moment.
    const path = `/${randomBytes(16).toString("hex")}`;
    const app = library.App();
    this.#app = app;
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, OPEN_TIMEOUT_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      app.listen(LOOPBACK, 0, (listening) => {
        if (listening === false) {
          done();
          return;
        }
        app.any(path, (response) => {
          this.#hold(response);
          library.us_listen_socket_close(listening);
          done();
        });
        this.#connect(library.us_socket_local_port(listening), path, done);
      });
    });
  }

  /** Runs `work` under a cork that is none of its sockets'. */
  run(work: () => void): void {
    if (this.#response === undefined) {
      work();
    } else {
      this.#response.cork(work);
    }
  }

  /** Closes the connection. */
  close(): void {
    this.#response = undefined;
    this.#client?.destroy();
    this.#app?.close();
    this.#app = undefined;
  }

  #hold(response: uws.HttpResponse): void {
    this.#response = response;
    response.onAborted(() => {
      this.#response = undefined;
    });
  }

  #connect(port: number, path: string, failed: () => void): void {
    const client = connect(port, LOOPBACK);
    this.#client = client;
    client.on("error", failed);
    client.unref();
    client.write(`GET ${path} HTTP/1.1\r\nHost: ${LOOPBACK}\r\n\r\n`);
  }
}
