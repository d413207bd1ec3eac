import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RejectedError } from "../../../src/protocol/errors.ts";
import {
  parseQuery,
  resolveConnect,
  resolveStreamRequest,
  streamKey,
} from "../../../src/protocol/rtmp/stream-url.ts";

interface Vector {
  readonly id: string;
  readonly tcUrl: string;
  readonly app?: string;
  readonly stream: string;
  readonly streamFromApp?: boolean;
  /** host, vhost, app, stream, param */
  readonly expected: readonly [string, string, string, string, string];
}

const VECTORS: readonly Vector[] = [
  {
    id: "B-31 the stream stands in connect's app",
    tcUrl: "rtmp://h/live",
    app: "live/livestream",
    stream: "",
    expected: ["h", "h", "live", "livestream", ""],
  },
  {
    id: "B-31 the stream stands in tcUrl",
    tcUrl: "rtmp://h/live/livestream",
    stream: "",
    expected: ["h", "h", "live", "livestream", ""],
  },
  {
    id: "B-32 vhost and token after the app",
    tcUrl: "rtmp://h:19351/live?vhost=demo&token=abc",
    stream: "show",
    expected: ["h", "demo", "live", "show", "?vhost=demo&token=abc"],
  },
  {
    id: "B-33 vhost and token after the stream",
    tcUrl: "rtmp://h/live",
    stream: "show?vhost=demo&token=abc",
    expected: ["h", "demo", "live", "show", "?vhost=demo&token=abc"],
  },
  {
    id: "B-34 ...vhost...",
    tcUrl: "rtmp://h/live...vhost...demo",
    stream: "show",
    expected: ["h", "demo", "live", "show", "?vhost=demo"],
  },
  {
    id: "B-35 ...vhost... with a token",
    tcUrl: "rtmp://h/live...vhost...demo&token=abc",
    stream: "show",
    expected: ["h", "demo", "live", "show", "?vhost=demo&token=abc"],
  },
  {
    id: "B-36 && before vhost",
    tcUrl: "rtmp://h/live",
    stream: "show?key=abc&&vhost=demo.com",
    expected: ["h", "demo.com", "live", "show", "?key=abc&&vhost=demo.com"],
  },
  {
    id: "B-36 && before domain",
    tcUrl: "rtmp://h/live",
    stream: "show?key=abc&&domain=demo.com",
    expected: ["h", "demo.com", "live", "show", "?key=abc&&domain=demo.com"],
  },
  {
    id: "B-37 only the default vhost",
    tcUrl: "rtmp://h/live",
    stream: "show?vhost=__defaultVhost__",
    expected: ["h", "h", "live", "show", ""],
  },
  {
    id: "B-37 the default vhost among others is kept in the query",
    tcUrl: "rtmp://h/live",
    stream: "show?vhost=__defaultVhost__&a=1",
    expected: ["h", "h", "live", "show", "?vhost=__defaultVhost__&a=1"],
  },
  {
    id: "B-38 no app",
    tcUrl: "rtmp://winlin.cn/",
    stream: "show",
    expected: ["winlin.cn", "winlin.cn", "__defaultApp__", "show", ""],
  },
  {
    id: "B-39 _definst_",
    tcUrl: "rtmp://h/live/_definst_",
    stream: "show",
    expected: ["h", "h", "live", "show", ""],
  },
  {
    id: "B-40 app of two segments",
    tcUrl: "rtmp://h/app/app2",
    stream: "stream?k=v",
    expected: ["h", "h", "app/app2", "stream", "?k=v"],
  },
  {
    id: "B-41 query after an app of two segments",
    tcUrl: "rtmp://h/app/app2?k=v",
    stream: "stream",
    expected: ["h", "h", "app/app2", "stream", "?k=v"],
  },
  {
    id: "B-42 app with stream and query",
    tcUrl: "rtmp://h/live/livestream?secret=xxx",
    app: "live/livestream?secret=xxx",
    stream: "",
    expected: ["h", "h", "live", "livestream", "?secret=xxx"],
  },
  {
    id: "B-42 only connect's app is that long",
    tcUrl: "rtmp://h/live",
    app: "live/livestream?secret=xxx",
    stream: "",
    expected: ["h", "h", "live", "livestream", "?secret=xxx"],
  },
  {
    id: "B-43 stream behind the query",
    tcUrl: "rtmp://h/live?secret=xxx/livestream",
    stream: "",
    expected: ["h", "h", "live", "livestream", "?secret=xxx"],
  },
  {
    id: "B-44 the whole URL in Server with a query, which comes twice",
    tcUrl: "rtmp://h/live/key?key=val",
    app: "live/key?key=val",
    stream: "?key=val",
    expected: ["h", "h", "live", "key", "?key=val"],
  },
  {
    id: "B-44 the key is only a query",
    tcUrl: "rtmp://h/live/key",
    stream: "?key=val",
    expected: ["h", "h", "live", "key", "?key=val"],
  },
  {
    id: "B-45 one segment and no stream, when configured",
    tcUrl: "rtmp://h:1935/comp1",
    stream: "",
    streamFromApp: true,
    expected: ["h", "h", "__defaultApp__", "comp1", ""],
  },
  {
    id: "B-46 user and password",
    tcUrl: "rtmp://user:p@ss@h/live",
    stream: "show",
    expected: ["h", "h", "live", "show", ""],
  },
  {
    id: "B-47 IPv6",
    tcUrl: "rtmp://[::1]:1935/live",
    stream: "show",
    expected: ["::1", "::1", "live", "show", ""],
  },
  {
    id: "B-48 fragment",
    tcUrl: "rtmps://h/live",
    stream: "show#part",
    expected: ["h", "h", "live", "show", ""],
  },
  {
    id: "B-49 upper-case host",
    tcUrl: "rtmp://Cam1.Example.COM/live",
    stream: "Show",
    expected: ["cam1.example.com", "cam1.example.com", "live", "Show", ""],
  },
  {
    id: "B-17 quoted tcUrl (Neko)",
    tcUrl: "'rtmp://h/live",
    stream: "show",
    expected: ["h", "h", "live", "show", ""],
  },
  {
    id: "A8-08 query vhost before query domain before host",
    tcUrl: "rtmp://h/live?domain=one",
    stream: "show?vhost=two",
    expected: ["h", "two", "live", "show", "?vhost=two&domain=one"],
  },
  {
    id: "slashes at the seams",
    tcUrl: "rtmp://h/live/",
    stream: "/show",
    expected: ["h", "h", "live", "show", ""],
  },
  {
    id: "slash in a token is no path",
    tcUrl: "rtmp://h/live",
    stream: "show?token=ab/cd==",
    expected: ["h", "h", "live", "show", "?token=ab/cd=="],
  },
  {
    id: "the app goes on in the stream name, as SRS joins them",
    tcUrl: "rtmp://h/live",
    stream: "room/show",
    expected: ["h", "h", "live/room", "show", ""],
  },
  {
    id: "letters of any script",
    tcUrl: "rtmp://h/live",
    stream: "日本語-é",
    expected: ["h", "h", "live", "日本語-é", ""],
  },
];

