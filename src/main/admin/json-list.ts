/**
 * Long lists of the API's answers, written as JSON piece by piece: a piece in a turn of the loop however many ask, so
 * that newcomers and hand-offs wait for a piece, never for a list.
 */

/** Entries of a piece: about a millisecond's work. */
const ENTRIES_PER_TURN = 250;

/** A list of an answer that is written already. */
export class JsonList {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Writes lists, long ones one after another: memory and time are those of one that is being written. */
export class ListWriter {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * One list.
   * @param entries **Borrowed** until the answer; must not change meanwhile.
   * @param tell What is written of an entry, called when its turn has come.
   */
  write<Entry>(entries: readonly Entry[], tell: (entry: Entry) => object): Promise<JsonList> {
    if (entries.length <= ENTRIES_PER_TURN) {
      return inTurns(entries, tell);
    }
    const written = this.#last.then(() => inTurns(entries, tell));
    this.#last = written.catch(() => undefined);
    return written;
  }
}

async function inTurns<Entry>(
  entries: readonly Entry[],
  tell: (entry: Entry) => object,
): Promise<JsonList> {
  const pieces: string[] = [];
  for (let at = 0; at < entries.length; at += ENTRIES_PER_TURN) {
    if (at > 0) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const piece = JSON.stringify(entries.slice(at, at + ENTRIES_PER_TURN).map(tell));
    pieces.push(piece.slice(1, -1));
  }
  return new JsonList(`[${pieces.join(",")}]`);
}

/** An answer's fields as JSON, with the lists among them that are written. */
export function encodeFields(fields: object): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]: [string, unknown]) => {
      const text = value instanceof JsonList ? value.text : JSON.stringify(value);
      return `${JSON.stringify(name)}:${text}`;
    });
  return `{${pairs.join(",")}}`;
}
