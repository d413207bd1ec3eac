import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { Acceptor } from "../../../src/main/accept/acceptor.ts";
import { closeDescriptor, localAddress } from "../../../src/main/accept/native.ts";
import { Poller } from "../../../src/main/accept/poller.ts";
import { startProcess } from "../../support/process.ts";
import { findFreePort, waitUntil } from "../../support/scratch.ts";

const NO_LINES = {
  error: (_cid: string, text: string): void => assert.fail(text),
  warn: (_cid: string, text: string): void => assert.fail(text),
};

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
    NO_LINES,
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

test("while no descriptor is to be had the log has a line when it begins and one when it ends", {
  timeout: 30_000,
}, async () => {
  const port = await findFreePort();
  const poller = new Poller();
  const lines: string[] = [];
  let accepted = 0;
  const take = ({ descriptor }: { readonly descriptor: number }): void => {
    accepted += 1;
    closeDescriptor(descriptor);
  };
  const acceptor = new Acceptor(poller, take, {
    error: (_cid, text) => void lines.push(text),
    warn: (_cid, text) => void lines.push(text),
  });
  const [, soft = "", hard = ""] =
    /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  // Another process does it: this one has no descriptor left for a pipe then.
  const limit = (files: string): string => `prlimit --pid ${process.pid} --nofile=${files}:${hard}`;
  const come = `exec 3<>/dev/tcp/127.0.0.1/${port}`;
  const steps = [limit("8"), come, "sleep 0.7", limit(soft), "read -r -u 3"];
  acceptor.listen({ host: "127.0.0.1", port });
  const newcomer = startProcess("bash", ["-c", steps.join("; ")]);
  try {
    await waitUntil("it is accepted", () => accepted === 1, 15_000);
    await waitUntil("its end is told", () => /over/.test(lines.join()), 10_000);
    assert.match(lines.join("\n"), /^accept: errno 24[^\n]*\naccept: [^\n]*over[^\n]*$/);
  } finally {
    acceptor.close();
    poller.close();
    await newcomer.stop();
  }
});

test("a peer is known by its address in plain form, whatever family the socket has", {
  timeout: 30_000,
}, async (context) => {
  const { lo: loopback } = networkInterfaces();
  const hasIpv6 = loopback?.some(({ family }) => family === "IPv6") ?? false;
  context.diagnostic(`IPv6 on the loopback interface: ${hasIpv6}`);
  const port = await findFreePort();
  const poller = new Poller();
  const seen: string[] = [];
  const acceptor = new Acceptor(
    poller,
    ({ descriptor, ip }) => {
      seen.push(`${ip} to ${localAddress(descriptor)}`);
      closeDescriptor(descriptor);
    },
    NO_LINES,
  );
  const hosts = hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  try {
    acceptor.listen({ host: "", port });
    for (const [index, host] of hosts.entries()) {
      const client = connect({ host, port });
      await waitUntil(`${host} is accepted`, () => seen.length > index, 5000);
      client.destroy();
    }
  } finally {
    acceptor.close();
    poller.close();
  }
  assert.deepEqual(
    seen,
    hosts.map((host) => `${host} to ${host}`),
  );
});
