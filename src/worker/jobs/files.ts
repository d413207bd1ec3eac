/** Jobs on files, run in the pool: here alone may a thread wait for a disk. */

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../../protocol/errors.ts";

/** One step, taken in order. */
export type FileStep =
  /** The file is there whole or not at all: it is written beside, and renamed. */
  | {
      readonly kind: "write";
      readonly file: string;
      readonly temporary: string;
      readonly content: SharedArrayBuffer | string;
    }
  | { readonly kind: "remove"; readonly file: string };

/** What every job is given besides: set to 1 when it begins. */
export interface Begun {
  readonly begun: Int32Array;
}

/** What went wrong first; "" when nothing did. Later steps are taken all the same. */
export function runFileSteps({
  begun,
  steps,
}: Begun & { readonly steps: readonly FileStep[] }): string {
  Atomics.store(begun, 0, 1);
  let failure = "";
  for (const step of steps) {
    try {
      if (step.kind === "write") {
        write(step.file, step.temporary, step.content);
      } else {
        rmSync(step.file, { force: true });
      }
    } catch (error) {
      failure ||= messageOf(error);
    }
  }
  return failure;
}

/** Text of a file; "" when it cannot be read or is longer. */
export function readSmallText({
  begun,
  file,
  bytesMax,
}: Begun & { readonly file: string; readonly bytesMax: number }): string {
  Atomics.store(begun, 0, 1);
  try {
    const bytes = readFileSync(file);
    return bytes.length > bytesMax ? "" : bytes.toString();
  } catch {
    return "";
  }
}

function write(file: string, temporary: string, content: SharedArrayBuffer | string): void {
  try {
    writeWithin(temporary, typeof content === "string" ? content : new Uint8Array(content));
    renameSync(temporary, file);
  } catch (error) {
    // A disk that is full is not to be kept full by halves.
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Makes the folder where there is none. */
function writeWithin(file: string, bytes: Uint8Array | string): void {
  try {
    writeFileSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw error;
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}
