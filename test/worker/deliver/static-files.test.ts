/** Files over HTTP on both libraries: what is sent, in parts or not at all, and what nobody can reach. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { waitUntil } from "../../support/scratch.ts";
import { MOUNTS, openFiles, other, StaticBench, top } from "./static-bench.ts";

const LIMIT = { timeout: 30_000 };
const WAIT_MS = 15_000;
const STALL_MS = 20_000;

for (const library of ["uws", "node"]) {
  describe(`on ${library}`, () => {
    let bench: StaticBench;
    const ask: StaticBench["ask"] = (...wanted) => bench.ask(...wanted);

    before(async () => {
      bench = await StaticBench.start(library, STALL_MS);
    });

    after(() => bench?.close());

    test("a file, with its type and what caches need", LIMIT, async () => {
      const { status, headers, body } = await ask("/digits.txt?v=1");
      assert.equal(status, 200);
      assert.equal(body.toString(), "0123456789");
      assert.equal(headers["content-type"], "text/plain; charset=utf-8");
      assert.equal(headers["content-length"], "10");
      assert.equal(headers["last-modified"], "Mon, 06 May 2024 07:08:09 GMT");
      assert.match(headers.etag ?? "", /^"[0-9a-f]+-[0-9a-f]+"$/);
      assert.equal(headers["accept-ranges"], "bytes");
      assert.equal(headers["access-control-allow-origin"], "*");
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal((await ask("/folder/deep/a%20b%2541.js")).body.toString(), "1");
      assert.equal((await ask("/video.flv")).headers["content-type"], "video/x-flv");
      assert.equal(
        (await ask("/large.bin", {}, "HEAD")).headers["content-type"],
        "application/octet-stream",
      );
      assert.equal((await ask("/.well-known/token")).body.toString(), "well known");
      const empty = await ask("/empty.txt");
      assert.deepEqual(
        [empty.status, empty.body.length, empty.headers["content-length"]],
        [200, 0, "0"],
      );
    });

    test(
      "index.html of a folder; a folder without slash is redirected, one without index is not there",
      LIMIT,
      async () => {
        assert.equal((await ask("/")).body.toString(), "<p>root</p>");
        assert.equal((await ask("/folder/")).body.toString(), "<p>folder</p>");
        const { status, headers } = await ask("/folder?a=b");
        assert.deepEqual([status, headers.location], [302, "/folder/?a=b"]);
        for (const path of ["/bare", "/bare/", "/digits.txt/", "/folder/index.html/"]) {
          assert.equal((await ask(path)).status, 404, path);
        }
      },
    );

    test("HEAD tells the same headers and no body; other methods are refused", LIMIT, async () => {
      const whole = await ask("/digits.txt");
      const head = await ask("/digits.txt", {}, "HEAD");
      assert.equal(head.body.length, 0);
      for (const name of ["content-length", "etag", "last-modified", "content-type"]) {
        assert.equal(head.headers[name], whole.headers[name], name);
      }
      assert.equal((await ask("/digits.txt", {}, "POST")).status, 405);
      assert.equal((await ask("/digits.txt", {}, "OPTIONS")).status, 204);
    });

    test(
      "A9-09 ranges: one part, a suffix, an open end; anything else is refused",
      LIMIT,
      async () => {
        for (const [range, text, told] of [
          ["bytes=0-3", "0123", "bytes 0-3/10"],
          ["bytes=4-", "456789", "bytes 4-9/10"],
          ["bytes=-3", "789", "bytes 7-9/10"],
          ["bytes=-99", "0123456789", "bytes 0-9/10"],
          ["bytes=8-99", "89", "bytes 8-9/10"],
          ["BYTES = 9-9", "9", "bytes 9-9/10"],
        ] as const) {
          const { status, headers, body } = await ask("/digits.txt", { Range: range });
          assert.deepEqual(
            [status, body.toString(), headers["content-range"]],
            [206, text, told],
            range,
          );
          assert.equal(headers["content-length"], String(text.length));
        }
        const many = `bytes=${Array.from({ length: 100 }, (_, index) => `${index % 5}-9`).join(",")}`;
        for (const range of [
          "bytes=5-1",
          "bytes=-0",
          "bytes=10-",
          "bytes=-",
          "bytes=a-b",
          "bytes=0-1,3-4",
          many,
          "bytes=99999999999999999999-",
        ]) {
          const { status, headers, body } = await ask("/digits.txt", { Range: range });
          assert.deepEqual([status, headers["content-range"]], [416, "bytes */10"], range);
          assert.equal(body.length, 0);
        }
        assert.equal((await ask("/digits.txt", { Range: "lines=1-2" })).status, 200);
        assert.equal((await ask("/digits.txt", { Range: "bytes=0-3" }, "HEAD")).status, 200);
      },
    );

    test("If-None-Match, If-Modified-Since and If-Range", LIMIT, async () => {
      const { headers } = await ask("/digits.txt");
      const tag = headers.etag ?? "";
      const date = headers["last-modified"] ?? "";
      const before = "Mon, 06 May 2024 07:08:08 GMT";
      for (const [asked, status] of [
        [{ "If-None-Match": tag }, 304],
        [{ "If-None-Match": `"x", W/${tag}` }, 304],
        [{ "If-None-Match": "*" }, 304],
        [{ "If-None-Match": '"x"' }, 200],
        [{ "If-Modified-Since": date }, 304],
        [{ "If-Modified-Since": before }, 200],
        [{ "If-Modified-Since": "rubbish" }, 200],
        [{ "If-None-Match": '"x"', "If-Modified-Since": date }, 200],
        [{ Range: "bytes=0-1", "If-Range": tag }, 206],
        [{ Range: "bytes=0-1", "If-Range": date }, 206],
        [{ Range: "bytes=0-1", "If-Range": '"x"' }, 200],
        [{ Range: "bytes=0-1", "If-Range": before }, 200],
      ] as const) {
        const answer = await ask("/digits.txt", asked as Readonly<Record<string, string>>);
        assert.equal(answer.status, status, JSON.stringify(asked));
        assert.equal(answer.headers.etag, tag);
        assert.equal(answer.body.length, status === 304 ? 0 : status === 206 ? 2 : 10);
      }
    });

    test("A9-01 A8-01 E-80 nothing outside is reached, however it is spelled", LIMIT, async () => {
      const spellings = [
        "/../secret.txt",
        "/../../etc/passwd",
        "/folder/../../secret.txt",
        "/./digits.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%5csecret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/....//secret.txt",
        "/..;/secret.txt",
        "/folder/..;/..;/secret.txt",
        "//etc/passwd",
        "//secret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%e0%80%ae%e0%80%ae/secret.txt",
        "/%u002e%u002e/secret.txt",
        "/folder%2f..%2f..%2fsecret.txt",
        "/digits.txt%00.html",
        "/%00",
        "/%",
        "/%zz",
        "/C:/secret.txt",
        "/folder//index.html",
        "/%2fetc/passwd",
        "/%5c%5chost/share",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        `/${"a/".repeat(3000)}`,
        `/${"x".repeat(300)}`,
        `/${"../".repeat(50)}etc/passwd`,
      ];
      for (const path of spellings) {
        let answer = "";
        for await (const part of bench.begin(path, "Connection: close\r\n")) {
          answer += String(part);
        }
        assert.match(answer, /^HTTP\/1\.1 (400|404|414|431) /, path);
        assert.doesNotMatch(answer, /secret\n|secret$|root:/, path);
      }
    });

    test("E-58 no listing and no dotfiles", LIMIT, async () => {
      for (const path of [
        "/.env",
        "/.git/config",
        "/.git/",
        "/%2eenv",
        "/folder/.hidden",
        "/bare/",
      ]) {
        const { status, body } = await ask(path);
        assert.equal(status, 404, path);
        assert.doesNotMatch(body.toString(), /secret|inner/);
      }
    });

    test("A9-01 E-85 a link leads anywhere inside and nowhere else", LIMIT, async () => {
      assert.equal((await ask("/inside.txt")).body.toString(), "0123456789");
      for (const path of ["/escape.txt", "/etc/passwd", "/etc/", "/etc", "/loop", "/pipe"]) {
        assert.equal((await ask(path)).status, 404, path);
      }
      await waitUntil("nothing stays open", () => openFiles() === 0, WAIT_MS);
    });

    test("a mount of a host is that host's", LIMIT, async () => {
      const of = { Host: "V.example:8080" };
      assert.equal((await ask("/more/there.txt", of)).body.toString(), "there");
      assert.equal((await ask("/digits.txt", of)).body.toString(), "0123456789");
      assert.equal((await ask("/more/there.txt")).status, 404);
      assert.equal((await ask("/more/digits.txt", of)).status, 404);
    });

    test("directories that are not there, and other ones from now on", LIMIT, async () => {
      bench.service.change([{ host: "", path: "", dir: join(top, "nowhere") }]);
      assert.equal((await ask("/digits.txt")).status, 404);
      bench.service.change([{ host: "", path: "", dir: other }]);
      assert.equal((await ask("/there.txt")).status, 200);
      bench.service.change(MOUNTS);
    });
  });
}
