/** Names in a line of the log, however many there are. */

/** More are counted. */
const NAMED_MAX = 5;

/** `a, b` or `a, b, c, d, e and 7 more`. */
export function shortList(names: readonly string[]): string {
  const named = names.slice(0, NAMED_MAX).join(", ");
  const more = names.length - NAMED_MAX;
  return more > 0 ? `${named} and ${more} more` : named;
}
