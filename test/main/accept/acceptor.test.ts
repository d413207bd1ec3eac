import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { Acceptor } from "../../../src/main/accept/acceptor.ts";
import { closeDescriptor } from "../../../src/main/accept/native.ts";
import { Poller } from "../../../src/main/accept/poller.ts";
import { findFreePort, waitUntil } from "../../support/scratch.ts";

/** More than the kernel's queue is long where nobody asks for a longer one (511 by Node's default). */
const NEWCOMERS = 700;

test("a storm of newcomers waits in the kernel's queue while nobody accepts", {
  timeout: 30_000,
}, async () => {
  const queueMax = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
  assert.ok(queueMax > NEWCOMERS, `net.core.somaxconn is ${queueMax}: raise it for this test`);
  const port = await findFreePort();
  const poller = new Poller();
  let accepted = 0;
  const acceptor = new Acceptor(
    poller,
    ({ descriptor }) => {
      accepted += 1;
      closeDescriptor(descriptor);
    },
    (error) => assert.fail(error),
  );
  const clients: Socket[] = [];
  try {
    acceptor.listen({ host: "127.0.0.1", port });
    acceptor.suspend();
    let connected = 0;
    for (let index = 0; index < NEWCOMERS; index += 1) {
      const client = connect({ host: "127.0.0.1", port }, () => {
        connected += 1;
      });
      client.on("error", () => undefined);
      clients.push(client);
    }
    await waitUntil("all are connected", () => connected === NEWCOMERS, 10_000);
    acceptor.resume();
    await waitUntil("all are accepted", () => accepted === NEWCOMERS, 10_000);
  } finally {
    acceptor.close();
    poller.close();
    for (const client of clients) {
      client.destroy();
    }
  }
});
