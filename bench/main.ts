/**
 * `npm run bench`: the figures of docs/performance.md in one table, as ratios taken in one run against the
 * kernel floor and other servers. Exit code: 0 all judged rows pass, 1 one misses, 2 it could not run.
 */
import { describeEnvironment, type Environment } from "./measure/environment.ts";
import { decodeOptions, type Options, USAGE } from "./options.ts";
import { writeResults } from "./report/result-file.ts";
import { formatTable } from "./report/table.ts";
import { judgeScenario, type Row } from "./report/verdicts.ts";
import { Runner, type Summaries } from "./runner.ts";
import { scenarios } from "./scenarios/all.ts";
import { floorServer } from "./servers/floor.ts";
import { nginxServer } from "./servers/nginx-rtmp.ts";
import { nodeMediaServer } from "./servers/node-media-server.ts";
import { endAllOnExit } from "./servers/processes.ts";
import type { ServerAdapter } from "./servers/server.ts";
import { srsLikeServer, weirServer } from "./servers/srs-like.ts";
import { weirEdge } from "./servers/weir-edge.ts";

/** Beyond the players: epoll, libraries, listeners. */
const DESCRIPTORS_SPARE = 200;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function chooseServers(options: Options): readonly ServerAdapter[] {
  const peers = options.peers.map(({ name, path }) => srsLikeServer(name, path));
  const all = [floorServer, weirServer, weirEdge, nginxServer, nodeMediaServer, ...peers];
  const wanted = options.servers;
  const unknown = wanted.find((name) => all.every((adapter) => adapter.name !== name));
  if (unknown !== undefined) {
    throw new Error(`no server '${unknown}'`);
  }
  return all.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

function checkDescriptors(options: Options, environment: Environment): void {
  const needed = options.scale.players * 2 + DESCRIPTORS_SPARE;
  if (environment.descriptorsMax < needed) {
    throw new Error(`needs ${needed} open files, the limit is ${environment.descriptorsMax}`);
  }
}

async function runAll(options: Options): Promise<number> {
  const environment = describeEnvironment();
  checkDescriptors(options, environment);
  const chosen = scenarios.filter(
    ({ id }) => options.scenarios.length === 0 || options.scenarios.includes(id),
  );
  if (chosen.length === 0) {
    throw new Error(`no scenario '${options.scenarios.join(", ")}'`);
  }
  const adapters = chooseServers(options);
  const runner = new Runner({
    adapters,
    runs: options.runs,
    pace: options.pace,
    isLateAllowed: options.isQuick,
    say,
  });
  const rows: Row[] = [];
  const results = new Map<string, Summaries>();
  for (const scenario of chosen) {
    say(`${scenario.id} ${scenario.title}`);
    const summaries = await runner.run(scenario.jobs(options.scale));
    results.set(scenario.id, summaries);
    rows.push(...judgeScenario(scenario, { summaries, isQuick: options.isQuick }));
  }
  const file = writeResults({ environment, options, rows, scenarios: results });
  const { cpu, cores, kernel, node, loadBefore, commit, isDirty } = environment;
  process.stdout.write(`\n${formatTable(rows)}\n`);
  process.stdout.write(
    `${cores} × ${cpu}, Linux ${kernel}, Node ${node}, load before ${loadBefore.toFixed(2)}, ` +
      `commit ${commit}${isDirty ? " with changes" : ""}\n${file}\n`,
  );
  return rows.some((row) => row.verdict === "miss") ? 1 : 0;
}

async function main(): Promise<number> {
  const options = decodeOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  return await runAll(options);
}

endAllOnExit();
try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