describe("stream URL vectors", () => {
  for (const vector of VECTORS) {
    it(vector.id, () => {
      const { id: _id, expected, ...input } = vector;
      const { host, vhost, app, stream, param } = resolveStreamRequest(input);
      assert.deepEqual([host, vhost, app, stream, param], expected);
    });
  }
});

function rejects(status: string, tcUrl: string, stream: string, app = ""): void {
  assert.throws(
    () => resolveStreamRequest({ tcUrl, stream, app }),
    (error: unknown) => error instanceof RejectedError && error.status === status,
    `${JSON.stringify(tcUrl)} ${JSON.stringify(stream)}`,
  );
}

const BAD_NAME = "NetStream.Publish.BadName";
const REJECTED = "NetConnection.Connect.Rejected";

describe("stream URL refusals", () => {
  it("A8-01 A8-02 A8-03 stream names that are no names", () => {
    const names = [
      "..",
      "../../x",
      "a/../b",
      "%2e%2e/x",
      "..%2f",
      "....//",
      "a\\b",
      "/etc/passwd",
      "C:",
      "a%2fb",
      "a%00b",
      "a\u0000b",
      "a\r\nb",
      "a\tb",
      "\u001b[31m",
      "a\u007f",
      "a\u2028b",
      "a\u202eb",
      "\ufffd",
      "<script>",
      "a'b",
      'a"b',
      "$" + "{x}",
      "`id`",
      "a;b",
      "a|b",
      "a$b",
      "a(b)",
      "a b",
      "a%zz",
      "a%ff",
      "x".repeat(257),
      "é".repeat(129),
      "",
      "?a=b",
      ".",
      "x?a=\r\nHost:%20evil",
    ];
    for (const name of names) {
      rejects(BAD_NAME, "rtmp://h/live", name);
    }
    rejects(BAD_NAME, "rtmp://h/live", `show?${"a".repeat(8 * 1024)}&`);
  });

  it("A8-01 A5-02 tcUrls that are no URLs", () => {
    const urls = [
      "%%%::://",
      "h/live",
      "rtmp:/h/live",
      "rtmp:///live",
      "rtmp://h:x/live",
      "rtmp://[::1/live",
      "rtmp://h/../live",
      "rtmp://h/a//b",
      "rtmp://h/li\u0000ve",
      "rtmp://h/live\\x",
      "rtmp://h/live?vhost=../x",
      "rtmp://h/live?vhost=a%2fb",
      `rtmp://h/live?vhost=${"v".repeat(300)}`,
      `rtmp://h/${"a".repeat(129)}`,
      `rtmp://h/${"a".repeat(60_000)}`,
    ];
    for (const url of urls) {
      rejects(REJECTED, url, "show");
    }
    rejects(REJECTED, "", "show");
  });

  it("B-47 ports 0 and 99999", () => {
    rejects(REJECTED, "rtmp://h:0/live", "show");
    rejects(REJECTED, "rtmp://h:99999/live", "show");
    assert.equal(resolveConnect({ tcUrl: "rtmp://h/live", stream: "" }).port, 1935);
    assert.equal(resolveConnect({ tcUrl: "rtmp://h:65535/live", stream: "" }).port, 65_535);
  });

  it("B-45 A5-08 one segment and no stream is a bad name by default", () => {
    rejects(BAD_NAME, "rtmp://h/comp1", "");
  });
});

