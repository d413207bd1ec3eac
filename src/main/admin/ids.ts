/** Ids as SRS makes them: `vid-` and seven letters or digits. */
import { createHash } from "node:crypto";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const LETTER_COUNT = 7;

/** A new id that is not taken. */
export function newId(
  isTaken: (id: string) => boolean = () => false,
  random: () => number = Math.random,
): string {
  for (;;) {
    let id = "vid-";
    for (let index = 0; index < LETTER_COUNT; index += 1) {
      id += LETTERS[Math.floor(random() * LETTERS.length)] ?? "a";
    }
    if (!isTaken(id)) {
      return id;
    }
  }
}

/** The id of what has a name that lasts: the same after a restart. */
export function idOf(name: string): string {
  const digest = createHash("sha256").update(name).digest();
  let id = "vid-";
  for (const byte of digest.subarray(0, LETTER_COUNT)) {
    id += LETTERS[byte % LETTERS.length] ?? "a";
  }
  return id;
}
