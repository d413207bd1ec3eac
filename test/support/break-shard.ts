/**
 * Preloaded into a server under test: its shards throw when the file appears that this module's URL names in `?file=`.
 */
import { existsSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const LOOK_MS = 50;
const file = new URL(import.meta.url).searchParams.get("file") ?? "";

if (!isMainThread && /worker\/shard\.js$/.test(process.argv[1] ?? "")) {
  const timer = setInterval(() => {
    if (existsSync(file)) {
      throw new Error("broken for a test");
    }
  }, LOOK_MS);
  timer.unref();
}
