/**
 * The sessions of rows as text. Players of one stream that run the same client have the same text to the last letter:
 * each is kept once, however many rows have it.
 */

interface Kept {
  readonly text: string;
  rows: number;
}

/** Texts by row. */
export class IdentityTexts {
  readonly #byRow = new Map<number, Kept>();
  readonly #byText = new Map<string, Kept>();

  /** Rows that have one. */
  get rows(): Iterable<number> {
    return this.#byRow.keys();
  }

  /** Texts that are kept. */
  get size(): number {
    return this.#byText.size;
  }

  has(row: number): boolean {
    return this.#byRow.has(row);
  }

  get(row: number): string | undefined {
    return this.#byRow.get(row)?.text;
  }

  set(row: number, text: string): void {
    const known = this.#byText.get(text);
    const before = this.#byRow.get(row);
    if (before !== undefined && before === known) {
      return;
    }
    const kept = known ?? { text, rows: 0 };
    kept.rows += 1;
    this.#byText.set(kept.text, kept);
    this.#byRow.set(row, kept);
    this.#letGo(before);
  }

  delete(row: number): void {
    const kept = this.#byRow.get(row);
    this.#byRow.delete(row);
    this.#letGo(kept);
  }

  #letGo(kept: Kept | undefined): void {
    if (kept !== undefined) {
      kept.rows -= 1;
      if (kept.rows === 0) {
        this.#byText.delete(kept.text);
      }
    }
  }
}
