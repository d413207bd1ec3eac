/**
 * AMF0 values into bytes (AMF0 §2).
 */

import { ByteWriter } from "../bytes/byte-writer.ts";
import { InvariantError } from "../errors.ts";
import { AMF_DEPTH_MAX } from "../limits.ts";
import type { AmfValue } from "./amf-value.ts";
import { Amf0Marker } from "./amf0-marker.ts";

/** Names and values in the order of the wire: a Map, an array of pairs or `Object.entries(…)`. */
export type AmfEntries = Iterable<readonly [string, AmfValue]>;

/** Peers' values may come back wrapped in a few levels of weir's own. */
const DEPTH_MAX = 2 * AMF_DEPTH_MAX;
/** A name's length has 16 bits. */
const NAME_BYTES_MAX = 0xff_ff;

/**
 * Writes AMF0 values one after the other; every method returns the encoder.
 * Memory: an **owned** buffer that doubles as needed. The caller bounds what is written.
 */
export class Amf0Encoder {
  readonly #writer = new ByteWriter();
  #depth = 0;

  number(value: number): this {
    this.#writer.uint8(Amf0Marker.Number).float64(value);
    return this;
  }

  boolean(value: boolean): this {
    this.#writer.uint8(Amf0Marker.Boolean).uint8(value ? 1 : 0);
    return this;
  }

  /** A long string when it needs more than 65535 bytes (AMF0 §2.14). */
  string(value: string): this {
    const writer = this.#writer;
    const start = writer.length;
    writer.uint8(Amf0Marker.String).uint16(0);
    const bytes = writer.utf8(value);
    if (bytes <= 0xff_ff) {
      writer.setUint16(start + 1, bytes);
      return this;
    }
    writer.truncate(start);
    writer.uint8(Amf0Marker.LongString);
    this.#longText(value);
    return this;
  }

  null(): this {
    this.#writer.uint8(Amf0Marker.Null);
    return this;
  }

  undefined(): this {
    this.#writer.uint8(Amf0Marker.Undefined);
    return this;
  }

  /** An anonymous object. */
  object(entries: AmfEntries): this {
    this.#writer.uint8(Amf0Marker.Object);
    return this.#entries(entries);
  }

  /** An associative array with its true count. */
  ecmaArray(entries: AmfEntries): this {
    const start = this.#writer.length + 1;
    this.#writer.uint8(Amf0Marker.EcmaArray).uint32(0);
    let count = 0;
    this.#enter();
    for (const [name, value] of entries) {
      this.#name(name).value(value);
      count++;
    }
    this.#writer.setUint32(start, count);
    return this.#end();
  }

  strictArray(values: readonly AmfValue[]): this {
    this.#writer.uint8(Amf0Marker.StrictArray).uint32(values.length);
    this.#enter();
    for (const value of values) {
      this.value(value);
    }
    this.#depth--;
    return this;
  }

  date(timeMs: number, timeZoneMinutes = 0): this {
    this.#writer
      .uint8(Amf0Marker.Date)
      .float64(timeMs)
      .uint16(timeZoneMinutes & 0xff_ff);
    return this;
  }

  xml(text: string): this {
    this.#writer.uint8(Amf0Marker.XmlDocument);
    this.#longText(text);
    return this;
  }

  typedObject(className: string, entries: AmfEntries): this {
    this.#writer.uint8(Amf0Marker.TypedObject);
    return this.#name(className).#entries(entries);
  }

  /**
   * Any value in its own form; byte arrays, which AMF0 has no form for, as null.
   * @throws InvariantError when nested deeper than twice `AMF_DEPTH_MAX`
   */
  value(value: AmfValue): this {
    if (typeof value === "number") {
      return this.number(value);
    }
    if (typeof value === "boolean") {
      return this.boolean(value);
    }
    if (typeof value === "string") {
      return this.string(value);
    }
    if (value === undefined) {
      return this.undefined();
    }
    return value === null ? this.null() : this.#complex(value);
  }

  /** What was written, as an array **owned** by the caller; the encoder is empty again. */
  finish(): Uint8Array {
    return this.#writer.finish();
  }

  #complex(value: Extract<AmfValue, object>): this {
    if (value instanceof Map) {
      return this.object(value);
    }
    if (Array.isArray(value)) {
      return this.strictArray(value);
    }
    switch (value.kind) {
      case "ecma-array":
        return this.ecmaArray(value.entries);
      case "typed-object":
        return this.typedObject(value.className, value.entries);
      case "date":
        return this.date(value.timeMs, value.timeZoneMinutes);
      case "xml":
        return this.xml(value.text);
      case "bytes":
        return this.null();
    }
  }

  #entries(entries: AmfEntries): this {
    this.#enter();
    for (const [name, value] of entries) {
      this.#name(name).value(value);
    }
    return this.#end();
  }

  /** A name longer than its length field is cut at a whole character: replaced bytes of a peer's may grow to that. */
  #name(name: string): this {
    const start = this.#writer.length;
    this.#writer.uint16(0);
    this.#writer.setUint16(start, this.#writer.utf8(name, NAME_BYTES_MAX));
    return this;
  }

  #longText(text: string): void {
    const start = this.#writer.length;
    this.#writer.uint32(0);
    this.#writer.setUint32(start, this.#writer.utf8(text));
  }

  #enter(): void {
    this.#depth++;
    if (this.#depth > DEPTH_MAX) {
      throw new InvariantError(`AMF value nested deeper than ${DEPTH_MAX}`);
    }
  }

  #end(): this {
    this.#writer.uint16(0).uint8(Amf0Marker.ObjectEnd);
    this.#depth--;
    return this;
  }
}

/** The values one after the other, as an array **owned** by the caller. */
export function encodeAmf0(...values: readonly AmfValue[]): Uint8Array {
  const encoder = new Amf0Encoder();
  for (const value of values) {
    encoder.value(value);
  }
  return encoder.finish();
}
