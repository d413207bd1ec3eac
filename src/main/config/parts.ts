/** A reload in two steps, so that it happens in all parts of the server or in none. */
import type { Config } from "../../protocol/conf/config.ts";

/** A part that is ready for a new configuration. Exactly one of the two is called. */
export interface Prepared {
  /** Goes over. Cannot fail. */
  commit(): void;
  /** Gives back what was prepared; the part is as it was. */
  readonly abort: () => void;
}

/** A part of the server that has to do something about a new configuration before it may be in force. */
export interface ReloadPart {
  /** Does all that may fail and changes nothing that anybody sees. @throws what stops the reload */
  prepare(next: Config): Prepared | Promise<Prepared>;
}

/** Prepares every part; when one cannot, those before it are taken back. Commits in order, takes back in reverse. */
export async function prepareParts(parts: readonly ReloadPart[], next: Config): Promise<Prepared> {
  const ready: Prepared[] = [];
  const abort = (): void => {
    for (const prepared of ready.splice(0).reverse()) {
      prepared.abort();
    }
  };
  try {
    for (const part of parts) {
      ready.push(await part.prepare(next));
    }
  } catch (error) {
    abort();
    throw error;
  }
  return {
    commit: () => {
      for (const prepared of ready) {
        prepared.commit();
      }
    },
    abort,
  };
}
