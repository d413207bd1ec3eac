/** Playlists in which segments carry a viewer's parameters. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addQuery, fillTemplate, openTemplate } from "../../../src/protocol/hls/playlist-text.ts";

const LIMIT = { timeout: 10_000 };

const fillFor = (text: string, parameters: string): string =>
  fillTemplate(openTemplate(text), parameters);

describe("a playlist for one viewer", () => {
  test("all but keys elsewhere get the parameters", LIMIT, () => {
    const text =
      '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x0\n#EXT-X-MAP:URI="i.mp4"\n#EXT-X-PART:DURATION=1,URI="p?a=1"\n#EXTINF:1.000, no desc\ns.ts\n';
    assert.equal(
      fillFor(text, "hls_ctx=x"),
      '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k?hls_ctx=x",IV=0x0\n#EXT-X-MAP:URI="i.mp4?hls_ctx=x"\n#EXT-X-PART:DURATION=1,URI="p?a=1&hls_ctx=x"\n#EXTINF:1.000, no desc\ns.ts?hls_ctx=x\n',
    );
    assert.equal(fillFor(text, ""), text);
    const key = '#EXT-X-KEY:METHOD=AES-128,URI="https://keys.example/k"';
    assert.equal(fillFor(key, "hls_ctx=x"), key);
  });

  test("what is in groups gets those of its group besides, keys wherever they are", LIMIT, () => {
    const text = '#EXT-X-KEY:METHOD=AES-128,URI="https://k/a.key",IV=0x0\n1.ts\n2.ts?b=1\n1.ts\n';
    const asked: string[] = [];
    const template = openTemplate(text, (uri) => {
      asked.push(uri);
      return asked.length;
    });
    assert.deepEqual(asked, ["https://k/a.key", "1.ts", "2.ts?b=1", "1.ts"]);
    assert.equal(
      fillTemplate(template, "c=x", (group) => `g=${group}`),
      '#EXT-X-KEY:METHOD=AES-128,URI="https://k/a.key?c=x&g=1",IV=0x0\n1.ts?c=x&g=2\n2.ts?b=1&c=x&g=3\n1.ts?c=x&g=4\n',
    );
    const alike = openTemplate(text, () => 5);
    assert.equal(
      fillTemplate(alike, "", (group) => `g=${group}`),
      fillTemplate(alike, "g=5"),
    );
  });

  test("a viewer's text stays within its query", LIMIT, () => {
    assert.equal(addQuery("s.ts", 'a="b"\r\n#EXTINF:1,<x> \\`'), "s.ts?a=bEXTINF:1,x");
    fc.assert(
      fc.property(fc.string(), (text) => {
        const lines = fillFor('#EXT-X-MAP:URI="i"\ns.ts\n', text).split("\n");
        assert.equal(lines.length, 3);
        assert.match(lines[0] ?? "", /^#EXT-X-MAP:URI="[^"\s]+"$/);
      }),
    );
  });

  test(
    "whatever lines there are, each URI carries the parameters and nothing else changes",
    LIMIT,
    () => {
      const uri = fc.constantFrom("a.ts", "b/c.m4s?x=1", "http://h/d.ts", "?");
      const line = fc.oneof(
        uri.map((text) => ({ text, filled: addQuery(text, "k=v") })),
        uri.map((text) => ({
          text: `#EXT-X-PART:URI="${text}",A=1`,
          filled: `#EXT-X-PART:URI="${addQuery(text, "k=v")}",A=1`,
        })),
        fc
          .constantFrom(
            "",
            "#EXTINF:1.000, no desc",
            '#EXT-X-KEY:METHOD=A,URI="/k"',
            '#X:URI="open',
          )
          .map((text) => ({ text, filled: text })),
      );
      fc.assert(
        fc.property(fc.array(line), (lines) => {
          const text = lines.map((one) => one.text).join("\n");
          assert.equal(fillFor(text, "k=v"), lines.map((one) => one.filled).join("\n"));
        }),
      );
    },
  );
});
