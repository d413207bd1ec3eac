import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CliHost,
  type CliRequest,
  decodeArguments,
  EXIT_CONFIG,
  runCli,
  type ServerPlan,
} from "../../src/main/cli-arguments.ts";
import { type ConfigSource, loadConfig } from "../../src/main/config/load.ts";
import { decodeConfig } from "../../src/protocol/conf/config.ts";
import { ConfigError } from "../../src/protocol/errors.ts";

function kindOf(...argv: string[]): CliRequest["kind"] {
  return decodeArguments(argv, {}).kind;
}

function requestOf(argv: string[], environment: Record<string, string> = {}): object {
  const request = decodeArguments(argv, environment);
  if (request.kind !== "run" && request.kind !== "test") {
    return request;
  }
  const { kind, isDemo, source } = request;
  return { kind, isDemo, file: source.file, isEnvironmentOnly: source.isEnvironmentOnly };
}

test("§0 CLI: help, version and signature in all spellings", () => {
  for (const argument of ["-h", "-?", "--help", "-hx", "word", "-th"]) {
    assert.equal(kindOf(argument), "help", argument);
  }
  assert.equal(kindOf(), "help");
  for (const argument of ["-v", "-V", "--version"]) {
    assert.equal(kindOf(argument), "version", argument);
  }
  assert.equal(kindOf("-g"), "signature");
  assert.equal(kindOf("-G"), "signature");
});

test("§0 CLI: -c FILE, -cFILE, -t, joined letters, -e, --demo", () => {
  const run = { kind: "run", isDemo: false, file: "a.conf", isEnvironmentOnly: false };
  assert.deepEqual(requestOf(["-c", "a.conf"]), run);
  assert.deepEqual(requestOf(["-ca.conf"]), run);
  assert.deepEqual(requestOf(["-t", "-c", "a.conf"]), { ...run, kind: "test" });
  assert.deepEqual(requestOf(["-c", "a.conf", "-t"]), { ...run, kind: "test" });
  assert.deepEqual(requestOf(["-tc", "a.conf"]), { ...run, kind: "test" });
  assert.deepEqual(requestOf(["-c", "a.conf", "--demo"]), { ...run, isDemo: true });
  assert.deepEqual(requestOf(["-e"]), { ...run, file: "", isEnvironmentOnly: true });
});

test("§0 environment: SRS_CONFIG_FILE outranks -c, SRS_ENV_ONLY is -e", () => {
  const run = { kind: "run", isDemo: false, file: "b.conf", isEnvironmentOnly: false };
  assert.deepEqual(requestOf(["-c", "a.conf"], { SRS_CONFIG_FILE: "b.conf" }), run);
  assert.deepEqual(requestOf(["-c", "b.conf"], { SRS_ENV_ONLY: "on" }), {
    ...run,
    isEnvironmentOnly: true,
  });
  assert.deepEqual(requestOf(["-c", "b.conf"], { SRS_ENV_ONLY: "" }), run);
});

test("§0 CLI: wrong options are told", () => {
  assert.deepEqual(requestOf(["-x"]), {
    kind: "invalid",
    reason: 'invalid option: "x", read help: weir -h',
  });
  assert.deepEqual(requestOf(["-c"]), { kind: "invalid", reason: "-c requires params" });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly plans: readonly ServerPlan[];
}

async function run(argv: string[], load: CliHost["load"]): Promise<Outcome> {
  const plans: ServerPlan[] = [];
  let out = "";
  let err = "";
  const code = await runCli(
    argv,
    {},
    {
      stdout: (text) => {
        out += text;
      },
      stderr: (text) => {
        err += text;
      },
      load,
      start: (plan) => {
        plans.push(plan);
        return Promise.resolve(7);
      },
      version: "7.0.18",
      signature: "SRS/7.0.18(Hang)",
    },
  );
  return { code, out, err, plans };
}

function loadEnvironment(source: ConfigSource): ReturnType<CliHost["load"]> {
  const host = { isInDocker: false, openFilesMax: 100_000 };
  return loadConfig({ ...source, isEnvironmentOnly: true }, host);
}

function loadNothing(): never {
  throw new ConfigError("ERR_CONF_SYNTAX", "no", { file: "a.conf", line: 3 });
}

test("§0 CLI: -v and -g print one line", async () => {
  assert.deepEqual(await run(["-v"], loadNothing), {
    code: 0,
    out: "7.0.18\n",
    err: "",
    plans: [],
  });
  assert.equal((await run(["-g"], loadNothing)).out, "SRS/7.0.18(Hang)\n");
  assert.match((await run([], loadNothing)).out, /Usage: weir/);
});

test("§0 CLI: -t prints SRS's two lines and does not start", async () => {
  const { code, out, plans } = await run(["-t", "-c", "a.conf"], loadEnvironment);
  assert.equal(code, 0);
  assert.equal(out, "the config file a.conf syntax is ok\nconfig file a.conf test is successful\n");
  assert.deepEqual(plans, []);
});

test("§0 CLI: a bad file ends with 1", async () => {
  const tested = await run(["-t", "-c", "a.conf"], loadNothing);
  assert.equal(tested.code, 1);
  assert.equal(tested.out, "invalid config, a.conf:3: no\nconfig file a.conf test is failed\n");
  const started = await run(["-c", "a.conf"], loadNothing);
  assert.equal(started.code, EXIT_CONFIG);
  assert.equal(started.err, "invalid config, a.conf:3: no\n");
  assert.equal((await run(["-x"], loadNothing)).code, EXIT_CONFIG);
});

test("a good file starts the server, whose exit code is returned", async () => {
  const { code, plans } = await run(["-c", "a.conf", "--demo"], loadEnvironment);
  assert.equal(code, 7);
  const [plan] = plans;
  assert.deepEqual([plan?.isDemo, plan?.source.file, plan?.config.daemon], [true, "a.conf", false]);
});

test("-t --diff prints what a reload changes, and what it cannot", async () => {
  const files: Readonly<Record<string, string>> = {
    "running.conf": "listen 1935; workers 2; vhost v {}",
    "new.conf": "listen 1935; workers 3; vhost v { play { gop_cache off; } }",
  };
  const load: CliHost["load"] = ({ file }) =>
    decodeConfig(files[file] ?? "", file, { include: () => "", environment: {} });
  const told = await run(["-t", "--diff", "running.conf", "-c", "new.conf"], load);
  assert.deepEqual(told.out.split("\n").slice(1), [
    "config file new.conf test is successful",
    "restart   workers: 2 -> 3",
    "hot       vhost v.play.gop_cache: on -> off",
    "",
  ]);
  assert.equal(told.code, 0);
  const same = await run(["-t", "-c", "new.conf", "--diff", "new.conf"], load);
  assert.match(same.out, /no difference\n$/);
  const missing = await run(["-t", "-c", "new.conf", "--diff", "none.conf"], load);
  assert.notEqual(missing.code, 0);
  assert.match(missing.out, /invalid config, none\.conf/);
  assert.match((await run(["-t", "-c", "new.conf", "--diff"], load)).err, /requires a file/);
});
