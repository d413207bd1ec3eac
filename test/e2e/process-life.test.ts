/** Where and how often weir runs: pid file, background, working directory, parent, shared port. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startProcess } from "../support/process.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { isListening, waitUntil } from "../support/scratch.ts";
import { startWeir, WEIR, waitForServer } from "../support/weir.ts";
import { isRunning, makeRun } from "../support/weir-runs.ts";

const LIMIT = { timeout: 40_000 };

async function endBackground(pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await waitUntil("the background process ends", () => !isRunning(pid), 6000);
}

describe("daemon", () => {
  test("on: the command ends with 0 when the server listens, which goes on", LIMIT, async () => {
    const run = await makeRun("daemon on; srs_log_tank file; pid ./objs/it.pid;");
    const { code, stdout, stderr } = await run.weir("-c", "weir.conf");
    const pid = Number(run.read("objs/it.pid"));
    try {
      assert.equal(code, 0, stderr);
      assert.equal(await isListening(run.port), true, "it listens before the command ends");
      assert.match(stdout, new RegExp(`background as process ${pid}\n`));
      assert.ok(isRunning(pid));
      assert.match(run.read("objs/srs.log"), /listening on rtmp/);
    } finally {
      await endBackground(pid);
    }
    assert.match(run.read("objs/srs.log"), /SIGTERM: stopping\n(.*\n)*.*stopped\n$/);
  });

  test("on: a start that fails ends with the reason and not with 0", LIMIT, async () => {
    const run = await makeRun("daemon on; srs_log_tank file;");
    const text = `listen 192.0.2.1:${run.port}; daemon on; disable_daemon_for_docker off;\n`;
    writeFileSync(run.file, `${text}srs_log_tank file; vhost __defaultVhost__ { }`);
    const { code, stderr } = await run.weir("-c", "weir.conf");
    assert.equal(code, 1);
    assert.match(stderr, /^cannot listen on 192\.0\.2\.1:\d+: .*\n$/m);
  });

  for (const directive of ["daemon off;", ""]) {
    test(`${directive || "not said"}: it stays in the foreground`, LIMIT, async () => {
      const run = await makeRun(`${directive} srs_log_tank console;`);
      const weir = startProcess(WEIR, ["-c", run.file], { cwd: run.folder });
      await waitForServer("weir", weir, run.port);
      assert.ok(weir.isRunning);
      assert.equal((await weir.stop("SIGTERM", 6000)).code, 0);
    });
  }
});

describe("pid file", () => {
  test(
    "a second start on the same file is refused, and the file still names the first",
    LIMIT,
    async () => {
      const other = await makeRun("daemon off; srs_log_tank console; pid shared.pid;");
      const first = startProcess(WEIR, ["-c", other.file], { cwd: other.folder });
      await waitForServer("weir", first, other.port);
      const { code, stderr } = await other.weir("-c", other.file);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^pid: weir is already running as process ${first.pid}, `));
      assert.equal(other.read("shared.pid"), `${first.pid}`);
      first.kill("SIGKILL");
      await first.ended;
      const second = startProcess(WEIR, ["-c", other.file], { cwd: other.folder });
      await waitForServer("weir", second, other.port);
      assert.equal(other.read("shared.pid"), `${second.pid}`, "a dead holder holds nothing");
      await second.stop("SIGTERM", 6000);
    },
  );

  test("one that cannot be written is named", LIMIT, async () => {
    const run = await makeRun("daemon off; pid ./weir.conf/x.pid;");
    const { code, stderr } = await run.weir("-c", "weir.conf");
    assert.equal(code, 1);
    assert.match(stderr, /pid: cannot open \.\/weir\.conf\/x\.pid: .*\n$/);
  });

  test("a server id is made once and kept beside it", LIMIT, async () => {
    const run = await makeRun("daemon off; srs_log_tank console; pid it.pid;");
    for (const _ of [1, 2]) {
      const weir = startProcess(WEIR, ["-c", run.file], { cwd: run.folder });
      await waitForServer("weir", weir, run.port);
      assert.match(weir.stdout, new RegExp(`server_id ${run.read("it.id")}\n`));
      await weir.stop("SIGTERM", 6000);
    }
    assert.match(run.read("it.id"), /^vid-[a-z0-9]{7}$/);
  });
});

describe("work_dir", () => {
  test("relative paths start there", LIMIT, async () => {
    const run = await makeRun("daemon off; work_dir ./data; srs_log_tank file; pid a/b.pid;");
    mkdirSync(join(run.folder, "data"));
    const weir = startProcess(WEIR, ["-c", "weir.conf"], { cwd: run.folder });
    await waitForServer("weir", weir, run.port);
    assert.equal(run.read("data/a/b.pid"), `${weir.pid}`);
    await weir.stop("SIGTERM", 6000);
    assert.match(run.read("data/objs/srs.log"), /stopped\n$/);
  });

  test("a missing one is refused", LIMIT, async () => {
    const run = await makeRun("daemon off; work_dir ./none;");
    const { code, stderr } = await run.weir("-c", "weir.conf");
    assert.equal(code, 1);
    assert.match(stderr, /work_dir: cannot enter \.\/none: /);
  });
});

test("asprocess: it ends when its parent does", LIMIT, async () => {
  const run = await makeRun("daemon off; asprocess on; srs_log_tank file; pid it.pid;");
  // The first weir is the shell's child; the shell is ended and the child is given another parent.
  const shell = startProcess("sh", ["-c", `${WEIR} -c weir.conf & wait`], { cwd: run.folder });
  await waitUntil("it listens", () => isListening(run.port), 15_000);
  const pid = Number(run.read("it.pid"));
  assert.ok(isRunning(pid));
  shell.kill("SIGKILL");
  await waitUntil("it ends", () => !isRunning(pid), 6000);
  assert.match(
    run.read("objs/srs.log"),
    /parent process \d+ is gone: stopping\n(.*\n)*.*stopped\n$/,
  );
});

test("two processes serve one port, as SRS's users run them", LIMIT, async () => {
  const first = await startWeir();
  const second = await startWeir({ port: first.port });
  const players: RtmpPeer[] = [];
  const served = (log: string): number => log.match(/rtmp-play, /g)?.length ?? 0;
  const isShared = async (): Promise<boolean> => {
    players.push(await new RtmpPeer(first.url("shared"), "play").waitReady());
    return served(first.log()) > 0 && served(second.log()) > 0;
  };
  await waitUntil("both have players", isShared, 15_000);
  await Promise.all([first.stop(), second.stop()]);
  assert.equal(served(first.log()) + served(second.log()), players.length);
});
