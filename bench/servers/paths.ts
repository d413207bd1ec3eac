/** Where things are, seen from the compiled bench (`dist/bench/servers`). */
import { fileURLToPath } from "node:url";

export const ROOT_DIRECTORY: string = fileURLToPath(new URL("../../../", import.meta.url)).replace(
  /\/$/,
  "",
);
export const BENCH_DIRECTORY: string = `${ROOT_DIRECTORY}/bench`;
export const RESULTS_DIRECTORY: string = `${BENCH_DIRECTORY}/results`;
