/** Making the folder of a file. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes the folder of a file with those above it, where they are missing. Node's own recursive form tries for ever
 * below a file system that refuses folders, as /proc does.
 * @throws as mkdirSync does
 */
export function makeFolderOf(file: string): void {
  const missing: string[] = [];
  for (let folder = dirname(resolve(file)); !existsSync(folder); folder = dirname(folder)) {
    missing.push(folder);
  }
  for (const folder of missing.reverse()) {
    mkdirSync(folder);
  }
}
