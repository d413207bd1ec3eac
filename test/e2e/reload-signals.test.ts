/** What makes the command line reload: SIGHUP, and changes of the file where they are watched. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startProcess } from "../support/process.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, type RunningServer, WEIR, waitForServer } from "../support/weir.ts";

const servers: RunningServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

interface Started {
  readonly weir: RunningServer;
  readonly directory: string;
  readonly file: string;
  /** The text with these root directives instead. */
  conf(directives: string): string;
}

async function start(directives: string, environment: readonly string[] = []): Promise<Started> {
  const directory = makeScratch();
  const port = await findFreePort();
  const file = join(directory, "weir.conf");
  // The tests may run in a container themselves.
  const docker = directives.includes("docker") ? "" : "auto_reload_for_docker off;";
  const conf = (now: string): string =>
    makeWeirConf(directory, port, { directives: `${now} ${docker}` });
  writeFileSync(file, conf(directives));
  // A relative name: it is found again whatever the working directory is by then.
  const command = ["-c", "weir.conf"];
  const child = startProcess("env", [...environment, WEIR, ...command], { cwd: directory });
  const weir = await waitForServer("weir", child, port);
  servers.push(weir);
  return { weir, directory, file, conf };
}

function logged({ weir }: Started, text: RegExp, timeoutMs = 5000): Promise<void> {
  return waitUntil(`${text} is logged`, () => text.test(weir.log()), timeoutMs);
}

test("SIGHUP reloads, a wrong file is told with its place", { timeout: 20_000 }, async () => {
  const one = await start("");
  writeFileSync(one.file, one.conf("max_connections 77;"));
  one.weir.process.kill("SIGHUP");
  await logged(one, /SIGHUP: hot +max_connections: 1000 -> 77/);
  await logged(one, /SIGHUP: done, 1 changes/);
  writeFileSync(one.file, one.conf("max_conections 78;"));
  one.weir.process.kill("SIGHUP");
  await logged(
    one,
    /\[ERROR\].*nothing is changed: .*weir\.conf:6(:\d+)?: illegal directive max_conections/,
  );
  assert.ok(await isListening(one.weir.port));
});

test("E-01 E-75 E-76 what is open, dumped or readable is told", { timeout: 20_000 }, async () => {
  const password = "http_api { auth { password never-shown; } }";
  const one = await start(password, ["NODE_OPTIONS=--report-on-signal"]);
  await logged(
    one,
    /\[WARN\].*weir\.conf can be read by everyone .* http_api\.auth\.password \(line/,
  );
  await logged(one, /\[WARN\].*dumps of this process contain keys, .* --report-on-signal; /);
  assert.doesNotMatch(one.weir.log(), /anybody may publish/, "the loopback is for this host");
  const port = await findFreePort();
  const open = one.conf(password).replace(/listen (\S+);/, `listen $1 0.0.0.0:${port};`);
  writeFileSync(one.file, open);
  one.weir.process.kill("SIGHUP");
  await logged(one, new RegExp(`\\[WARN\\].*anybody may publish from .* 0\\.0\\.0\\.0:${port}, `));
  await logged(one, /SIGHUP: done, 1 changes/);
  assert.equal(one.weir.log().split("can be read by everyone").length, 2, "told once");
  assert.doesNotMatch(one.weir.log(), /never-shown/);
});

test("log level and tank change by reload", { timeout: 20_000 }, async () => {
  const one = await start("");
  const file = join(one.directory, "own.log");
  const text = one
    .conf(`srs_log_file ${file};`)
    .replace("srs_log_tank console", "srs_log_tank file");
  writeFileSync(one.file, text);
  one.weir.process.kill("SIGHUP");
  const read = async (): Promise<string> => (await import("node:fs")).readFileSync(file, "utf8");
  await waitUntil(
    "the file has lines",
    async () => /done/.test(await read().catch(() => "")),
    5000,
  );
  writeFileSync(one.file, text.replace("daemon off;", "daemon off; srs_log_level_v2 error;"));
  one.weir.process.kill("SIGHUP");
  await delay(1000);
  assert.doesNotMatch(await read(), /hot +srs_log_level_v2/, "the level is that of the new file");
  writeFileSync(one.file, one.conf(""));
  one.weir.process.kill("SIGHUP");
  await logged(one, /SIGHUP: done, 3 changes/);
});

test("inotify_auto_reload: a change of the file, never half of it", {
  timeout: 20_000,
}, async () => {
  const one = await start("inotify_auto_reload on;");
  const next = one.conf("inotify_auto_reload on; max_connections 55;");
  // Somebody writes it slowly.
  for (let end = 20; end < next.length + 20; end += 20) {
    writeFileSync(one.file, next.slice(0, end));
    await delay(30);
  }
  await logged(one, /file changed: hot +max_connections: 1000 -> 55/);
  assert.doesNotMatch(one.weir.log(), /nothing is changed/);
  // Editors put a new file in its place.
  const beside = join(one.directory, "beside");
  writeFileSync(beside, one.conf("inotify_auto_reload on; max_connections 56;"));
  renameSync(beside, one.file);
  await logged(one, /file changed: hot +max_connections: 55 -> 56/);
  // Kubernetes swaps a link beside it.
  mkdirSync(join(one.directory, "v2"));
  symlinkSync("v2", join(one.directory, "..data_tmp"));
  const before = one.weir.log().match(/file changed: done/g)?.length ?? 0;
  renameSync(join(one.directory, "..data_tmp"), join(one.directory, "..data"));
  const count = (): number => one.weir.log().match(/file changed: done/g)?.length ?? 0;
  await waitUntil("the link is seen", () => count() > before, 5000);
  // A reload turns it off, and a signal on again.
  writeFileSync(one.file, one.conf("max_connections 57;"));
  await logged(one, /max_connections: 56 -> 57/);
  writeFileSync(one.file, one.conf("max_connections 58;"));
  await delay(1000);
  assert.doesNotMatch(one.weir.log(), /57 -> 58/);
  one.weir.process.kill("SIGHUP");
  await logged(one, /SIGHUP: hot +max_connections: 57 -> 58/);
});

test("auto_reload_for_docker: on inside a container", { timeout: 20_000 }, async () => {
  const one = await start("in_docker on;");
  writeFileSync(one.file, one.conf("in_docker on; max_connections 66;"));
  await logged(one, /file changed: hot +max_connections: 1000 -> 66/);
  const off = await start("in_docker on; auto_reload_for_docker off;");
  writeFileSync(
    off.file,
    off.conf("in_docker on; auto_reload_for_docker off; max_connections 66;"),
  );
  await delay(1000);
  assert.doesNotMatch(off.weir.log(), /file changed/);
});

test("SIGHUP without a file is told and changes nothing", { timeout: 20_000 }, async () => {
  const directory = makeScratch();
  const port = await findFreePort();
  const child = startProcess("env", [`SRS_LISTEN=${port}`, "SRS_WORKERS=1", WEIR, "-e"], {
    cwd: directory,
  });
  const weir = await waitForServer("weir", child, port);
  servers.push(weir);
  weir.process.kill("SIGHUP");
  await waitUntil("told", () => /SIGHUP: there is no file to reload/.test(weir.log()), 5000);
  assert.ok(await isListening(port));
});
