// Runs test files in the order they are given, so many at a time: node's command line sorts them by name, and a long one
// that comes last runs alone. Prints what `node --test` prints.
//
// node scripts/run-tests.mjs CONCURRENCY FILES...
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** Of one file. */
const TIMEOUT_MS = 180_000;

const [concurrency, ...files] = process.argv.slice(2);
run({ files, concurrency: Number(concurrency), timeout: TIMEOUT_MS })
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
