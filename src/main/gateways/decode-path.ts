/** The path of a request as text. */

/** Decodes percent signs, once. @returns null when it is not valid percent-encoded text. */
export function decodePath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}
