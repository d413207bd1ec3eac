/**
 * Loaded first by every thread of a server under test, collects what is garbage there once a second: what is measured
 * then is what a connection keeps, not when V8 happened to collect last.
 *
 * `NODE_OPTIONS="--import ./dist/bench/measure/collect-garbage.js" node dist/bench/main.js --scenario P6 --server weir`
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const INTERVAL_MS = 1000;
const ENTRY = /\/src\/(?:main|worker)\//;

if (ENTRY.test(process.argv[1] ?? "")) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setInterval(collect, INTERVAL_MS).unref();
}
