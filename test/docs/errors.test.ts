/** docs/errors.md names every error code, end and status code of the source, and nothing else. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../support/weir.ts";

const ERROR_CODE = /"(ERR_[A-Z0-9_]+)"/g;
const STATUS_CODE = /"(Net(?:Connection|Stream)(?:\.[A-Za-z]+)+)"/g;
/** The client's side compares what servers send to it. */
const RECEIVED_ONLY = /^src\/(?:protocol\/rtmp\/client-session|worker\/upstream\/)/;
/** Codes made of the name of a system call: `check(…, "bind")`. */
const MADE_CODE = /`ERR_\$\{call\.toUpperCase\(\)\}`/;
const SYSTEM_CALL = /\bcheck\([\s\S]*?,\s*"([a-z_]+)"\s*,?\s*\)/g;
const COLUMNS = 4;

interface Source {
  readonly path: string;
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(join(REPOSITORY, "src"), {
  recursive: true,
  encoding: "utf8",
})
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({
    path: `src/${path}`,
    text: readFileSync(join(REPOSITORY, "src", path), "utf8"),
  }));
const page = readFileSync(join(REPOSITORY, "docs/errors.md"), "utf8");

/** First groups of all matches, sorted, each once. */
function found(pattern: RegExp, texts: readonly string[]): string[] {
  const all = texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? ""));
  return [...new Set(all)].sort();
}

function errorCodes(): string[] {
  const literal = found(
    ERROR_CODE,
    sources.map(({ text }) => text),
  );
  const making = sources.filter(({ text }) => MADE_CODE.test(text)).map(({ text }) => text);
  const made = found(SYSTEM_CALL, making).map((call) => `ERR_${call.toUpperCase()}`);
  return [...new Set([...literal, ...made])].sort();
}

/** First cells of the tables of a section of the page, in order. Every cell of a row says something. */
function listed(section: string): string[] {
  const start = page.indexOf(`\n## ${section}\n`);
  assert.ok(start >= 0, `no section "${section}"`);
  const end = page.indexOf("\n## ", start + 1);
  const lines = page.slice(start, end < 0 ? undefined : end).split("\n");
  const rows = lines.filter((line) => line.startsWith("| `"));
  return rows.map((line) => {
    const cells = line.split("|").slice(1, -1);
    assert.equal(cells.length, COLUMNS, line);
    assert.ok(
      cells.every((cell) => cell.trim() !== ""),
      `an empty cell: ${line}`,
    );
    return /`([^`]+)`/.exec(cells[0] ?? "")?.[1] ?? "";
  });
}

function assertSame(section: string, wanted: readonly string[]): void {
  const rows = listed(section);
  assert.deepEqual(
    rows.filter((row, at) => rows.indexOf(row) !== at),
    [],
    "named twice",
  );
  const missing = wanted.filter((code) => !rows.includes(code));
  const stale = rows.filter((code) => !wanted.includes(code));
  const where = `docs/errors.md, "${section}"`;
  assert.deepEqual({ missing, stale }, { missing: [], stale: [] }, where);
}

test("error codes: those of the source, in both directions", () => {
  const codes = errorCodes();
  assert.ok(codes.length > 50 && codes.includes("ERR_BIND"), "the source was not read");
  assertSame("Error codes", codes);
});

test("no code is made in a way that this page's test does not see", () => {
  for (const { path, text } of sources) {
    const made = text.match(/["'`]ERR_[A-Z0-9_]*\$\{/g) ?? [];
    assert.ok(made.length === 0 || (made.length === 1 && MADE_CODE.test(text)), path);
  }
});

test("ends of sessions: those of the control contract, in both directions", () => {
  const calls = sources.find(({ path }) => path === "src/protocol/control/calls.ts")?.text ?? "";
  const union = /export type EndReason =([^;]+);/.exec(calls)?.[1] ?? "";
  const ends = found(/"([^"]+)"/g, [union]);
  assert.ok(ends.length > 5, "the contract was not read");
  assertSame("Why a session ended", ends);
});

test("status codes: those that weir sends, in both directions", () => {
  const sending = sources.filter(({ path }) => !RECEIVED_ONLY.test(path));
  const codes = found(
    STATUS_CODE,
    sending.map(({ text }) => text),
  );
  assert.ok(codes.includes("NetStream.Play.Start"), "the source was not read");
  assertSame("Status codes", codes);
});
