/** Jobs on the files of recordings, run in the pool. A file is `NAME.tmp` while it grows, and renamed when it is whole. */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../../protocol/errors.ts";
import type { Begun } from "./files.ts";

/** Bytes that stand in for others. */
export interface FilePatch {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** One step in the life of a recording's file. */
export type RecordingStep =
  /** A new file: `file`, or a name like it that nothing has. */
  | { readonly kind: "open"; readonly file: string }
  | {
      readonly kind: "append";
      /** As `open` has said. */
      readonly file: string;
      readonly position: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  /** Nothing more comes: what stands behind `size` goes, the file gets its name. An empty one is removed. */
  | {
      readonly kind: "finish";
      readonly file: string;
      readonly size: number;
      readonly patches: readonly FilePatch[];
    };

/** How a step went. */
export interface RecordingResult {
  /** Without `.tmp`. */
  readonly file: string;
  /** What went wrong; "" when nothing did. */
  readonly failure: string;
}

/** Names tried for one file. */
const NAMES_MAX = 10_000;
/** What a file is called while it grows. */
const GROWING = ".tmp";

/** Takes one step. */
export function runRecordingStep({
  begun,
  step,
}: Begun & { readonly step: RecordingStep }): RecordingResult {
  Atomics.store(begun, 0, 1);
  try {
    return { file: take(step), failure: "" };
  } catch (error) {
    return { file: step.file, failure: messageOf(error) };
  }
}

function take(step: RecordingStep): string {
  switch (step.kind) {
    case "open":
      return open(step.file);
    case "append":
      within(step.file, (descriptor) => writeAll(descriptor, step));
      return step.file;
    case "finish":
      return finish(step);
  }
}

/** @returns the name that the file is to have. */
function open(file: string): string {
  for (let number = 0; number < NAMES_MAX; number += 1) {
    const name = number === 0 ? file : numbered(file, number);
    if (!existsSync(name) && create(`${name}${GROWING}`)) {
      return name;
    }
  }
  throw new Error(`too many files are called ${file}`);
}

/** @returns false when there is one: of another recording, or left by a server that was killed. */
function create(file: string): boolean {
  try {
    closeSync(openSync(file, "wx"));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      return false;
    }
    if (code !== "ENOENT") {
      throw error;
    }
  }
  mkdirSync(dirname(file), { recursive: true });
  closeSync(openSync(file, "wx"));
  return true;
}

function finish({ file, size, patches }: Extract<RecordingStep, { kind: "finish" }>): string {
  if (size === 0) {
    rmSync(`${file}${GROWING}`, { force: true });
    return "";
  }
  within(file, (descriptor) => {
    ftruncateSync(descriptor, size);
    for (const patch of patches) {
      writeAll(descriptor, patch);
    }
  });
  const name = freeName(file);
  renameSync(`${file}${GROWING}`, name);
  return name;
}

/** Somebody else may have made a file of that name meanwhile. */
function freeName(file: string): string {
  for (let number = 0; number < NAMES_MAX; number += 1) {
    const name = number === 0 ? file : numbered(file, number);
    const isOthers = number > 0 && existsSync(`${name}${GROWING}`);
    if (!(existsSync(name) || isOthers)) {
      return name;
    }
  }
  throw new Error(`too many files are called ${file}`);
}

function within(file: string, work: (descriptor: number) => void): void {
  // Never made anew: what was removed would come back as the rest of a file.
  const descriptor = openSync(`${file}${GROWING}`, "r+");
  try {
    work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeAll(descriptor: number, { position, bytes }: FilePatch): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
  }
}

/** `a.flv` → `a-1.flv`. */
function numbered(file: string, number: number): string {
  return file.replace(/(\.[^./]*)?$/, `-${number}$1`);
}
