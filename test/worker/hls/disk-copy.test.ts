/** Files are written in order, by one job at a time; a disk that fails is told of once. */
import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { DiskCopy } from "../../../src/worker/hls/disk-copy.ts";
import type { FileStep } from "../../../src/worker/jobs/files.ts";
import { JOB_LIMITS, JobPool } from "../../../src/worker/jobs/job-pool.ts";
import { runChecked } from "../../support/process.ts";
import { makeScratch, waitUntil } from "../../support/scratch.ts";

const LIMIT = { timeout: 30_000 };

function bytes(length: number): SharedArrayBuffer {
  return new SharedArrayBuffer(length);
}

/** A disk whose jobs end when the test says so. */
class SlowDisk {
  readonly jobs: string[][] = [];
  readonly told: string[] = [];
  #end: ((failure: string) => void) | undefined;
  readonly copy: DiskCopy = new DiskCopy({
    runFileSteps: (steps: readonly FileStep[]) => {
      this.jobs.push(steps.map(({ kind, file }) => `${kind} ${file}`));
      return new Promise((resolve) => {
        this.#end = resolve;
      });
    },
    failed: (text) => this.told.push(text),
    recovered: () => this.told.push("recovered"),
  });

  async turn(failure?: string): Promise<void> {
    if (failure !== undefined) {
      this.#end?.(failure);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a disk copy", () => {
  test("media before the playlist that lists it, removals last; of playlists the newest", async () => {
    const disk = new SlowDisk();
    disk.copy.remove("0.ts");
    disk.copy.writePlaylist("m", "one");
    disk.copy.write("1.ts", bytes(10));
    await disk.turn();
    assert.deepEqual(disk.jobs, [["write 1.ts", "write m", "remove 0.ts"]]);
    disk.copy.writePlaylist("m", "two");
    disk.copy.writePlaylist("m", "three");
    disk.copy.write("2.ts", bytes(10));
    disk.copy.write("3.ts", bytes(10));
    disk.copy.remove("3.ts");
    await disk.turn("");
    assert.deepEqual(disk.jobs[1], ["write 2.ts", "write m", "remove 3.ts"]);
    await disk.turn("");
    await disk.copy.settled();
  });

  test("a failure is told once, and when it is over", async () => {
    const disk = new SlowDisk();
    for (const failure of ["full", "full", "", ""]) {
      disk.copy.write("1.ts", bytes(10));
      await disk.turn();
      await disk.turn(failure);
    }
    assert.deepEqual(disk.told, ["full", "recovered"]);
    assert.equal(disk.copy.failures, 2);
  });

  test("of each publish the first failure is told", async () => {
    const disk = new SlowDisk();
    const write = async (failure: string): Promise<void> => {
      disk.copy.write("1.ts", bytes(10));
      await disk.turn();
      await disk.turn(failure);
    };
    await write("full");
    await write("full");
    disk.copy.begin();
    await write("full");
    await write("full");
    assert.deepEqual(disk.told, ["full", "full"]);
    disk.copy.begin();
    await write("");
    await write("");
    assert.deepEqual(disk.told, ["full", "full", "recovered"]);
  });

  test("what waits is bounded", async () => {
    const disk = new SlowDisk();
    disk.copy.write("1.ts", bytes(40 * 1024 * 1024));
    disk.copy.write("2.ts", bytes(40 * 1024 * 1024));
    assert.deepEqual(disk.told, ["the disk does not keep up"]);
    await disk.turn();
    await disk.turn("");
    disk.copy.write("3.ts", bytes(40 * 1024 * 1024));
    await disk.turn();
    assert.deepEqual(disk.jobs, [["write 1.ts"], ["write 3.ts"]]);
  });
});

describe("jobs on files", () => {
  const pool = new JobPool();
  after(() => pool.close());

  test("a file is there whole: written beside and renamed, folders made", LIMIT, async () => {
    const folder = makeScratch();
    const file = join(folder, "a/b/c.ts");
    const content = bytes(3);
    new Uint8Array(content).set([1, 2, 3]);
    const steps: FileStep[] = [
      { kind: "write", file, temporary: `${file}.tmp`, content },
      { kind: "remove", file: join(folder, "never") },
    ];
    assert.equal(await pool.runFileSteps(steps), "");
    assert.deepEqual([...readFileSync(file)], [1, 2, 3]);
    assert.deepEqual(readdirSync(join(folder, "a/b")), ["c.ts"]);
    assert.equal(await pool.readSmallText(join(folder, "never")), "");
  });

  test(
    "what fails is told, the steps after it are taken, nothing is left beside",
    LIMIT,
    async () => {
      const folder = makeScratch();
      writeFileSync(join(folder, "file"), "");
      mkdirSync(join(folder, "directory"));
      const write = (name: string): FileStep => {
        const file = join(folder, name);
        return { kind: "write", file, temporary: `${file}.tmp`, content: "x" };
      };
      const failure = await pool.runFileSteps([write("file/a"), write("directory"), write("b")]);
      assert.match(failure, /ENOTDIR|EEXIST/);
      assert.deepEqual(readdirSync(folder).sort(), ["b", "directory", "file"]);
    },
  );

  test("a disk that is full keeps no half of a file", LIMIT, async () => {
    const folder = makeScratch();
    const file = join(folder, "a.ts");
    // Whatever is written to it fails as on a full disk.
    symlinkSync("/dev/full", `${file}.tmp`);
    const content = bytes(1000);
    const failure = await pool.runFileSteps([
      { kind: "write", file, temporary: `${file}.tmp`, content },
    ]);
    assert.match(failure, /ENOSPC/);
    assert.deepEqual(readdirSync(folder), []);
  });

  test(
    "a thread that was kept from its work does not take the disk for one that hangs",
    LIMIT,
    async () => {
      const file = join(makeScratch(), "text");
      writeFileSync(file, "there");
      assert.equal(await pool.readSmallText(file), "there");
      const impatient = new JobPool({ ...JOB_LIMITS, readMs: 300 });
      // Its thread has begun by then.
      assert.equal(await impatient.readSmallText(file), "there");
      const read = impatient.readSmallText(file);
      const until = performance.now() + 900;
      while (performance.now() < until) {
        // As a process that is stopped, or gets no processor.
      }
      assert.equal(await read, "there");
      await impatient.close();
    },
  );

  test(
    "files that hang together count once; what could not be read is no empty file",
    LIMIT,
    async () => {
      const folder = makeScratch();
      const hanging = join(folder, "hanging");
      await runChecked("mkfifo", [hanging], { timeoutMs: 5000 });
      const limits = { jobMs: 500, readMs: 500, beginMs: 500, pauseMs: 500, pauseMsMax: 600_000 };
      const patient = new JobPool(limits);
      const reads = Array.from({ length: 8 }, () => patient.readSmallText(hanging));
      assert.deepEqual(await Promise.all(reads), new Array(8).fill(null));
      assert.equal(await patient.readSmallText(join(folder, "never")), null);
      // Whoever waits to read goes on, and the threads may end.
      const release = (): void =>
        closeSync(openSync(hanging, constants.O_RDWR | constants.O_NONBLOCK));
      release();
      await waitUntil(
        "files are written again",
        async () => {
          release();
          return (await patient.runFileSteps([])) === "";
        },
        15_000,
      );
      await patient.close();
    },
  );

  test("a pool that is closed answers", LIMIT, async () => {
    const closed = new JobPool();
    await closed.close();
    assert.match(await closed.runFileSteps([]), /closed/);
  });
});
