import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkOpenFiles,
  coresOfHost,
  httpConnectionsMax,
  isInDocker,
  memoryInUse,
  memoryOfHost,
  openFilesMax,
  type ReadText,
} from "../../src/main/limits-of-host.ts";
import { ConfigError } from "../../src/protocol/errors.ts";

function files(texts: Readonly<Record<string, string>>): ReadText {
  return (path) => texts[path];
}

test("cores: the scheduler's, capped by cpu.max of the group and those around it", () => {
  assert.equal(coresOfHost(8, files({})), 8);
  const group = { "/proc/self/cgroup": "0::/a/b\n" };
  assert.equal(
    coresOfHost(8, files({ ...group, "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n" })),
    8,
  );
  assert.equal(
    coresOfHost(8, files({ ...group, "/sys/fs/cgroup/a/b/cpu.max": "250000 100000\n" })),
    2,
  );
  assert.equal(
    coresOfHost(8, files({ ...group, "/sys/fs/cgroup/a/cpu.max": "300000 100000\n" })),
    3,
  );
  assert.equal(
    coresOfHost(8, files({ ...group, "/sys/fs/cgroup/a/cpu.max": "50000 100000\n" })),
    1,
  );
  const container = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "400000 100000\n" };
  assert.equal(coresOfHost(8, files(container)), 4);
});

test("cores: the quota of cgroup v1", () => {
  const quota = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us";
  const period = "/sys/fs/cgroup/cpu/cpu.cfs_period_us";
  assert.equal(coresOfHost(8, files({ [quota]: "200000\n", [period]: "100000\n" })), 2);
  assert.equal(coresOfHost(8, files({ [quota]: "-1\n", [period]: "100000\n" })), 8);
});

test("cores of this host are at least one", () => {
  assert.ok(coresOfHost() >= 1);
});

test("memory: the host's, capped by the control group where that has a limit", () => {
  const gigabyte = 2 ** 30;
  assert.equal(memoryOfHost(8 * gigabyte, gigabyte), gigabyte);
  for (const none of [undefined, 0, 2 ** 64, 9 * gigabyte]) {
    assert.equal(memoryOfHost(8 * gigabyte, none), 8 * gigabyte);
  }
  assert.ok(memoryOfHost() > 2 ** 26);
});

test("E-61 memory in use: what is resident but files", () => {
  const status =
    "VmRSS:\t  900 kB\nRssAnon:\t     500 kB\nRssFile:\t  300 kB\nRssShmem:\t 100 kB\n";
  assert.equal(memoryInUse(files({ "/proc/self/status": status })), 600 * 1024);
  const old = status.replace(/^RssShmem.*$/m, "");
  assert.equal(memoryInUse(files({ "/proc/self/status": old })), 500 * 1024);
  assert.ok(
    memoryInUse(files({})) > 2 ** 24,
    "all of it where the system does not tell them apart",
  );
  // Under load the two looks are of different moments.
  const [used, resident] = [memoryInUse(), process.memoryUsage.rss()];
  assert.ok(used > 2 ** 22 && used < resident * 1.5, `${used} of ${resident}`);
});

test("open files: the soft limit", () => {
  const limits =
    "Limit  Soft Limit Hard Limit Units\nMax open files            4096      8192      files\n";
  assert.equal(openFilesMax(files({ "/proc/self/limits": limits })), 4096);
  assert.equal(openFilesMax(files({})), Number.POSITIVE_INFINITY);
  const unlimited = "Max open files  unlimited unlimited files\n";
  assert.equal(openFilesMax(files({ "/proc/self/limits": unlimited })), Number.POSITIVE_INFINITY);
  assert.ok(openFilesMax() > 0);
});

test("§0 max_connections and 128 more must be below the limit of open files", () => {
  const place = { file: "x.conf", line: 7, column: 1 };
  checkOpenFiles(871, place, 1000);
  assert.throws(
    () => checkOpenFiles(872, place, 1000),
    (error: unknown) => error instanceof ConfigError && error.code === "ERR_CONF_FILES",
  );
});

test("L12 HTTP leaves RTMP a quarter of the descriptors, or all that it may need", () => {
  assert.equal(httpConnectionsMax(600, 1, 1000), 558);
  assert.equal(httpConnectionsMax(1000, 4, 100_256), 24_750);
  assert.equal(httpConnectionsMax(100, 2, 200), 8);
  assert.equal(httpConnectionsMax(1000, 2, Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
});

test("a container is known by its control group or by Docker's file", () => {
  assert.equal(isInDocker(files({ "/proc/1/cgroup": "0::/\n" })), false);
  assert.equal(isInDocker(files({ "/proc/1/cgroup": "4:cpu:/docker/0123\n" })), true);
  assert.equal(isInDocker(files({ "/.dockerenv": "" })), true);
});
