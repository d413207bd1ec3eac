/** Words of commands: variables that strangers fill, redirections, names of logs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnsafeCommand } from "../../../src/main/programs/command.ts";
import { logFileOf } from "../../../src/main/programs/log-file.ts";
import {
  atMoment,
  commandOf,
  expandWord,
  splitRedirections,
} from "../../../src/main/programs/words.ts";

const words = (line: string): ReturnType<typeof splitRedirections> =>
  splitRedirections(line.split(" "));

test("redirections are what stands in the configuration, in every spelling", () => {
  const none = { args: ["a"], stdout: "", stderr: "" };
  for (const [line, expected] of [
    ["a", none],
    ["a > f", { ...none, stdout: "f" }],
    ["a >f", { ...none, stdout: "f" }],
    ["a >>f", { ...none, stdout: "f" }],
    ["a 1>f", { ...none, stdout: "f" }],
    ["a 1 > f", { ...none, stdout: "f" }],
    ["a 2> f", { ...none, stderr: "f" }],
    ["a 2 >f", { ...none, stderr: "f" }],
    ["> f 2>&1 a", { ...none, stdout: "f", stderr: "&1" }],
    ["a >", none],
    ["a gt(x>1) 2", { ...none, args: ["a", "gt(x>1)", "2"] }],
  ] as const) {
    assert.deepEqual(words(line), expected, line);
  }
});

test("a name is never an option, a redirection or a variable", () => {
  const hostile = new Map([
    ["stream", "-report"],
    ["pageUrl", "> /etc/passwd"],
    ["app", "[stream]"],
  ]);
  assert.throws(() => expandWord("[stream]", hostile), UnsafeCommand);
  assert.throws(() => expandWord("[stream].flv", hostile), UnsafeCommand);
  assert.equal(expandWord("./[stream].flv", hostile), "./-report.flv");
  assert.equal(expandWord("-x[stream]", hostile), "-x-report");
  assert.equal(expandWord("[app]", hostile), "[stream]");
  assert.equal(expandWord("[engine]", hostile), "[engine]");
  const command = commandOf("program", words("[pageUrl] > x"), hostile);
  assert.deepEqual([command.args, command.stdout], [["> /etc/passwd"], "x"]);
  assert.throws(() => expandWord("a[x]", new Map([["x", "\0"]])), UnsafeCommand);
});

test("a file of output stays where the template has it", () => {
  const variables = new Map([
    ["stream", "a"],
    ["app", "live/deep"],
    ["pageUrl", "../../etc/cron.d/x"],
    ["tcUrl", ".."],
    ["url", "rtmp://h:1/a?k=1"],
  ]);
  const fileOf = (word: string): string =>
    commandOf("p", { args: [], stdout: word, stderr: "" }, variables).stdout;
  assert.equal(fileOf("logs/[app]-[stream].log"), "logs/live/deep-a.log");
  assert.equal(fileOf("logs/[pageUrl]"), "logs/_/.._etc_cron.d_x".replace("/..", "_.."));
  assert.equal(fileOf("logs/[tcUrl]"), "logs/_");
  assert.equal(fileOf("logs/[url]"), "logs/rtmp:__h:1_a_k=1");
});

test("dates are those of the run, in local time or UTC", () => {
  const date = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  const template = "[2006]-[01]-[02] [15].[04].[05].[999] [timestamp]";
  const utc = expandWord(template, atMoment(new Map(), date, true));
  assert.equal(utc, `2026-01-02 03.04.05.006 ${date}`);
  const local = new Date(date);
  const [hour] =
    /(?<= )\d\d(?=\.)/.exec(expandWord(template, atMoment(new Map(), date, false))) ?? [];
  assert.equal(Number(hour), local.getHours());
});

test("names of logs are one file in the folder, whatever a stream is called", () => {
  assert.equal(logFileOf("/dev/null", ["a"]), "");
  assert.equal(
    logFileOf("./objs", ["ffmpeg-encoder", "v", "live/x", "a", ""]),
    "./objs/ffmpeg-encoder-v-live_x-a.log",
  );
  const long = "ñ".repeat(256);
  const [one, other] = [long, `${long}b`].map((name) =>
    logFileOf("d", ["ffmpeg", "v", "live", name]),
  );
  assert.ok(Buffer.byteLength(one ?? "") <= 210, one);
  assert.notEqual(one, other);
  assert.doesNotMatch(one ?? "", /\uFFFD/);
});
