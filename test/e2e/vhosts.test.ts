/** Which vhost serves a client, by whatever way it names one, and what each vhost's own settings do on the wire. */
import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { after, before, test } from "node:test";
import { RowState } from "../../src/protocol/control/board.ts";
import { ChunkDecoder } from "../../src/protocol/rtmp/chunk-decoder.ts";
import type { Message } from "../../src/protocol/rtmp/message.ts";
import { MessageType } from "../../src/protocol/rtmp/message.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { command, concat, handshakeBytes } from "../protocol/rtmp/session-harness.ts";
import { hasNoDelay } from "../support/descriptor-options.ts";
import { waitUntil } from "../support/scratch.ts";

const HANDSHAKE_REPLY_BYTES = 3073;
const VHOSTS = `
  vhost own.example { chunk_size 1000; in_ack_size 2000; out_ack_size 700000; tcp_nodelay off; }
  vhost brisk.example { tcp_nodelay on; min_latency on; }
  vhost off.example { enabled off; }`;

let running: InProcess;
before(async () => {
  running = await startInProcess({ workers: 1, directives: VHOSTS });
});
after(() => running.close());

/** A player that keeps every message it is sent. */
class Recorder {
  readonly messages: { readonly type: number; readonly payload: Uint8Array }[] = [];
  isEnded = false;
  readonly #socket;
  readonly #decoder = new ChunkDecoder({ identified: true });
  #skip = HANDSHAKE_REPLY_BYTES;

  constructor(port: number, first: Uint8Array) {
    this.#socket = connectSocket({ host: "127.0.0.1", port }).unref();
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("close", () => {
      this.isEnded = true;
    });
    this.#socket.on("error", () => undefined);
    this.#socket.write(first);
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The chunk size that the server has announced last. */
  get chunkSize(): number {
    return this.#decoder.snapshot().chunkSize;
  }

  /** First number of each message of a type. */
  numbers(type: number): number[] {
    return this.messages
      .filter((message) => message.type === type)
      .map(({ payload }) => new DataView(payload.buffer).getUint32(0));
  }

  #read(bytes: Buffer): void {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    if (skipped < bytes.length) {
      this.#decoder.push(new Uint8Array(bytes.subarray(skipped)), {
        message: ({ type, payload }: Message): boolean => {
          this.messages.push({ type, payload: payload.slice() });
          return true;
        },
      });
    }
  }
}

function dialogue(
  tcUrl: string,
  app: string,
  action: "publish" | "play",
  name: string,
): Uint8Array {
  return concat(
    handshakeBytes(),
    command(
      0,
      "connect",
      1,
      new Map([
        ["app", app],
        ["tcUrl", tcUrl],
      ]),
    ),
    command(0, "createStream", 2, null),
    command(1, action, 3, null, name),
  );
}

let names = 0;
for (const [title, tcUrl, stream, vhost] of [
  ["its host", "rtmp://own.example/live", "", "own.example"],
  ["its host in capitals, with port", "rtmp://OWN.example:1935/live", "", "own.example"],
  ["?vhost= after the app", "rtmp://h/live?vhost=own.example", "", "own.example"],
  ["?vhost= after the stream", "rtmp://h/live", "?vhost=own.example", "own.example"],
  ["?domain=", "rtmp://h/live?domain=own.example", "", "own.example"],
  ["...vhost...", "rtmp://h/live...vhost...own.example", "", "own.example"],
  ["...vhost... with a token", "rtmp://h/live...vhost...own.example&t=1", "", "own.example"],
  ["an unknown host", "rtmp://unknown.example/live", "", "__defaultVhost__"],
  ["an address", "rtmp://127.0.0.1/live", "", "__defaultVhost__"],
  ["?vhost=__defaultVhost__", "rtmp://h/live?vhost=__defaultVhost__", "", "__defaultVhost__"],
  ["a disabled vhost", "rtmp://off.example/live", "", undefined],
  ["a disabled vhost by query", "rtmp://h/live?vhost=off.example", "", undefined],
] as const) {
  test(`vhost by ${title}`, { timeout: 10_000 }, async () => {
    names += 1;
    const name = `name${names}`;
    const [, app = ""] = /^rtmp:\/\/[^/]+\/(.*)$/.exec(tcUrl) ?? [];
    const first = dialogue(tcUrl, app, "publish", `${name}${stream}`);
    const client = new Recorder(running.port, first);
    if (vhost === undefined) {
      await waitUntil("it is refused", () => client.isEnded, 5000);
      assert.match(running.log(), /refused: No vhost off\.example/);
      return;
    }
    const key = `${vhost}/live/${name}`;
    const { coordinator } = running.server;
    await waitUntil(`${key} is published`, () => coordinator.find(key) !== undefined, 5000);
    client.close();
  });
}

test("chunk_size, in_ack_size and out_ack_size of the vhost", { timeout: 10_000 }, async () => {
  const tcUrl = "rtmp://own.example/live";
  const client = new Recorder(running.port, dialogue(tcUrl, "live", "play", "sizes"));
  await waitUntil("greeted", () => client.messages.some(({ type }) => type === 20), 5000);
  assert.deepEqual(client.numbers(MessageType.WindowAckSize), [700_000]);
  assert.equal(client.chunkSize, 1000);
  // More than in_ack_size arrives: it is acknowledged, though the client never named a window.
  client.write(command(1, "unknownCommand", 0, null, "x".repeat(2500)));
  const acknowledged = (): boolean => client.numbers(MessageType.Acknowledgement).length > 0;
  await waitUntil("it is acknowledged", acknowledged, 5000);
  client.close();

  const other = new Recorder(running.port, dialogue("rtmp://h/live", "live", "play", "sizes"));
  await waitUntil("greeted", () => other.messages.some(({ type }) => type === 20), 5000);
  assert.deepEqual(other.numbers(MessageType.WindowAckSize), [2_500_000]);
  assert.equal(other.chunkSize, 60_000);
  other.close();
});

for (const [host, expected] of [
  ["own.example", false],
  ["brisk.example", true],
  ["h", true],
] as const) {
  test(`tcp_nodelay of ${host}`, { timeout: 10_000 }, async () => {
    const { server, port } = running;
    const client = new Recorder(port, dialogue(`rtmp://${host}/live`, "live", "play", "delay"));
    await waitUntil("greeted", () => client.messages.some(({ type }) => type === 20), 5000);
    const [entry] = [...server.coordinator.streams].filter(({ key }) => key.endsWith("/delay"));
    const link = server.supervisor.links[0] ?? assert.fail("shard");
    const row = link.board.stream.indexOf(entry?.id ?? -1);
    assert.ok(row > 0);
    // The row is written before its shard has it.
    const isHeld = (): boolean => Atomics.load(link.board.state, row) === RowState.Held;
    const descriptor = link.board.descriptor[row] ?? -1;
    await waitUntil("it is set", () => isHeld() && hasNoDelay(descriptor) === expected, 2000);
    client.close();
    await waitUntil("it left", () => server.coordinator.find(entry?.key ?? "") === undefined, 5000);
  });
}
