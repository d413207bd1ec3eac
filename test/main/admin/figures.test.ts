/** Figures of the host out of /proc, rates, and who is let in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Credentials } from "../../../src/main/admin/credentials.ts";
import { HostFigures } from "../../../src/main/admin/host-figures.ts";
import {
  readCpuTicks,
  readDisks,
  readInterfaces,
  readMemory,
  readSelfStat,
  readSockets,
} from "../../../src/main/admin/proc-files.ts";
import { Rate } from "../../../src/main/admin/rate.ts";
import {
  MEMINFOS,
  RUSAGES,
  SELF_PROC_STATS,
  SYSTEM_PROC_STATS,
} from "../../../src/main/admin/shapes.ts";
import type { ApiAuthConfig } from "../../../src/protocol/conf/config-types.ts";
import { faultsOf } from "../../support/api.ts";

const FILES: Readonly<Record<string, string>> = {
  "/proc/self/stat": `42 (a) b (c)) S 1 ${Array.from({ length: 48 }, (_, index) => index + 5).join(" ")}\n`,
  "/proc/stat": "cpu  10 20 30 40 50 60 70 80 90 0\ncpu0 1 1 1 1 1 1 1 1 1 0\n",
  "/proc/meminfo":
    "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\nBuffers: 50 kB\nCached: 250 kB\nSwapCached: 9 kB\nSwapTotal: 200 kB\nSwapFree: 150 kB\n",
  "/proc/net/dev":
    "Inter-| Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n",
  "/proc/diskstats":
    "   8 0 sda 1 2 300 4 5 6 700 8 9 1000 11\n   8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n",
  "/proc/net/sockstat":
    "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 7 mem 1\nUDP: inuse 2 mem 0\n",
  "/proc/net/snmp": "Tcp: RtoAlgorithm CurrEstab InSegs\nTcp: 1 4 9\nUdp: a\nUdp: 1\n",
};

const read = (path: string): string => FILES[path] ?? "";

test("/proc is read by name, whatever the process is called", () => {
  const { pid, comm, state, ppid, pgrp } = readSelfStat(read);
  assert.deepEqual([pid, comm, state, ppid, pgrp], [42, "(a) b (c))", "S", 1, 5]);
  const { user, idle, guest } = readCpuTicks(read);
  assert.deepEqual([user, idle, guest], [10, 40, 90]);
  assert.equal(readMemory(read).Cached, 250);
  assert.deepEqual(
    [...readInterfaces(read)],
    [
      ["lo", [5, 5]],
      ["eth0", [100, 200]],
    ],
  );
  assert.deepEqual(readDisks(read, ["sda"]), {
    sectorsRead: 300,
    sectorsWritten: 700,
    busyMs: 1000,
  });
  assert.deepEqual(readSockets(read), { all: 8, established: 4, timeWait: 3, udp: 2 });
});

test("figures have SRS's fields with a /proc, a strange one, or none", () => {
  for (const files of [read, () => "", () => "nonsense\n".repeat(9)]) {
    const figures = new HostFigures(
      () => ["sda"],
      () => true,
      files,
    );
    figures.close();
    assert.deepEqual(faultsOf(figures.selfProcStats(), SELF_PROC_STATS), []);
    assert.deepEqual(faultsOf(figures.systemProcStats(), SYSTEM_PROC_STATS), []);
    assert.deepEqual(faultsOf(figures.meminfos(), MEMINFOS), []);
    assert.deepEqual(faultsOf(figures.rusages(), RUSAGES), []);
  }
  const figures = new HostFigures(
    () => [],
    () => true,
    read,
  );
  figures.close();
  const { MemActive, RealInUse, NotInUse, percent_ram, percent_swap } = figures.meminfos();
  assert.deepEqual([MemActive, RealInUse, NotInUse], [900, 600, 400]);
  assert.deepEqual([percent_ram, percent_swap], [0.6, 0.25]);
});

test("a rate is that of the last 20 to 30 seconds, or of the whole life before", () => {
  const rate = new Rate(1000);
  assert.deepEqual(rate.kbps(1000, 1000, 0), { recv_30s: 8, send_30s: 0 });
  assert.deepEqual(rate.kbps(5000, 4000, 8000), { recv_30s: 8, send_30s: 16 });
  for (let at = 11_000; at <= 101_000; at += 10_000) {
    rate.sample(at, at < 60_000 ? 0 : 60_000, 0);
  }
  // What came at once 41 s ago counts no more.
  assert.deepEqual(rate.kbps(102_000, 60_000, 21_000), { recv_30s: 0, send_30s: 8 });
});

test("E-42 guesses are counted by address and forgotten after a minute", () => {
  let now = 0;
  const credentials = new Credentials(() => now);
  const auth: ApiAuthConfig = {
    enabled: true,
    type: "bearer",
    username: "",
    password: "",
    token: "right",
  };
  const check = (given: string, ip = "a"): string => credentials.check(auth, given, ip);
  assert.equal(check("Bearer right"), "allowed");
  for (let guess = 0; guess < 10; guess += 1) {
    assert.equal(check(""), "refused", "to ask without any is no guess");
    assert.equal(check("Bearer wrong"), "refused");
  }
  assert.equal(check("Bearer right"), "locked");
  assert.equal(check("Bearer right", "b"), "allowed");
  now = 60_000;
  assert.equal(check("Bearer right"), "allowed");
  assert.equal(check("Basic cmlnaHQ6"), "refused");
  assert.equal(credentials.check({ ...auth, token: "" }, "Bearer ", "c"), "refused");
  assert.equal(credentials.check({ ...auth, enabled: false }, "", "c"), "allowed");
});
