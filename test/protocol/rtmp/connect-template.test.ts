/** What is taken from the template is what would have been encoded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { connectReplies } from "../../../src/protocol/rtmp/connect-template.ts";
import {
  type ConnectAnnouncement,
  encodeConnectReplies,
} from "../../../src/protocol/rtmp/server-replies.ts";

const announcement: fc.Arbitrary<ConnectAnnouncement> = fc.record({
  transactionId: fc.constantFrom(1, 2, Number.NaN, Number.POSITIVE_INFINITY),
  windowAckSize: fc.constantFrom(0, 2_500_000),
  chunkSize: fc.constantFrom(128, 60_000),
  objectEncoding: fc.constantFrom(0, 3),
  serverInfo: fc.option(
    fc.record({
      ip: fc.constantFrom("", "127.0.0.1", "192.168.1.10"),
      pid: fc.constantFrom(7, 8),
      id: fc.constantFrom("vid-1234567", "vid-abcdefg", "", "é2345678901", "weir", "\0\0\0\0"),
      name: fc.constantFrom("weir", "other"),
      version: fc.constantFrom("0.1.0", "1.2.3"),
    }),
    { nil: undefined },
  ),
  sendServerIdentity: fc.boolean(),
  capsEx: fc.constantFrom(undefined, 1, 7),
});

/** Nearly always alike, as in a storm. */
const storm = fc
  .tuple(
    announcement,
    fc.array(fc.tuple(announcement, fc.constantFrom("alike", "other")), { maxLength: 20 }),
  )
  .map(([first, rest]) => [
    first,
    ...rest.map(([one, how]) =>
      how === "other" || first.serverInfo === undefined
        ? one
        : {
            ...first,
            serverInfo: { ...first.serverInfo, id: one.serverInfo?.id ?? "vid-7654321" },
          },
    ),
  ]);

test("connect replies are those that would have been encoded, in any order of clients", () => {
  fc.assert(
    fc.property(storm, (asked) => {
      for (const one of asked) {
        assert.deepEqual(connectReplies(one), encodeConnectReplies(one));
      }
    }),
    { numRuns: 500 },
  );
});

test("what a caller does with its replies is not seen by the next one", () => {
  const serverInfo = { ip: "127.0.0.1", pid: 7, id: "vid-1234567" };
  const asked = {
    transactionId: 1,
    windowAckSize: 2_500_000,
    chunkSize: 60_000,
    objectEncoding: 0,
    sendServerIdentity: true,
    capsEx: undefined,
    serverInfo,
  };
  const expected = encodeConnectReplies(asked);
  connectReplies(asked).fill(0);
  connectReplies(asked).fill(0);
  assert.deepEqual(connectReplies(asked), expected);
});
