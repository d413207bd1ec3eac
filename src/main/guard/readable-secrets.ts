/** Secrets in files that everyone on the host may read. */
import type { ConfigPlace } from "../../protocol/errors.ts";
import { shortList } from "./short-list.ts";

/** Others may read it. */
const READABLE_BY_ALL = 0o004;
const MODE_BITS = 0o777;

/**
 * One line for each such file, with its directives and never a value.
 * @param secretsAt Directives, and files that hold nothing but a secret (line 0).
 * @param modeOf Permissions of a file as the configuration names it; undefined when it has none.
 */
export function readableSecretWarnings(
  secretsAt: readonly ConfigPlace[],
  modeOf: (file: string) => number | undefined,
): string[] {
  const files = new Map<string, string[]>();
  for (const { file, line, directive = "" } of secretsAt) {
    const held = files.get(file) ?? [];
    held.push(line === 0 ? directive : `${directive} (line ${line})`);
    files.set(file, held);
  }
  return [...files].flatMap(([file, held]) => {
    const mode = modeOf(file) ?? 0;
    if ((mode & READABLE_BY_ALL) === 0) {
      return [];
    }
    const bits = (mode & MODE_BITS).toString(8);
    return `${file} can be read by everyone on this host (mode ${bits}) and holds secrets: ${shortList(held)}; chmod o-r it, or write env:NAME or file:PATH there`;
  });
}
