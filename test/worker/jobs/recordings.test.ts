/** Steps on the files of recordings: names, what is never overwritten, and disks that take nothing. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  type RecordingResult,
  type RecordingStep,
  runRecordingStep,
} from "../../../src/worker/jobs/recordings.ts";
import { makeScratch } from "../../support/scratch.ts";

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));

function take(step: RecordingStep): RecordingResult {
  return runRecordingStep({ begun: new Int32Array(1), step });
}

function write(file: string, text: string, position = 0): string {
  return take({ kind: "append", file, position, bytes: bytesOf(text) }).failure;
}

test("a file grows as .tmp, is patched, and gets its name", () => {
  const file = join(makeScratch(), "deep/er", "a.flv");
  assert.deepEqual(take({ kind: "open", file }), { file, failure: "" });
  assert.equal(write(file, "0123"), "");
  assert.equal(write(file, "4567 and half", 4), "");
  assert.equal(existsSync(file), false);
  const patches = [{ position: 1, bytes: bytesOf("xy") }];
  const result = take({ kind: "finish", file, size: 8, patches });
  assert.deepEqual(result, { file, failure: "" });
  assert.equal(readFileSync(file, "utf8"), "0xy34567");
  assert.equal(existsSync(`${file}.tmp`), false);
});

test("what has come under the name meanwhile is not overwritten", () => {
  const file = join(makeScratch(), "a.flv");
  take({ kind: "open", file });
  write(file, "own");
  writeFileSync(file, "other");
  const { file: name } = take({ kind: "finish", file, size: 3, patches: [] });
  assert.equal(name, file.replace("a.flv", "a-1.flv"));
  assert.deepEqual(
    [file, name].map((one) => readFileSync(one, "utf8")),
    ["other", "own"],
  );
});

test("nothing stays of a file into which nothing was written", () => {
  const directory = makeScratch();
  const file = join(directory, "a.flv");
  take({ kind: "open", file });
  const result = take({ kind: "finish", file, size: 0, patches: [] });
  assert.deepEqual(result, { file: "", failure: "" });
  assert.deepEqual(readdirSync(directory), []);
});

test("a full disk, a file that was removed, a directory that is none: told, and nothing is made", () => {
  const directory = makeScratch();
  const file = join(directory, "a.flv");
  take({ kind: "open", file });
  rmSync(`${file}.tmp`);
  assert.match(write(file, "x"), /ENOENT/);
  assert.deepEqual(readdirSync(directory), []);
  symlinkSync("/dev/full", `${file}.tmp`);
  assert.match(write(file, "x"), /ENOSPC/);
  writeFileSync(join(directory, "plain"), "");
  const below = join(directory, "plain", "a.flv");
  assert.match(take({ kind: "open", file: below }).failure, /ENOTDIR|EEXIST/);
});
