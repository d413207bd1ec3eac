/**
 * What a stream's players must have before a keyframe: the newest metadata and the newest good header of each track.
 *
 * A header that cannot be decoded never replaces one that could: encoders in trouble send cut ones, and players that
 * join later would start with nothing.
 */
import { FrameClass, headerSlot, NO_HEADER_SLOT } from "../../protocol/flv/classify.ts";
import { describeAudio, describeVideo } from "../../protocol/flv/describe.ts";
import { METADATA_BYTES_MAX, SEQUENCE_HEADER_BYTES_MAX } from "../../protocol/limits.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";
import { type CachedHeader, encodeHeaderSet, headerSetBytes } from "./header-set.ts";

/** Cached headers of one stream: more tracks than any encoder sends. */
const SLOTS_MAX = 32;

interface Slot extends CachedHeader {
  /** Its configuration could be decoded. */
  readonly isGood: boolean;
}

/** Headers of one live stream. */
export class HeaderCache {
  /** In the order of their last update: that is the order in which they must be sent. */
  readonly #slots = new Map<number, Slot>();
  #metadata: CachedHeader | undefined;
  /** Something changed since {@link markStored}. */
  hasChanged = false;
  /** Headers that could not be decoded and replaced nothing. */
  badConfigs = 0;

  /** Takes metadata; too large a one is not kept. The body is taken over. */
  setMetadata(body: Uint8Array): void {
    if (body.length <= METADATA_BYTES_MAX) {
      this.#metadata = { type: MessageType.DataAmf0, payload: body };
      this.hasChanged = true;
    }
  }

  /** True when a header message repeats the one known. */
  isRepeated(type: number, payload: Uint8Array): boolean {
    return this.isKnown(slotOf(type, payload), payload);
  }

  /** Takes a header message. The payload is borrowed. */
  takeFrom(type: number, payload: Uint8Array): void {
    this.take(slotOf(type, payload), type, payload);
  }

  /** True when the header repeats the one known. @param slot Which one it replaces, by `headerSlot`. */
  isKnown(slot: number, payload: Uint8Array): boolean {
    const known = this.#slots.get(slot);
    return known !== undefined && isSame(known.payload, payload);
  }

  /** Takes the header of a track. The payload is borrowed. @param slot Which one it replaces, by `headerSlot`. */
  take(slot: number, type: number, payload: Uint8Array): void {
    const isKept = slot !== NO_HEADER_SLOT && payload.length <= SEQUENCE_HEADER_BYTES_MAX;
    if (!isKept || this.isKnown(slot, payload)) {
      return;
    }
    const known = this.#slots.get(slot);
    const isGood = isDecodable(type, payload);
    this.badConfigs += isGood ? 0 : 1;
    const mayReplace = known === undefined ? this.#slots.size < SLOTS_MAX : isGood || !known.isGood;
    if (mayReplace) {
      this.#slots.delete(slot);
      this.#slots.set(slot, { type, payload: new Uint8Array(payload), isGood });
      this.hasChanged = true;
    }
  }

  /** All of it in the form of a ring's header slot. Owned. */
  encode(): Uint8Array {
    return encodeHeaderSet(this.#all());
  }

  /** As much of it as fits `bytesMax`: the largest are left out first. Owned. */
  encodeWithin(bytesMax: number): Uint8Array {
    let headers = this.#all();
    while (headers.length > 0 && headerSetBytes(headers) > bytesMax) {
      const largest = Math.max(...headers.map(({ payload }) => payload.length));
      const dropped = headers.findIndex(({ payload }) => payload.length === largest);
      headers = headers.filter((_, index) => index !== dropped);
    }
    return encodeHeaderSet(headers);
  }

  /** The ring has what is known now. */
  markStored(): void {
    this.hasChanged = false;
  }

  #all(): CachedHeader[] {
    const headers: CachedHeader[] = [...this.#slots.values()];
    return this.#metadata === undefined ? headers : [this.#metadata, ...headers];
  }
}

/** True for classes that {@link HeaderCache.take} is for. */
export function isHeaderClass(kind: FrameClass): boolean {
  return (
    kind === FrameClass.VideoHeader ||
    kind === FrameClass.VideoMetadata ||
    kind === FrameClass.AudioHeader ||
    kind === FrameClass.AudioConfig
  );
}

function slotOf(type: number, payload: Uint8Array): number {
  return headerSlot(payload, type === MessageType.Video ? "video" : "audio");
}

function isDecodable(type: number, payload: Uint8Array): boolean {
  const description = type === MessageType.Video ? describeVideo(payload) : describeAudio(payload);
  return description.configError === null;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
