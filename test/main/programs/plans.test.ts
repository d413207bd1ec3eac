/** What should run for a stream and for the server, and what must not start itself. Spec: SRS compatibility §1B. */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { ownStreamOf } from "../../../src/main/programs/own-streams.ts";
import {
  execPlans,
  ingestPlans,
  type PublishedStream,
  transcodePlans,
} from "../../../src/main/programs/plans.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";

function decode(text: string): Config {
  const options = { include: (): string => "", environment: {} };
  return decodeConfig(`listen 1935 1940; ff_log_dir /logs; ${text}`, "x.conf", options).config;
}

const STREAM: PublishedStream = {
  key: "v/live/a",
  vhost: "v",
  app: "live",
  stream: "a",
  param: "?k=1 conn=x",
  tcUrl: "rtmp://elsewhere/live",
  swfUrl: "",
  pageUrl: "http://page/",
  port: 1940,
};

const ENGINE = "enabled on; vcodec copy; acodec copy;";
const TRANSCODE = (
  scope: string,
  name: string,
  output = "rtmp://127.0.0.1:[port]/[app]/[stream]_[engine]?vhost=[vhost]",
): string =>
  `transcode ${scope} { enabled on; ffmpeg f; engine ${name} { ${ENGINE} output ${output}; } }`;

test("exec: variables of the stream; the URL is this server's, whatever the publisher called it", () => {
  const config = decode(
    "vhost v { exec { enabled on; publish p [vhost] [port] [app] [stream] [url] [tcUrl] [pageUrl] [engine]; publish q; } }",
  );
  const [plan, second] = execPlans(config, STREAM);
  assert.deepEqual(plan?.commandAt(0).args, [
    ...["v", "1940", "live", "a", "rtmp://127.0.0.1:1940/live/a?k=1%20conn=x&vhost=v"],
    ...["rtmp://elsewhere/live", "http://page/", "[engine]"],
  ]);
  assert.deepEqual([plan?.id, second?.id], ["exec v/live/a 1", "exec v/live/a 2"]);
});

test("a publisher behind another port is found at a port of weir's", () => {
  const config = decode("vhost v { exec { enabled on; publish p [port] [url]; } }");
  const [plan] = execPlans(config, { ...STREAM, port: 443, param: "" });
  assert.deepEqual(plan?.commandAt(0).args, ["1935", "rtmp://127.0.0.1:1935/live/a?vhost=v"]);
});

test("transcode: vhost, then app, then stream; other scopes and what is off are left out", () => {
  const blocks = [
    TRANSCODE("live/a", "stream"),
    TRANSCODE("live", "app"),
    TRANSCODE("", "all"),
    TRANSCODE("other", "no"),
    TRANSCODE("live/b", "no"),
    "transcode { enabled on; engine none { enabled on; } }",
    "transcode live { engine off { } }",
  ];
  const plans = transcodePlans(decode(`vhost v { ${blocks.join(" ")} }`), STREAM);
  assert.deepEqual(
    plans.map(({ output }) => output),
    ["v/live/a_all", "v/live/a_app", "v/live/a_stream"],
  );
  const { args, stdout, stderr } = plans[0]?.commandAt(0) ?? assert.fail();
  assert.deepEqual(args.slice(0, 6), [
    ...["-loglevel", "info", "-f", "flv", "-i", "rtmp://127.0.0.1:1940/live?vhost=v/a"],
  ]);
  assert.equal(args.at(-1), "rtmp://127.0.0.1:1940/live/a_all?vhost=v");
  assert.equal(stdout, "/logs/ffmpeg-encoder-v-live-a-all.log");
  assert.equal(stderr, stdout);
});

test("an edge runs neither exec nor transcode; a vhost that is off runs nothing", () => {
  const blocks = `exec { enabled on; publish p; } ${TRANSCODE("", "x")}`;
  const edge = decode(`vhost v { cluster { mode remote; origin o; } ${blocks} }`);
  const off = decode(`vhost v { enabled off; ${blocks} }`);
  for (const config of [edge, off]) {
    assert.deepEqual([...execPlans(config, STREAM), ...transcodePlans(config, STREAM)], []);
  }
});

test("ingest: one for each engine; off means copied, the default vhost is not named", () => {
  const config = decode(`
    vhost __defaultVhost__ { ingest i { enabled on; ffmpeg f; input { type stream; url rtsp://cam/[2006]; }
      engine { output rtmp://127.0.0.1:[port]/live/cam?vhost=[vhost]; }
      engine { enabled on; vcodec vn; acodec copy; oformat ts; output rtmp://h/live?vhost=[vhost]/b; } } ingest off { } }
    vhost w { enabled off; ingest j { enabled on; ffmpeg f; input { url x; } engine { output o; } } }`);
  const plans = ingestPlans(config);
  assert.deepEqual(
    plans.map(({ id, commandAt }) => [id, commandAt(Date.UTC(2026, 5)).args.join(" ")]),
    [
      [
        "ingest __defaultVhost__/i 1",
        "-loglevel info -re -i rtsp://cam/2026 -vcodec copy -acodec copy -f flv -y rtmp://127.0.0.1:1935/live/cam",
      ],
      [
        "ingest __defaultVhost__/i 2",
        "-loglevel info -re -i rtsp://cam/2026 -vn -acodec copy -f flv -y rtmp://h/live/b",
      ],
    ],
  );
  assert.equal(plans[0]?.commandAt(0).stderr, "/logs/ffmpeg-ingest-__defaultVhost__-live-cam.log");
});

test("what a plan is made of makes another one of it", () => {
  const identity = (text: string, stream = STREAM): string =>
    transcodePlans(decode(`vhost v { ${text} }`), stream)[0]?.identity ?? assert.fail();
  const one = identity(TRANSCODE("", "x"));
  assert.equal(identity(`play { gop_cache off; } ${TRANSCODE("", "x")}`), one);
  assert.notEqual(identity(TRANSCODE("", "x").replace("copy", "vn")), one);
  assert.notEqual(identity(TRANSCODE("", "x"), { ...STREAM, port: 1935 }), one);
});

test("a stream of this server is known in every form of its URL", () => {
  const config = decode("vhost v {} vhost __defaultVhost__ {}");
  const here = `rtmp://${hostname()}:1940/live/a`;
  for (const [url, key] of [
    ["rtmp://127.0.0.1/live/a?vhost=v", "v/live/a"],
    ["rtmp://127.0.0.1:1940/live?vhost=v/a", "v/live/a"],
    ["rtmp://127.0.0.1:1935/live/deep?vhost=v/a", "v/live/deep/a"],
    ["rtmp://localhost:1935/live/a?vhost=v&x=b/c", "v/live/a"],
    ["rtmp://127.0.0.1:1935/live/a?vhost=__defaultVhost__", "__defaultVhost__/live/a"],
    ["rtmp://[::1]:1935/live/a", "__defaultVhost__/live/a"],
    [here, "__defaultVhost__/live/a"],
    ["rtmp://127.0.0.1:1936/live/a", ""],
    ["rtmp://192.0.2.1:1935/live/a", ""],
    ["./a.flv", ""],
    ["rtmp://", ""],
  ] as const) {
    assert.equal(ownStreamOf(url, config), key, url);
  }
});
