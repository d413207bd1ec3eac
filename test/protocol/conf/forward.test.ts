/** The block forward: what counts, and what is refused with its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { ForwardConfig } from "../../../src/protocol/conf/forward.ts";

function decode(vhost: string): DecodedConfig {
  const text = `listen 1935;\nvhost v {\n${vhost}\n}`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

function forwardOf(vhost: string): ForwardConfig | undefined {
  return decode(vhost).config.vhosts.get("v")?.forward;
}

test("destinations are hosts with or without port, each once; SRS asks the first backend", () => {
  const text = "destination a.example b:1936 [::1]:1937 a.example; backend http://x/1 http://x/2;";
  assert.deepEqual(forwardOf(`forward { enabled on; ${text} }`), {
    enabled: true,
    destinations: [
      { host: "a.example", port: 0 },
      { host: "b", port: 1936 },
      { host: "::1", port: 1937 },
    ],
    backend: "http://x/1",
  });
  assert.deepEqual(forwardOf(""), { enabled: false, destinations: [], backend: "" });
  assert.deepEqual(forwardOf("forward a b:1;")?.destinations.length, 2);
});

test("what cannot be is refused with file, line and directive, and without what may be a secret", () => {
  const cases: [string, RegExp][] = [
    ["destination a b:70000;", /"b:70000" is not host/],
    ["destination rtmp://a/live;", /is not host/],
    ["destination user:hush@a:1;", /"\*\*\*@a:1" is not host/],
    ["backend ftp://x/y;", /backend "ftp:\/\/x\/y" is no URL/],
    ["backend http://u:hush@/y?key=hush;", /is no URL/],
    [`destination ${Array.from({ length: 65 }, (_, at) => `a${at}`).join(" ")};`, /more than 64/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => decode(`forward { enabled on;\n${text} }`),
      (error: { code?: string; message?: string; place?: { line: number; directive: string } }) => {
        assert.equal(error.code, "ERR_CONF_FORWARD");
        assert.match(String(error.message), message);
        assert.doesNotMatch(String(error.message), /hush/);
        assert.equal(error.place?.line, 4);
        assert.match(error.place?.directive ?? "", /^vhost\.forward\.(destination|backend)$/);
        return true;
      },
    );
    // As in SRS nobody looks at it while it is off.
    decode(`forward { ${text} }`);
  }
});

test("a forward that nothing comes of is told", () => {
  const told = (vhost: string): string => decode(vhost).warnings.join("\n");
  assert.match(told("forward { enabled on; }"), /forward of vhost v names no destination/);
  const edge = "cluster { mode remote; origin a; } forward { enabled on; destination b; }";
  assert.match(told(edge), /forward of vhost v has no effect: an edge sends to its origins/);
  assert.doesNotMatch(told("forward { enabled on; destination b; }"), /forward/);
});
