import assert from "node:assert/strict";
import { test } from "node:test";
import type { OriginTarget } from "../../../src/protocol/control/upstream.ts";
import { FlvAttempt } from "../../../src/worker/upstream/flv-attempt.ts";
import type { AttemptOptions } from "../../../src/worker/upstream/upstream.ts";

test("an origin whose URL cannot be asked for is refused when the attempt is made", () => {
  for (const url of ["http://[bad/live/a.flv", "ftp://127.0.0.1/live/a.flv", "not a URL", ""]) {
    const target: OriginTarget = {
      protocol: "flv",
      url,
      identity: null,
      tlsVerify: true,
      path: "",
      chunkSize: 60_000,
    };
    // Neither settings nor sink are met before a connection is.
    const options = { target, settings: {}, sink: {}, now: () => 0 } as unknown as AttemptOptions;
    assert.throws(() => new FlvAttempt(options), { code: "ERR_RTMP_URL" }, url);
  }
});
