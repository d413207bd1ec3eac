/** Entry of the process: command line in, exit code out. */
import { readFileSync } from "node:fs";
import { runCli } from "./cli-arguments.ts";
import { loadConfig } from "./config/load.ts";
import { runServer } from "./life/run.ts";

/** Version of SRS whose files, API and callbacks weir follows. */
const SRS_SIGNATURE = "SRS/7.0.18(Hang)";

function readVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

const version = readVersion();
const directory = process.cwd();
const code = await runCli(process.argv.slice(2), process.env, {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  // The server may change its directory later, and read its files again.
  load: (source) => loadConfig({ ...source, directory }),
  start: (plan) => runServer({ ...plan, source: { ...plan.source, directory } }, version),
  version,
  signature: SRS_SIGNATURE,
});
process.exit(code);
