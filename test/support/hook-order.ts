/** Judges what a server of callbacks was told: each session once, and in order. */
import assert from "node:assert/strict";
import type { HookNote } from "./hook-server.ts";

const BEGINS: Readonly<Record<string, string>> = { on_unpublish: "on_publish", on_stop: "on_play" };

/** What one session was told, by `action stream`. */
function checkSession(client: string, notes: readonly HookNote[]): void {
  const told = notes.map(({ action, fields }) => `${action} ${String(fields.stream ?? "")}`);
  const about = `${client}: ${told.join(", ")}`;
  const open = new Map<string, number>();
  // Viewers by HTTP connect to nothing; their tcUrl names no port.
  const isRtmp = notes.some(({ fields }) => /^rtmps?:\/\/[^/]*:\d/.test(String(fields.tcUrl)));
  for (const [index, { action, fields }] of notes.entries()) {
    const stream = String(fields.stream ?? "");
    const [isFirst, isLast] = [index === 0, index === notes.length - 1];
    assert.equal(action === "on_connect", isRtmp && isFirst, `on_connect is the first: ${about}`);
    assert.equal(action === "on_close", isRtmp && isLast, `on_close is the last: ${about}`);
    const begin = BEGINS[action];
    if (begin !== undefined) {
      const left = (open.get(`${begin} ${stream}`) ?? 0) - 1;
      assert.ok(left >= 0, `an end without its begin: ${about}`);
      open.set(`${begin} ${stream}`, left);
    } else if (action === "on_publish" || action === "on_play") {
      open.set(`${action} ${stream}`, (open.get(`${action} ${stream}`) ?? 0) + 1);
    }
  }
  for (const [what, count] of open) {
    assert.equal(count, 0, `${what} has no end: ${about}`);
  }
  const numbers = notes.map(({ headers }) => Number(headers["x-weir-sequence"]));
  assert.deepEqual(
    numbers,
    [...numbers].sort((one, other) => one - other),
    `numbers rise: ${about}`,
  );
}

/**
 * Every RTMP session begins with on_connect and ends with on_close, and all between has begin and end; all verdicts were
 * to allow. @returns sessions.
 */
export function assertOrdered(notes: readonly HookNote[]): number {
  const keys = notes.map(({ headers }) => String(headers["idempotency-key"]));
  assert.equal(new Set(keys).size, keys.length, "a callback came twice");
  const sessions = new Map<string, HookNote[]>();
  for (const note of notes) {
    const client = String(note.fields.client_id);
    sessions.set(client, [...(sessions.get(client) ?? []), note]);
  }
  for (const [client, all] of sessions) {
    checkSession(client, all);
  }
  return sessions.size;
}