describe("stream URL details", () => {
  it("A8-05 decodes once", () => {
    const request = { tcUrl: "rtmp://h/li%76e", stream: "%61" };
    assert.equal(streamKey(resolveStreamRequest(request)), "h/live/a");
    rejects(BAD_NAME, "rtmp://h/live", "%2541");
  });

  it("B-46 keeps credentials out of tcUrl", () => {
    const place = resolveConnect({ tcUrl: "rtmp://user:pass@h/live", stream: "" });
    assert.equal(place.tcUrl, "rtmp://h/live");
    assert.equal(place.credentials, "user:pass");
  });

  it("B-48 rtmps has port 443", () => {
    assert.equal(resolveConnect({ tcUrl: "rtmps://h/live", stream: "" }).port, 443);
  });

  it("A5-01 builds tcUrl from the app and the address reached", () => {
    const place = resolveConnect({ tcUrl: "", app: "live", stream: "", fallbackHost: "10.0.0.1" });
    assert.equal(place.tcUrl, "rtmp://10.0.0.1/live");
    assert.equal(place.app, "live");
  });

  it("connect keeps the whole app: the stream may stand in it", () => {
    const place = resolveConnect({ tcUrl: "rtmp://h/app/app2", stream: "" });
    assert.deepEqual([place.app, place.stream], ["app/app2", ""]);
  });

  it("A8-09 A8-10 parseQuery takes first values and at most 64 names", () => {
    const query = parseQuery("?sign=a&sign=b&a[]=1&__proto__=2&e=%41&bad=%zz&flag");
    assert.equal(query.get("sign"), "a");
    assert.equal(query.get("__proto__"), "2");
    assert.equal(query.get("e"), "A");
    assert.equal(query.get("bad"), "%zz");
    assert.equal(query.get("flag"), "");
    const many = Array.from({ length: 10_000 }, (_, index) => `k${index}=1`).join("&");
    assert.equal(parseQuery(many).size, 64);
  });
});
