import assert from "node:assert/strict";
import { test } from "node:test";
import { type Directive, decodeGrammar } from "../../../src/protocol/conf/grammar.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

const noInclude = (): string => assert.fail("no include expected");

function shapeOf(directive: Directive): unknown {
  const { name, args, children, isBlock, line } = directive;
  return isBlock ? [line, name, args, children.map(shapeOf)] : [line, name, args];
}

function refuse(text: string, code: string, line: number, message: RegExp): void {
  assert.throws(
    () => decodeGrammar(text, "x.conf", noInclude),
    (error: unknown) =>
      error instanceof ConfigError &&
      error.code === code &&
      error.place.line === line &&
      error.message.startsWith(`x.conf:${line}:${error.place.column}: `) &&
      message.test(error.message),
    JSON.stringify(text),
  );
}

test("names, arguments, blocks, comments and lines", () => {
  const text = [
    "\ufefflisten 1935  19350;# two",
    "# a { comment ;",
    "vhost v {",
    "\tplay{ gop_cache off; } }",
    "label 'a b' \"c;{}#d\";",
  ].join("\r\n");
  assert.deepEqual(decodeGrammar(text, "x.conf", noInclude).map(shapeOf), [
    [1, "listen", ["1935", "19350"]],
    [3, "vhost", ["v"], [[4, "play", [], [[4, "gop_cache", ["off"]]]]]],
    [5, "label", ["a b", "c;{}#d"]],
  ]);
});

test("an empty quoted argument counts as not given", () => {
  assert.deepEqual(decodeGrammar('tag "";', "x.conf", noInclude).map(shapeOf), [[1, "tag", []]]);
});

test("a # or quote inside a word is part of it", () => {
  const [directive] = decodeGrammar(`url rtmp://h/a#b'c";`, "x.conf", noInclude);
  assert.deepEqual(directive?.args, [`rtmp://h/a#b'c"`]);
});

test("nothing but comments is an empty configuration", () => {
  assert.deepEqual(decodeGrammar("\n # listen 1935;\n", "x.conf", noInclude), []);
});

test("errors tell file, line and column", () => {
  refuse("listen 1935;\nlisten 1936\nvhost v {}", "ERR_CONF_SYNTAX", 2, /line ends inside listen/);
  refuse("listen 1935 # comment\n;", "ERR_CONF_SYNTAX", 1, /line ends inside listen/);
  refuse("listen", "ERR_CONF_SYNTAX", 1, /end of file inside listen/);
  refuse("\nvhost v {\n play {\n }\n", "ERR_CONF_SYNTAX", 2, /"}" of vhost is missing/);
  refuse("\n}", "ERR_CONF_SYNTAX", 2, /unexpected "}"/);
  refuse("vhost v { play }", "ERR_CONF_SYNTAX", 1, /unexpected "}" inside play/);
  refuse("\n\n;", "ERR_CONF_SYNTAX", 3, /unexpected ";"/);
  refuse("{", "ERR_CONF_SYNTAX", 1, /unexpected "{"/);
  refuse('a "b', "ERR_CONF_SYNTAX", 1, /closing " is missing/);
  refuse("a 'b\nc';", "ERR_CONF_SYNTAX", 1, /closing ' is missing/);
  refuse('a "b"c;', "ERR_CONF_SYNTAX", 1, /unexpected "c"/);
  refuse('"";', "ERR_CONF_SYNTAX", 1, /unexpected ";"/);
  refuse("include;", "ERR_CONF_INCLUDE", 1, /include takes/);
  refuse("include a {}", "ERR_CONF_INCLUDE", 1, /include takes/);
});

test("the column is that of the fault, or of the name that lacks its end", () => {
  const columnOf = (text: string): number | undefined => {
    try {
      decodeGrammar(text, "x.conf", noInclude);
    } catch (error) {
      return error instanceof ConfigError ? error.place.column : undefined;
    }
    return undefined;
  };
  assert.equal(columnOf("listen 1935;\n  play {"), 3);
  assert.equal(columnOf("vhost v { a; } }"), 16);
  assert.equal(columnOf("\ufeffvhost v {};\n"), 11);
  assert.equal(columnOf("a 'b'c;"), 6);
  assert.equal(columnOf("ab\u0000c;"), 3);
  assert.equal(columnOf("a 'b\u0000';"), 5);
});

test("nesting is bounded", () => {
  refuse("a {".repeat(100_000), "ERR_CONF_LIMIT", 1, /nested deeper/);
});

test("include splices at any level, several files, and keeps their places", () => {
  const files: Record<string, string> = {
    "v.conf": "# vhosts\nvhost v { include play.conf more.conf; }",
    "play.conf": "play { gop_cache off; }",
    "more.conf": "\nmin_latency on;",
  };
  const include = (file: string): string => files[file] ?? assert.fail(file);
  const [listen, vhost] = decodeGrammar("listen 1;\ninclude v.conf;", "x.conf", include);
  assert.equal(listen?.file, "x.conf");
  assert.equal(vhost?.file, "v.conf");
  assert.equal(vhost?.line, 2);
  assert.deepEqual(
    vhost?.children.map(({ name, file, line }) => [name, file, line]),
    [
      ["play", "play.conf", 1],
      ["min_latency", "more.conf", 2],
    ],
  );
});

test("an include must be whole and cannot include itself for ever", () => {
  assert.throws(() => decodeGrammar("include a;", "x.conf", () => "}"), /a:1:1: unexpected "}"/);
  assert.throws(
    () => decodeGrammar("include a;", "x.conf", () => "vhost v {"),
    /a:1:1: end of file, "}" of vhost is missing/,
  );
  assert.throws(
    () => decodeGrammar("include a;", "x.conf", () => "include a;"),
    (error: unknown) => error instanceof ConfigError && error.code === "ERR_CONF_LIMIT",
  );
});
