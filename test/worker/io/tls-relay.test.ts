/** How one RTMPS connection ends, side by side. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import {
  acceptNow,
  closeDescriptor,
  endWrites,
  inodeOf,
  listenShared,
  openPair,
  receiveNow,
  sendNow,
} from "../../../src/main/accept/native.ts";
import { TlsRelay } from "../../../src/worker/io/tls-relay.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { findFreePort, waitUntil } from "../../support/scratch.ts";

const LIMIT = { timeout: 20_000 };
const WAIT_MS = 10_000;
const { key, certificate } = makeCertificate();
const context = createSecureContext({ key: readFileSync(key), cert: readFileSync(certificate) });

let client: TLSSocket;
/** What the client got, how it ended. */
let got: Buffer[];
let ending: string;
/** The lobby's or shard's end. */
let outer: number;
let outerInode: number;
/** The client's TCP connection. */
let raw: Socket;
let descriptors: number[];
let isReset: boolean;
let gone: (string | null)[];

beforeEach(async () => {
  [got, ending, isReset, gone] = [[], "open", false, []];
  const port = await findFreePort();
  const listening = listenShared("127.0.0.1", port);
  raw = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
  let accepted = -1;
  const accept = (): boolean => {
    accepted = acceptNow(listening);
    return accepted >= 0;
  };
  await waitUntil("connected", accept, WAIT_MS);
  closeDescriptor(listening);
  const [inner, other] = openPair(64 * 1024);
  outer = other;
  outerInode = inodeOf(other);
  descriptors = [accepted, inner];
  const inodes = descriptors.map(inodeOf);
  new TlsRelay({
    client: accepted,
    inner,
    context,
    stallMs: 10_000,
    isReset: () => isReset,
    secured: () => undefined,
    gone: (failure) => {
      gone.push(failure);
      const left = descriptors.filter((one, index) => inodeOf(one) === inodes[index]);
      assert.deepEqual(left, [], "both are closed by now");
    },
  });
  client = connect({ socket: raw, rejectUnauthorized: false });
  client.on("data", (bytes: Buffer) => got.push(bytes));
  client.on("end", () => {
    ending = "end";
  });
  client.on("error", (error: NodeJS.ErrnoException) => {
    ending = error.code ?? error.message;
  });
  await new Promise((resolve) => client.on("secureConnect", resolve));
  // The server's side has shaken hands too when this has come through.
  client.write("hello");
  await waitUntil("hello", () => receiveNow(outer) === 5, WAIT_MS);
});

afterEach(() => {
  client.destroy();
  if (inodeOf(outer) === outerInode) {
    closeDescriptor(outer);
  }
});

function send(text: string): void {
  const bytes = new TextEncoder().encode(text);
  assert.equal(sendNow(outer, bytes, bytes.length), bytes.length);
}

const text = (): string => Buffer.concat(got).toString();

test("what was sent before an end in order reaches the client before it", LIMIT, async () => {
  send("all of it");
  closeDescriptor(outer);
  await waitUntil("the end", () => ending !== "open", WAIT_MS);
  assert.equal(ending, "end");
  assert.equal(text(), "all of it");
  client.end();
  await waitUntil("nothing is left", () => gone.length > 0, WAIT_MS);
  assert.deepEqual(gone, [null]);
});

test("bytes that are void end in a reset, not in an end", LIMIT, async () => {
  send("torn");
  // libuv tells bytes and a reset that come at once as bytes and an end.
  await waitUntil("it has the bytes", () => text() === "torn", WAIT_MS);
  isReset = true;
  closeDescriptor(outer);
  await waitUntil("the end", () => ending !== "open", WAIT_MS);
  assert.equal(ending, "ECONNRESET");
  await waitUntil("nothing is left", () => gone.length > 0, WAIT_MS);
});

test("a half-closed client hears what is said to it afterwards", LIMIT, async () => {
  client.end("last words");
  await waitUntil("its last words", () => receiveNow(outer) === 10, WAIT_MS);
  await waitUntil("its end", () => receiveNow(outer) === 0, WAIT_MS);
  send("farewell");
  endWrites(outer);
  await waitUntil("the end", () => ending !== "open", WAIT_MS);
  assert.equal(text(), "farewell");
  closeDescriptor(outer);
  await waitUntil("nothing is left", () => gone.length > 0, WAIT_MS);
});

test("a client that is reset ends the other side", LIMIT, async () => {
  raw.resetAndDestroy();
  await waitUntil("nothing is left", () => gone.length > 0, WAIT_MS);
  assert.ok(receiveNow(outer) === 0);
});

test("a client that never closes is closed after its farewell", LIMIT, async () => {
  closeDescriptor(outer);
  await waitUntil("the end", () => ending !== "open", WAIT_MS);
  await waitUntil("nothing is left", () => gone.length > 0, WAIT_MS);
});

test("each side is read only while the other takes", LIMIT, async () => {
  client.pause();
  const part = new Uint8Array(64 * 1024).fill(1);
  let sent = 0;
  // Until nothing has moved for a while: all buffers on the way are full.
  let still = 0;
  await waitUntil(
    "it is full",
    () => {
      const taken = sendNow(outer, part, part.length);
      sent += Math.max(0, taken);
      still = taken > 0 ? 0 : still + 1;
      return still > 25;
    },
    WAIT_MS,
  );
  const before = process.memoryUsage().arrayBuffers;
  assert.ok(before < 64 * 1024 * 1024, `${before}`);
  client.resume();
  await waitUntil("all arrives", () => Buffer.concat(got).length === sent, WAIT_MS);
  closeDescriptor(outer);
  await waitUntil("the end", () => ending === "end", WAIT_MS);
});
