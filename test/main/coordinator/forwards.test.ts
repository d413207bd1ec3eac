/** Where a stream goes: by configuration, backend and reload; what shards are told, and what the log may show. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Coordinator, type StreamEntry } from "../../../src/main/coordinator/coordinator.ts";
import { Forwards, type Publication } from "../../../src/main/coordinator/forwards.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { StreamSettings } from "../../../src/protocol/control/calls.ts";
import type { ForwardEvent, ForwardsOrder } from "../../../src/protocol/control/forward.ts";
import { RejectedError } from "../../../src/protocol/errors.ts";

const REQUEST = {
  vhost: "live.example.com",
  app: "live",
  stream: "a",
  param: "?token=hush",
  tcUrl: "rtmp://live.example.com/live",
  pageUrl: "",
  swfUrl: "",
  host: "live.example.com",
  port: 1935,
};
const BY: Publication = { id: "client01", ip: "1.2.3.4", request: REQUEST, path: "there" };
const SETTINGS = { upstream: null, chunkSize: 60_000 } as unknown as StreamSettings;
const BACKEND = "http://backend/ask";
const PLACE = { shard: 1, row: 5 };

let now: number;
let sent: ForwardsOrder[];
let logged: string[];
let config: Config;
let coordinator: Coordinator;
let forwards: Forwards;
let asked: string[];
let answer: readonly string[] | RejectedError;

function configOf(vhost: string): Config {
  const text = `listen 1935; vhost __defaultVhost__ { ${vhost} }`;
  return decodeConfig(text, "test.conf", { include: () => "", environment: {} }).config;
}

beforeEach(() => {
  now = 0;
  [sent, logged, asked, answer] = [[], [], [], []];
  const post = (message: ForwardsOrder): void => {
    if (message.kind === "forwards") {
      sent.push(message);
    }
  };
  const link = { index: 1, isAlive: true, isShard: true, post } as unknown as ShardLink;
  const shards = [undefined, link];
  coordinator = new Coordinator(new RingPool(2 ** 20), shards, () => 1);
  const log = (_id: string, text: string): void => void logged.push(text);
  forwards = new Forwards({
    config: () => config,
    coordinator,
    shards,
    log: { info: log, warn: log } as unknown as Logger,
    serverId: "me",
    version: "1.2.3",
    pid: 7,
    now: () => now,
    random: () => 0.5,
    after: () => () => undefined,
    backend: {
      ask: (_subject, { url }) => {
        asked.push(url);
        return answer instanceof RejectedError ? Promise.reject(answer) : Promise.resolve(answer);
      },
    },
  });
});

function publish(vhost: string): StreamEntry {
  config = configOf(vhost);
  const entry = coordinator.enter("__defaultVhost__/live/a", SETTINGS);
  entry.publisher = PLACE;
  forwards.publishes(entry, BY, 1);
  return entry;
}

function reload(vhost: string): void {
  config = configOf(vhost);
  forwards.prepare(config).commit();
}

async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Of the last order. */
function targets(): string[] {
  return (sent.at(-1)?.forwards ?? []).map(({ target }) => target.url);
}

function numbers(): number[] {
  return (sent.at(-1)?.forwards ?? []).map(({ id }) => id);
}

function tell(entry: StreamEntry, id: number, event: ForwardEvent): void {
  forwards.take({ kind: "forward", streamId: entry.id, id, event });
}

const LOST: ForwardEvent = {
  kind: "lost",
  end: { fault: "connect", detail: "nobody is there", mediaMs: 0 },
};

test("SRS: the name, the parameters, and the vhost where the default one has a host's name", () => {
  publish("forward { enabled on; destination a.example b:1936 [::1]:7; }");
  const rest = "/live/a?token=hush&vhost=live.example.com";
  assert.deepEqual(targets(), [
    `rtmp://a.example:1935${rest}`,
    `rtmp://b:1936${rest}`,
    `rtmp://[::1]:7${rest}`,
  ]);
  const [first] = sent.at(-1)?.forwards ?? [];
  assert.equal(first?.target.path, "there,me");
  assert.deepEqual(first?.target.identity, {
    server: "weir",
    version: "1.2.3",
    pid: 7,
    id: "client01",
  });
  assert.equal(logged.length, 3);
  assert.equal(logged[2], "forward begins, stream=__defaultVhost__/live/a, to=rtmp://[::1]:7/live");
});

test("nothing is sent on by an edge, nor where it is off", () => {
  publish("forward { destination a; }");
  reload("forward { enabled on; destination b; } cluster { mode remote; origin c; }");
  assert.deepEqual(sent, []);
});

test("a reload tells the shard when something changes; what stays keeps its number", () => {
  publish("forward { enabled on; destination a b; }");
  const [, b] = numbers();
  reload("forward { enabled on; destination b a; } chunk_size 128;");
  assert.equal(sent.length, 1);
  reload("forward { enabled on; destination b c; }");
  assert.equal(sent.length, 2);
  assert.equal(numbers()[0], b);
  assert.ok(!numbers().includes(numbers()[1] === b ? -1 : (b ?? 0) - 1));
  reload("");
  assert.deepEqual(targets(), []);
  reload("forward { enabled on; destination b; }");
  assert.notEqual(numbers()[0], b);
  assert.deepEqual(forwards.counts, { works: 0, waits: 1 });
});

