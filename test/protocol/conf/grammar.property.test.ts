import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Directive, decodeGrammar } from "../../../src/protocol/conf/grammar.ts";

interface Tree {
  readonly name: string;
  readonly args: readonly string[];
  readonly children: readonly Tree[] | undefined;
}

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,11}$/).filter((word) => word !== "include");
const argument = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((word) => !/[\n"]/.test(word));

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record(
    {
      name,
      args: fc.array(argument, { maxLength: 3 }),
      children: fc.option(fc.array(tie("tree"), { maxLength: 3 }), {
        nil: undefined,
        maxDepth: 4,
        depthIdentifier: "conf",
      }),
    },
    { noNullPrototype: true },
  ),
}));

function encode(directive: Tree): string {
  const head = [directive.name, ...directive.args.map((word) => `"${word}"`)].join(" ");
  return directive.children === undefined
    ? `${head};\n`
    : `${head} {\n${directive.children.map(encode).join("")}}\n`;
}

function strip({ name: word, args, children, isBlock }: Directive): Tree {
  return { name: word, args, children: isBlock ? children.map(strip) : undefined };
}

test("decode(encode(tree)) = tree", () => {
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 4 }), (trees) => {
      const text = trees.map(encode).join("");
      const decoded = decodeGrammar(text, "x.conf", () => assert.fail("include"));
      assert.deepEqual(decoded.map(strip), trees);
    }),
    { numRuns: 200 },
  );
});
