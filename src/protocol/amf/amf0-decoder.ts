/**
 * AMF0 values out of a message (AMF0 §2).
 */

import { ByteReader } from "../bytes/byte-reader.ts";
import { decodeUtf8 } from "../bytes/utf8.ts";
import { ProtocolError } from "../errors.ts";
import { AmfBudget } from "./amf-budget.ts";
import type { AmfObject, AmfValue } from "./amf-value.ts";
import { Amf0Marker } from "./amf0-marker.ts";
import { Amf3Decoder } from "./amf3-decoder.ts";

/**
 * Decodes the AMF0 values of one message one after the other.
 *
 * Depth, values and strings are bounded over the whole message (`AMF_DEPTH_MAX`, `AMF_VALUES_MAX`,
 * `AMF_STRING_BYTES_MAX`); an announced count allocates nothing. References decode to null, movie clips, record sets
 * and the "unsupported" marker are refused.
 * Spec: AMF0 §2. Memory: borrows the bytes; the values are **owned** by the caller.
 * Peers: FMLE and Flash announce 0 entries of an associative array and send them all the same, so only the end marker
 * ends one; some encoders leave that out at the end of a message.
 */
export class Amf0Decoder {
  readonly #reader: ByteReader;
  readonly #budget = new AmfBudget();

  constructor(bytes: Uint8Array, offset = 0) {
    this.#reader = new ByteReader(bytes, "ERR_AMF_SHORT", offset);
  }

  /** Offset in bytes of the next value. */
  get offset(): number {
    return this.#reader.offset;
  }

  /** True while bytes are left. */
  get hasMore(): boolean {
    return this.#reader.remaining > 0;
  }

  /**
   * Decodes the next value. After an error the decoder is of no more use.
   * @throws ProtocolError `ERR_AMF_SHORT`, `ERR_AMF_MARKER`
   * @throws LimitError `ERR_AMF_DEPTH`, `ERR_AMF_VALUES`, `ERR_AMF_STRING`
   */
  readValue(): AmfValue {
    const reader = this.#reader;
    this.#budget.countValues(1);
    const marker = reader.uint8();
    switch (marker) {
      case Amf0Marker.Number:
        return reader.float64();
      case Amf0Marker.Boolean:
        return reader.uint8() !== 0;
      case Amf0Marker.String:
        return this.#readText(reader.uint16());
      case Amf0Marker.LongString:
        return this.#readText(reader.uint32());
      case Amf0Marker.Null:
        return null;
      case Amf0Marker.Undefined:
        return undefined;
      case Amf0Marker.Reference:
        reader.take(2);
        return null;
      default:
        return this.#readComplex(marker);
    }
  }

  #readComplex(marker: number): AmfValue {
    const reader = this.#reader;
    switch (marker) {
      case Amf0Marker.Object:
        return this.#readEntries();
      case Amf0Marker.EcmaArray:
        reader.take(4);
        return { kind: "ecma-array", entries: this.#readEntries() };
      case Amf0Marker.TypedObject: {
        const className = this.#readText(reader.uint16());
        return { kind: "typed-object", className, entries: this.#readEntries() };
      }
      case Amf0Marker.StrictArray:
        return this.#readStrictArray();
      case Amf0Marker.Date: {
        const timeMs = reader.float64();
        return { kind: "date", timeMs, timeZoneMinutes: reader.int16() };
      }
      case Amf0Marker.XmlDocument:
        return { kind: "xml", text: this.#readText(reader.uint32()) };
      case Amf0Marker.AvmPlus:
        return new Amf3Decoder(reader, this.#budget).readValue();
      default:
        throw new ProtocolError("ERR_AMF_MARKER", `AMF0 marker ${marker}`, {
          offset: reader.offset - 1,
          spec: "AMF0 §2.1",
        });
    }
  }

  #readText(bytes: number): string {
    const view = this.#reader.view(bytes);
    this.#budget.checkString(view.length);
    return decodeUtf8(view);
  }

  #readEntries(): AmfObject {
    const entries: AmfObject = new Map();
    this.#budget.enter();
    while (!this.#takeEnd()) {
      const name = this.#readText(this.#reader.uint16());
      entries.set(name, this.readValue());
    }
    this.#budget.leave();
    return entries;
  }

  /** The end marker is an empty name and 0x09; an empty name and a value is a property. It may be cut off. */
  #takeEnd(): boolean {
    const reader = this.#reader;
    const { bytes, offset, remaining } = reader;
    if (remaining >= 3) {
      const isEnd =
        bytes[offset] === 0 &&
        bytes[offset + 1] === 0 &&
        bytes[offset + 2] === Amf0Marker.ObjectEnd;
      if (isEnd) {
        reader.take(3);
      }
      return isEnd;
    }
    if ((bytes[offset] ?? 0) !== 0 || (bytes[offset + 1] ?? 0) !== 0) {
      return false;
    }
    reader.take(remaining);
    return true;
  }

  #readStrictArray(): AmfValue[] {
    const reader = this.#reader;
    const count = reader.uint32();
    if (count > reader.remaining) {
      throw new ProtocolError(
        "ERR_AMF_SHORT",
        `array of ${count} values in ${reader.remaining} bytes`,
        { offset: reader.offset, spec: "AMF0 §2.12" },
      );
    }
    const values: AmfValue[] = [];
    this.#budget.enter();
    for (let index = 0; index < count; index++) {
      values.push(this.readValue());
    }
    this.#budget.leave();
    return values;
  }
}

/**
 * All values of a message.
 * @throws ProtocolError, LimitError as {@link Amf0Decoder.readValue}
 */
export function decodeAmf0(bytes: Uint8Array, offset = 0): AmfValue[] {
  const decoder = new Amf0Decoder(bytes, offset);
  const values: AmfValue[] = [];
  while (decoder.hasMore) {
    values.push(decoder.readValue());
  }
  return values;
}