test("when a publish is over its shard forgets what it was told, and late news counts for nobody", () => {
  const entry = publish("forward { enabled on; destination a; }");
  const [id = 0] = numbers();
  tell(entry, id, { kind: "works" });
  assert.deepEqual(forwards.counts, { works: 1, waits: 0 });
  coordinator.removePublisher(entry, PLACE);
  assert.deepEqual(targets(), []);
  assert.equal(sent.length, 2);
  tell(entry, id, LOST);
  assert.equal(forwards.faults.size, 0);
  assert.deepEqual(forwards.counts, { works: 0, waits: 0 });
});

test("when a shard is gone nothing is told, nor kept", () => {
  publish("forward { enabled on; destination a; }");
  forwards.shardDied(0);
  assert.deepEqual(forwards.counts, { works: 0, waits: 1 });
  forwards.shardDied(1);
  reload("forward { enabled on; destination b; }");
  assert.equal(sent.length, 1);
});

test("what a backend says is one publish's; keys are not shown", async () => {
  answer = ["rtmp://cdn/up/hush?key=hush", "rtmp://other/live/a"];
  config = configOf(`forward { enabled on; destination b; backend ${BACKEND}; }`);
  const subject = { clientId: "", ip: "", ...REQUEST, vhost: "__defaultVhost__" };
  const said = await forwards.ask(subject, 1000);
  const entry = coordinator.enter("__defaultVhost__/live/a", SETTINGS);
  forwards.admitted(entry, said);
  entry.publisher = PLACE;
  forwards.publishes(entry, BY, 1);
  assert.deepEqual(targets(), answer);
  // Under another name it may well come back here.
  assert.deepEqual(
    sent.at(-1)?.forwards.map(({ target }) => target.path),
    ["", "there,me"],
  );
  assert.match(logged[0] ?? "", /to=rtmp:\/\/cdn:1935\/up$/);
  const [id = 0] = numbers();
  const end = { fault: "refused", detail: "hush is published", mediaMs: 0 } as const;
  tell(entry, id, { kind: "lost", end });
  assert.match(logged.at(-1) ?? "", /lost its destination: refused \(\*\*\* is published\)/);
  assert.doesNotMatch(logged.join("\n"), /hush/);
  // The same name again, with an answer of its own.
  coordinator.removePublisher(entry, PLACE);
  answer = [];
  const next = coordinator.enter("__defaultVhost__/live/a", SETTINGS);
  forwards.admitted(next, await forwards.ask(subject, 1000));
  next.publisher = PLACE;
  forwards.publishes(next, BY, 1);
  assert.deepEqual(targets(), []);
  assert.equal(asked.length, 2);
});

test("a backend of a reload is asked about what is published; until it answers, or fails, all stays", async () => {
  publish("forward { enabled on; destination a; }");
  answer = new RejectedError("ERR_HOOK_FAILED", "NetStream.Publish.Denied", "No answer.");
  reload(`forward { enabled on; destination a; backend ${BACKEND}/1; }`);
  await settled();
  assert.equal(sent.length, 1);
  assert.match(logged.at(-1) ?? "", /stay as they are.*No answer/);
  answer = ["rtmp://cdn/up/b"];
  // It was asked already.
  reload(`forward { enabled on; destination b; backend ${BACKEND}/1; }`);
  await settled();
  assert.deepEqual(asked, [`${BACKEND}/1`]);
  assert.equal(sent.length, 1);
  reload(`forward { enabled on; backend ${BACKEND}/2; }`);
  await settled();
  assert.deepEqual(targets(), answer);
  // One that is replaced before it answers is not heard.
  reload(`forward { enabled on; backend ${BACKEND}/3; }`);
  reload("forward { enabled on; destination c; }");
  await settled();
  assert.match(targets()[0] ?? "", /^rtmp:\/\/c:1935/);
});

test("one line for each change; failures of one are told every 30 s with their number", () => {
  const entry = publish("forward { enabled on; destination a; }");
  const [id = 0] = numbers();
  const lines = (): string[] =>
    logged.slice(1).map((line) => line.replace(/, stream=.*, to.*live/, ""));
  tell(entry, id, { kind: "works" });
  assert.deepEqual(lines(), ["forward works"]);
  for (; now < 65_000; now += 1000) {
    tell(entry, id, LOST);
  }
  const lost = "forward lost its destination: connect (nobody is there)";
  assert.deepEqual(lines().slice(1), [lost, `${lost}; 29 more before`, `${lost}; 29 more before`]);
  tell(entry, id, { kind: "works" });
  assert.equal(lines().at(-1), "forward works");
  assert.equal(forwards.faults.get("connect"), 65);
  // One that comes and goes is told no more often.
  const before = lines().length;
  for (; now < 85_000; now += 1000) {
    tell(entry, id, LOST);
    tell(entry, id, { kind: "works" });
  }
  assert.equal(lines().length, before);
  tell(entry, id, { kind: "skipped", times: 3 });
  assert.equal(forwards.skips, 3);
});

test("a URL that nobody could publish by is left out, and told", () => {
  const long = { ...BY, request: { ...REQUEST, param: `?${"x".repeat(8191)}` } };
  config = configOf("forward { enabled on; destination a; }");
  const entry = coordinator.enter("__defaultVhost__/live/a", SETTINGS);
  entry.publisher = PLACE;
  forwards.publishes(entry, long, 1);
  assert.deepEqual(sent, []);
  assert.match(logged.join("\n"), /no forward, .*the URL is not allowed/);
});
