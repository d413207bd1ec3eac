import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AmfValue, amfEntries } from "../../../src/protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../../src/protocol/amf/amf0-decoder.ts";
import { Amf0Encoder } from "../../../src/protocol/amf/amf0-encoder.ts";
import { PRODUCT_VERSION } from "../../../src/protocol/product.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";
import { decodeMetadata, type StreamMetadata } from "../../../src/worker/stream/metadata.ts";

type Entries = [string, AmfValue][];

function body(names: readonly string[], entries: Entries, isArray = true): Uint8Array {
  const encoder = new Amf0Encoder();
  for (const name of names) {
    encoder.string(name);
  }
  if (isArray) {
    encoder.ecmaArray(entries);
  } else {
    encoder.object(entries);
  }
  return encoder.finish();
}

function decode(payload: Uint8Array, type: number = MessageType.DataAmf0): StreamMetadata | null {
  return decodeMetadata({ type, chunkStreamId: 5, streamId: 1, timestamp: 0, payload });
}

/** What players get. */
function relayed(metadata: StreamMetadata | null): [string, AmfValue][] {
  assert.ok(metadata);
  const [name, value] = decodeAmf0(metadata.body);
  assert.equal(name, "onMetaData");
  return [...(amfEntries(value) ?? [])];
}

describe("metadata", () => {
  for (const [form, payload] of [
    [
      "array",
      body(
        ["onMetaData"],
        [
          ["width", 320],
          ["duration", 9],
          ["filesize", 1],
        ],
      ),
    ],
    [
      "object",
      body(
        ["onMetaData"],
        [
          ["width", 320],
          ["server", "x"],
        ],
        false,
      ),
    ],
    [
      "@setDataFrame",
      body(
        ["@setDataFrame", "onMetaData"],
        [
          ["width", 320],
          ["server_version", "x"],
        ],
      ),
    ],
  ] as const) {
    test(`${form}: without what a live stream has not, with the server's name`, () => {
      const metadata = decode(payload);
      assert.deepEqual(relayed(metadata), [
        ["width", 320],
        ["server", "weir"],
        ["server_version", PRODUCT_VERSION],
      ]);
      assert.equal(metadata?.isAbsolute, false);
    });
  }

  test("the encoder may say that its times are absolute", () => {
    assert.equal(decode(body(["onMetaData"], [["bravo_atc", "true"]]))?.isAbsolute, true);
    assert.equal(decode(body(["onMetaData"], [["bravo_atc", "false"]]))?.isAbsolute, false);
    assert.equal(decode(body(["onMetaData"], [["bravo_atc", true]]))?.isAbsolute, false);
  });

  test("other data, other types and bytes that cannot be read are relayed as they came", () => {
    const good = body(["onMetaData"], [["width", 1]]);
    assert.equal(decode(body(["onCuePoint"], [["width", 1]])), null);
    assert.equal(decode(good, MessageType.DataAmf3), null);
    assert.equal(decode(good.subarray(0, 16)), null);
    assert.equal(decode(body(["onMetaData"], []).subarray(0, 13)), null, "no value");
    assert.equal(decode(new Uint8Array(0)), null);
  });

  test("borrows nothing", () => {
    const payload = body(["onMetaData"], [["title", "abc"]]);
    const metadata = decode(payload);
    payload.fill(0);
    assert.deepEqual(relayed(metadata)[0], ["title", "abc"]);
  });
});
