/** L12: a gateway has so many connections and closes one more as it comes, in the clear and over TLS. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { HttpBackend } from "../../../src/worker/io/http-backend.ts";
import { HttpBackendNode } from "../../../src/worker/io/http-backend-node.ts";
import { HttpBackendUws, loadUws } from "../../../src/worker/io/http-backend-uws.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { waitUntil } from "../../support/scratch.ts";

const MAX = 8;
const CROWD = 200;
const WAIT_MS = 20_000;
const files = makeCertificate();

async function open(name: string): Promise<HttpBackend> {
  const library = name === "uws" ? await loadUws() : null;
  return library === null
    ? new HttpBackendNode((_, reply) => reply.send(200, [], "served"), MAX)
    : new HttpBackendUws(library, (_, reply) => reply.send(200, [], "served"), MAX);
}

/** A connection that may be closed on it. */
class Client {
  text = "";
  isOver = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => {
      this.text += String(bytes);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isOver = true;
    });
  }

  ask(): void {
    this.#socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  }

  close(): void {
    this.#socket.destroy();
  }
}

for (const name of ["uws", "node"]) {
  test(`${name}: the first ${MAX} of a crowd are served, and others when those have gone`, {
    timeout: 60_000,
  }, async () => {
    const backend = await open(name);
    const at = { host: "127.0.0.1", port: 0, descriptor: null };
    const plain = await backend.listen({ ...at, tls: null });
    const secure = await backend.listen({ ...at, tls: files });
    const dial = (index: number): Client => {
      const options = { host: "127.0.0.1", port: secure, rejectUnauthorized: false };
      return new Client(index % 2 === 0 ? connect(plain, "127.0.0.1") : connectTls(options));
    };
    const rounds = 3;
    for (let round = 0; round < rounds; round += 1) {
      const crowd = Array.from({ length: CROWD }, (_, index) => dial(index));
      const left = (): Client[] => crowd.filter(({ isOver }) => !isOver);
      await waitUntil("the others are closed", () => left().length <= MAX, WAIT_MS);
      for (const client of left()) {
        client.ask();
      }
      const served = (): number => left().filter(({ text }) => text.endsWith("served")).length;
      await waitUntil("those who stay are served", () => served() === MAX, WAIT_MS);
      for (const client of crowd) {
        client.close();
      }
      // Their ends may be seen after the next one's begin.
      const isServed = async (): Promise<boolean> => {
        const late = dial(0);
        late.ask();
        await waitUntil("an answer or an end", () => late.isOver || late.text !== "", WAIT_MS);
        late.close();
        return late.text.endsWith("served");
      };
      await waitUntil("newcomers are served again", isServed, WAIT_MS);
    }
    backend.close();
    assert.ok(rounds > 0);
  });
}
