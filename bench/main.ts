/**
 * `npm run bench`: the figures of docs/performance.md in one table, as ratios taken in one run against the
 * kernel floor and other servers. Exit code: 0 all judged rows pass, 1 one misses or has only void
 * runs, 2 it could not run.
 */
import { describeEnvironment, type Environment } from "./measure/environment.ts";
import { decodeOptions, type Options, USAGE } from "./options.ts";
import { describeHost, resultBase, writeResults } from "./report/files.ts";
import {
  countVerdicts,
  RESULTS_VERSION,
  type Results,
  type ScenarioResults,
} from "./report/results.ts";
import { formatTable } from "./report/table.ts";
import { judgeScenario, type Row } from "./report/verdicts.ts";
import { Runner, type Summaries } from "./runner.ts";
import { chooseScenarios } from "./scenarios/all.ts";
import type { Job, Scenario } from "./scenarios/scenario.ts";
import { floorServer } from "./servers/floor.ts";
import { clinicWeir, profiledWeir } from "./servers/inspected-weir.ts";
import { nginxServer } from "./servers/nginx-rtmp.ts";
import { nodeMediaServer } from "./servers/node-media-server.ts";
import { endAllOnExit } from "./servers/processes.ts";
import { runningPeerServer } from "./servers/running-peer.ts";
import type { ServerAdapter } from "./servers/server.ts";
import { srsLikeServer, weirServer } from "./servers/srs-like.ts";
import { weirEdge } from "./servers/weir-edge.ts";

/** Beyond the players: epoll, libraries, listeners. */
const DESCRIPTORS_SPARE = 200;
/** A process has at most so many times the players: P6, and `generator`. */
const PLAYERS_FACTOR = 2.5;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function inspected(options: Options, directory: string): ServerAdapter {
  switch (options.inspection) {
    case "none":
      return weirServer;
    case "cpu-profile":
      return profiledWeir(directory);
    default:
      return clinicWeir(options.inspection, directory);
  }
}

/** Guests are the peers of the command line. */
function chooseServers(
  options: Options,
  weir: ServerAdapter,
): { readonly adapters: readonly ServerAdapter[]; readonly guests: readonly string[] } {
  const peers = [
    ...options.peers.map(({ name, path, isWeir }) => srsLikeServer({ name, binary: path, isWeir })),
    ...options.runningPeers.map(runningPeerServer),
  ];
  // weir before the floor: in P3 the floor merges as weir was seen to.
  const all = [weir, weirEdge, floorServer, nginxServer, nodeMediaServer, ...peers];
  const wanted = options.servers;
  const unknown = wanted.find((name) => all.every((adapter) => adapter.name !== name));
  if (unknown !== undefined) {
    throw new Error(`no server '${unknown}'`);
  }
  return {
    adapters: all.filter(({ name }) => wanted.length === 0 || wanted.includes(name)),
    guests: peers.map(({ name }) => name),
  };
}

function checkDescriptors(options: Options, environment: Environment): void {
  const needed = Math.ceil(options.plan.players * PLAYERS_FACTOR) + DESCRIPTORS_SPARE;
  if (environment.descriptorsMax < needed) {
    throw new Error(`needs ${needed} open files, the limit is ${environment.descriptorsMax}`);
  }
}

function resultsOf(
  scenario: Scenario,
  jobs: readonly Job[],
  summaries: Summaries,
): ScenarioResults {
  const { name, title, curve } = scenario;
  const sizes = jobs.flatMap(({ id, size }) => (size === undefined ? [] : [[id, size] as const]));
  return {
    name,
    title,
    ...(curve === undefined ? {} : { curve }),
    sizes: Object.fromEntries(sizes),
    summaries: Object.fromEntries(summaries),
  };
}

async function runAll(options: Options): Promise<Results> {
  const environment = describeEnvironment();
  checkDescriptors(options, environment);
  const chosen = chooseScenarios(options.scenarios, options.isFull);
  const { isQuick, runs, means, plan, words: command } = options;
  const directory = `${resultBase(options.resultsDirectory, environment, isQuick)}-${options.inspection}`;
  const { adapters, guests } = chooseServers(options, inspected(options, directory));
  const runner = new Runner({ adapters, guests, runs, means, isLateAllowed: isQuick, say });
  const others = adapters.map(({ name }) => name).filter((name) => !name.startsWith("weir"));
  others.push(...guests.filter((name) => name.startsWith("weir")));
  const rows: Row[] = [];
  const scenarios: Record<string, ScenarioResults> = {};
  for (const scenario of chosen) {
    say(`${scenario.id} ${scenario.title}`);
    const jobs = scenario.jobs(plan);
    const summaries = await runner.run(jobs);
    scenarios[scenario.id] = resultsOf(scenario, jobs, summaries);
    rows.push(...judgeScenario(scenario, { summaries, others, isQuick }));
  }
  if (options.inspection !== "none") {
    say(`profiles: ${directory}`);
  }
  return {
    ...{ version: RESULTS_VERSION, environment, command, plan, means, isQuick, runs },
    ...{ others, rows, scenarios },
  };
}

async function main(): Promise<number> {
  const options = decodeOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  const results = await runAll(options);
  const file = writeResults(results, {
    directory: options.resultsDirectory,
    jsonFile: options.jsonFile,
  });
  process.stdout.write(`\n${formatTable(results.rows, results.others)}\n`);
  const counts = countVerdicts(results.rows);
  const { pass, miss, void: voided, unjudged } = counts;
  process.stdout.write(`${pass} pass, ${miss} miss, ${voided} void, ${unjudged} not judged\n`);
  process.stdout.write(`${describeHost(results)}\n${file}, .md, .html\n`);
  return miss + voided > 0 ? 1 : 0;
}

endAllOnExit();
try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
