import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { headerSlot, NO_HEADER_SLOT } from "../../../src/protocol/flv/classify.ts";
import { METADATA_BYTES_MAX, SEQUENCE_HEADER_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";
import { HeaderCache } from "../../../src/worker/stream/header-cache.ts";
import { type CachedHeader, decodeHeaderSet } from "../../../src/worker/stream/header-set.ts";
import { clipHeader } from "../clip.ts";

const AVC = clipHeader(MessageType.Video);
const AAC = clipHeader(MessageType.Audio);
const VIDEO_SLOT = headerSlot(AVC, "video");
const AUDIO_SLOT = headerSlot(AAC, "audio");

function owned(headers: readonly CachedHeader[]): CachedHeader[] {
  return headers.map(({ type, payload }) => ({ type, payload: new Uint8Array(payload) }));
}

function content(cache: HeaderCache): CachedHeader[] {
  return owned(decodeHeaderSet(cache.encode()));
}

/** A header whose configuration cannot be decoded. */
function broken(fill: number): Uint8Array {
  return new Uint8Array([0x17, 0, 0, 0, 0, fill, fill, fill]);
}

describe("header cache", () => {
  test("metadata first, then headers in the order of their last update", () => {
    const cache = new HeaderCache();
    assert.deepEqual(content(cache), []);
    assert.equal(cache.hasChanged, false);
    cache.take(VIDEO_SLOT, MessageType.Video, AVC);
    cache.take(AUDIO_SLOT, MessageType.Audio, AAC);
    cache.setMetadata(new Uint8Array([2, 0]));
    const video = { type: MessageType.Video, payload: AVC };
    const audio = { type: MessageType.Audio, payload: AAC };
    const metadata = { type: MessageType.DataAmf0, payload: new Uint8Array([2, 0]) };
    assert.deepEqual(content(cache), [metadata, video, audio]);
    assert.equal(cache.hasChanged, true);
    cache.markStored();
    const other = AVC.slice();
    other[6] = 77;
    assert.equal(cache.isKnown(VIDEO_SLOT, other), false);
    cache.take(VIDEO_SLOT, MessageType.Video, other);
    assert.deepEqual(content(cache), [
      metadata,
      audio,
      { type: MessageType.Video, payload: other },
    ]);
    assert.equal(cache.hasChanged, true);
  });

  test("a repeated header is told and changes nothing; the payload is not kept", () => {
    const cache = new HeaderCache();
    const borrowed = AVC.slice();
    cache.take(VIDEO_SLOT, MessageType.Video, borrowed);
    borrowed.fill(0);
    cache.markStored();
    assert.equal(cache.isKnown(VIDEO_SLOT, AVC), true);
    assert.equal(cache.isKnown(AUDIO_SLOT, AVC), false);
    cache.take(VIDEO_SLOT, MessageType.Video, AVC);
    assert.equal(cache.hasChanged, false);
  });

  test("a header that cannot be decoded replaces only another such one", () => {
    const cache = new HeaderCache();
    cache.take(VIDEO_SLOT, MessageType.Video, broken(1));
    assert.equal(cache.badConfigs, 1);
    cache.take(VIDEO_SLOT, MessageType.Video, broken(2));
    assert.deepEqual(content(cache)[0]?.payload, broken(2));
    cache.take(VIDEO_SLOT, MessageType.Video, AVC);
    assert.deepEqual(content(cache)[0]?.payload, AVC);
    cache.markStored();
    cache.take(VIDEO_SLOT, MessageType.Video, broken(3));
    assert.deepEqual(content(cache)[0]?.payload, AVC);
    assert.equal(cache.hasChanged, false);
    assert.equal(cache.badConfigs, 3);
  });

  test("what is too large, or no header, is not kept", () => {
    const cache = new HeaderCache();
    cache.setMetadata(new Uint8Array(METADATA_BYTES_MAX + 1));
    const large = new Uint8Array(SEQUENCE_HEADER_BYTES_MAX + 1);
    cache.take(VIDEO_SLOT, MessageType.Video, large);
    cache.take(NO_HEADER_SLOT, MessageType.Video, AVC);
    assert.equal(cache.hasChanged, false);
    cache.setMetadata(new Uint8Array(METADATA_BYTES_MAX));
    assert.equal(cache.hasChanged, true);
  });

  test("32 tracks at the most", () => {
    const cache = new HeaderCache();
    for (let slot = 0; slot < 40; slot += 1) {
      cache.take(slot, MessageType.Video, AVC);
    }
    assert.equal(content(cache).length, 32);
    const other = AVC.slice();
    other[6] = 77;
    cache.take(0, MessageType.Video, other);
    assert.deepEqual(content(cache).at(-1)?.payload, other);
    assert.equal(content(cache).length, 32);
  });

  test("as much as fits: the largest are left out first", () => {
    const cache = new HeaderCache();
    cache.setMetadata(new Uint8Array(500));
    cache.take(VIDEO_SLOT, MessageType.Video, AVC);
    cache.take(AUDIO_SLOT, MessageType.Audio, AAC);
    const types = (bytesMax: number): number[] => {
      const bytes = cache.encodeWithin(bytesMax);
      assert.ok(bytes.length <= bytesMax);
      return decodeHeaderSet(bytes).map(({ type }) => type);
    };
    const all = cache.encode().length;
    assert.deepEqual(types(all), [MessageType.DataAmf0, MessageType.Video, MessageType.Audio]);
    assert.deepEqual(types(all - 1), [MessageType.Video, MessageType.Audio]);
    assert.deepEqual(types(AAC.length + 5), [MessageType.Audio]);
    assert.deepEqual(types(0), []);
  });
});
