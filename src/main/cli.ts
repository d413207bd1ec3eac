/** Entry of the process: command line in, exit code out. */
import { readFileSync } from "node:fs";
import { type CliHost, runCli } from "./cli-arguments.ts";
import { loadConfig } from "./config/load.ts";
import { runServer } from "./life/run.ts";
import { isTool, runTool } from "./tools/ctl.ts";

/** Version of SRS whose files, API and callbacks weir follows. */
const SRS_SIGNATURE = "SRS/7.0.18(Hang)";

function readVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

const version = readVersion();
const directory = process.cwd();
const argv = process.argv.slice(2);
const output = {
  stdout: (text: string): void => void process.stdout.write(text),
  stderr: (text: string): void => void process.stderr.write(text),
};
const host: CliHost = {
  ...output,
  // The server may change its directory later, and read its files again.
  load: (source) => loadConfig({ ...source, directory }),
  start: (plan) => runServer({ ...plan, source: { ...plan.source, directory } }, version),
  version,
  signature: SRS_SIGNATURE,
};
const code = isTool(argv)
  ? await runTool(argv, { ...output, environment: process.env })
  : await runCli(argv, process.env, host);
process.exit(code);
