/**
 * A text as a URL. Not by `URL.canParse`: once it is optimised, Node 20 denies it of every text beyond ASCII.
 *
 * @returns undefined when it is none.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
