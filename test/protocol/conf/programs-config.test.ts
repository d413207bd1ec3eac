/** The blocks exec, ingest and transcode: what they mean, and what could never run. Spec: SRS compatibility §1B. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { ProgramsConfig } from "../../../src/protocol/conf/programs-config.ts";
import { describeStep, planReload } from "../../../src/protocol/conf/reload-plan.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";

function decode(block: string): DecodedConfig {
  const text = `listen 1935;\nvhost v {\n${block}\n}`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

function programsOf(block: string): ProgramsConfig {
  return decode(block).config.vhosts.get("v")?.programs ?? assert.fail();
}

function refuse(block: string, message: RegExp): void {
  assert.throws(
    () => decode(block),
    (error) =>
      error instanceof ConfigError &&
      error.code === "ERR_CONF_PROGRAM" &&
      message.test(error.message),
    block,
  );
}

const INGEST = "enabled on; ffmpeg f; input { type file; url u; }";
const CODECS = "vcodec copy; acodec copy;";
const engine = (text: string): string =>
  `transcode { enabled on; ffmpeg f;\nengine e { enabled on; ${text} } }`;

test("exec: each publish is a program and its words", () => {
  const { exec } = programsOf(
    "exec { enabled on;\npublish ./a -i [url] '> x' > out; publish; publish b; }",
  );
  assert.equal(exec.isEnabled, true);
  assert.deepEqual(
    exec.publish.map(({ program: { file }, words }) => [file, ...words]),
    [["./a", "-i", "[url]", "> x", ">", "out"], ["b"]],
  );
  const at = { file: "x.conf", line: 4, directive: "vhost.exec.publish" };
  assert.deepEqual(exec.publish[0]?.program.at, at);
});

test("transcode: all blocks with their scope, options with their dash", () => {
  const { transcodes } = programsOf(`
    transcode { ffmpeg f; engine a { perfile { re; -x 1 2; } } engine b { vfps 29.97; } }
    transcode live/a { enabled on; }`);
  assert.deepEqual(
    transcodes.map(({ scope, isEnabled, engines }) => [scope, isEnabled, engines.length]),
    [
      ["", false, 2],
      ["live/a", true, 0],
    ],
  );
  const [a, b] = transcodes[0]?.engines ?? [];
  assert.deepEqual([a?.name, a?.perfile, a?.threads], ["a", ["-re", "-x", "1"], 1]);
  assert.deepEqual([b?.framesPerSecond, b?.inputFormat, b?.outputFormat], [29.97, "flv", "flv"]);
});

test("what could never run is refused, with its place", () => {
  refuse(engine(CODECS), /^x\.conf:4:\d+: engine e has no output/);
  refuse(engine("output o; acodec copy;"), /engine e has no vcodec/);
  refuse(engine("output o; vcodec copy;"), /engine e has no acodec/);
  refuse(engine("output o; vcodec vn; acodec an;"), /neither video nor audio/);
  refuse(engine("output o; acodec an; vcodec libx264; vpreset p;"), /needs a vprofile for libx264/);
  refuse(engine("output o; acodec an; vcodec libx264; vprofile p;"), /needs a vpreset/);
  refuse(engine("output o; vcodec copy; acodec aac; achannels 3;"), /achannels is 3, from 0 to 2/);
  refuse(
    engine("output o; vcodec copy; acodec libaacplus;\nabitrate 100;"),
    /^x\.conf:5:1: abitrate of libaacplus is 100/,
  );
  refuse(`ingest i { ${INGEST} }`, /ingest i has no engine/);
  refuse(`ingest i { ${INGEST} engine { } }`, /ingest i has no output/);
  refuse("ingest i { enabled on; input { url u; } }", /ingest i names no ffmpeg/);
  refuse("ingest i { enabled on; ffmpeg f; }", /ingest i has no input url/);
  refuse("ingest i { enabled on; ffmpeg f; input { type device; url u; } }", /type device/);
});

test("what is switched off, or copied, may be as it likes", () => {
  for (const block of [
    "transcode { engine e { enabled on; } }",
    "transcode { enabled on; ffmpeg f; engine e { achannels 9; } }",
    engine("output o; vcodec copy; acodec copy; achannels 9;"),
    engine("output o; vcodec png; acodec an;"),
    "ingest i { input { type device; } }",
    `ingest i { ${INGEST} engine { output o; } }`,
    `ingest i { ${INGEST} engine { enabled on; vcodec libx264; output o; } }`,
  ]) {
    assert.ok(decode(block), block);
  }
  const { warnings } = decode("transcode { enabled on; engine e { enabled on; } }");
  assert.match(warnings.join("\n"), /x\.conf:3: transcode names no ffmpeg, so it is ignored/);
});

test("a reload tells what differs in blocks that hold anything", () => {
  const plan = (before: string, after: string): string[] =>
    planReload(decode(before).settings, decode(after).settings).map(describeStep);
  const ingest = (perfile: string): string => `ingest i { engine { perfile { ${perfile} } } }`;
  assert.deepEqual(plan(ingest("re;"), ingest("re; t 1;")), [
    "hot       vhost v.ingest i.engine 1.perfile: re -> re; t 1",
  ]);
});
