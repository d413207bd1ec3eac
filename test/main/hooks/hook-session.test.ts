/** One client's callbacks while the server of callbacks takes its time, for ever if need be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog } from "../../../src/main/hooks/chain.ts";
import { type HookEvent, HookSession } from "../../../src/main/hooks/hook-session.ts";
import type { HookSubject } from "../../../src/main/hooks/payload.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { HooksConfig } from "../../../src/protocol/conf/hooks.ts";
import { RejectedError } from "../../../src/protocol/errors.ts";
import { HOOK_SESSION_QUEUE_MAX } from "../../../src/protocol/limits.ts";

const LIMIT = { timeout: 20_000 };
const NO_BYTES = { sent: 0, received: 0 };
const URL_OF = "http://127.0.0.1:1/x";

function configOf(directives: string): HooksConfig {
  const text = `listen 1; vhost __defaultVhost__ { http_hooks { enabled on; ${directives} } }`;
  const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
  return config.vhosts.get("__defaultVhost__")?.hooks ?? assert.fail();
}

const ALL = ["on_connect", "on_close", "on_publish", "on_unpublish", "on_play", "on_stop"]
  .map((action) => `${action} ${URL_OF};`)
  .join(" ");

function subjectOf(stream: string): HookSubject {
  const place = { vhost: "__defaultVhost__", app: "live", stream };
  return { clientId: "c", ip: "1.2.3.4", param: "", tcUrl: "", pageUrl: "", ...place };
}

function keyOf(stream: string): string {
  return `__defaultVhost__/live/${stream}`;
}

/** Answers when a test says so. */
class Host {
  readonly backlog = new Backlog();
  readonly log: string[] = [];
  readonly #held: (() => void)[] = [];
  readonly #config: HooksConfig;
  isHeld = false;
  isLateAllowed = false;
  deadlineMs = 10_000;

  constructor(directives = ALL) {
    this.#config = configOf(directives);
  }

  configOf(): HooksConfig {
    return this.#config;
  }

  nextSequence(): number {
    return 1;
  }

  deadline(): number {
    return performance.now() + this.deadlineMs;
  }

  isKnown(): boolean {
    return false;
  }

  late({ action }: HookEvent): RejectedError | undefined {
    return this.isLateAllowed ? undefined : new RejectedError("ERR_HOOK_FAILED", action, "late");
  }

  busy({ action }: HookEvent): RejectedError {
    return new RejectedError("ERR_HOOK_BUSY", action, "busy");
  }

  ask(event: HookEvent): Promise<void> {
    return this.#note(event);
  }

  tell(event: HookEvent): Promise<void> {
    return this.#note(event);
  }

  /** Everything is answered from now on. */
  release(): void {
    this.isHeld = false;
    for (const go of this.#held.splice(0)) {
      go();
    }
  }

  #note({ action, subject }: HookEvent): Promise<void> {
    this.log.push(`${action} ${subject.stream}`);
    return this.isHeld
      ? new Promise<void>((resolve) => void this.#held.push(resolve))
      : Promise.resolve();
  }
}

async function codeOf(verdict: Promise<void> | undefined): Promise<string> {
  const error = await verdict?.then(
    () => assert.fail("it was allowed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RejectedError, String(error));
  return error.code;
}

test(
  "a question behind news that hangs is refused when its time is over, and never asked",
  LIMIT,
  async () => {
    const host = new Host();
    const session = new HookSession(host);
    await session.begin("publish", subjectOf("a"));
    host.isHeld = true;
    session.end("publish", keyOf("a"));
    host.deadlineMs = 50;
    assert.equal(await codeOf(session.begin("publish", subjectOf("b"))), "ERR_HOOK_FAILED");
    session.close(NO_BYTES);
    host.release();
    await host.backlog.empty();
    assert.deepEqual(host.log, ["on_publish a", "on_unpublish a"]);
  },
);

test("one that may fail open is let in then, and its end is told", LIMIT, async () => {
  const host = new Host();
  const session = new HookSession(host);
  await session.begin("play", subjectOf("a"));
  host.isHeld = true;
  session.end("play", keyOf("a"));
  host.deadlineMs = 50;
  host.isLateAllowed = true;
  await session.begin("play", subjectOf("b"));
  session.close(NO_BYTES);
  host.release();
  await host.backlog.empty();
  assert.deepEqual(host.log, ["on_play a", "on_stop a", "on_stop b"]);
});

test("who left before its question's turn came is not asked about", LIMIT, async () => {
  const host = new Host();
  const session = new HookSession(host);
  await session.begin("play", subjectOf("a"));
  host.isHeld = true;
  session.end("play", keyOf("a"));
  const verdict = codeOf(session.begin("play", subjectOf("b")));
  session.close(NO_BYTES);
  assert.equal(await verdict, "left");
  host.release();
  await host.backlog.empty();
  assert.deepEqual(host.log, ["on_play a", "on_stop a"]);
});

test("nothing begins after the end", LIMIT, async () => {
  const host = new Host();
  const session = new HookSession(host);
  session.close(NO_BYTES);
  assert.equal(await codeOf(session.begin("play", subjectOf("a"))), "left");
  await host.backlog.empty();
  assert.deepEqual(host.log, []);
});

test(
  "a client that plays and stops without end while a callback hangs: refused, all that began is told",
  LIMIT,
  async () => {
    const host = new Host(`on_stop ${URL_OF};`);
    host.isHeld = true;
    const session = new HookSession(host);
    let begun = 0;
    for (let attempt = 0; attempt < 100_000; attempt += 1) {
      const verdict = session.begin("play", subjectOf("a"));
      if (verdict !== undefined) {
        assert.equal(await codeOf(verdict), "ERR_HOOK_BUSY");
        break;
      }
      begun += 1;
      session.end("play", keyOf("a"));
    }
    assert.ok(host.backlog.count <= HOOK_SESSION_QUEUE_MAX + 1, `${host.backlog.count} wait`);
    host.release();
    await host.backlog.empty();
    assert.equal(host.log.length, begun);
  },
);
