/**
 * AMF3 values, as they come inside AMF0 behind the avmplus marker (AMF3 §3).
 */

import { type ByteReader, decodeUint32 } from "../bytes/byte-reader.ts";
import { decodeUtf8 } from "../bytes/utf8.ts";
import { ProtocolError } from "../errors.ts";
import { AmfBudget } from "./amf-budget.ts";
import type { AmfObject, AmfValue } from "./amf-value.ts";

/** Type markers (AMF3 §3.1). */
const Marker = {
  Undefined: 0x00,
  Null: 0x01,
  False: 0x02,
  True: 0x03,
  Integer: 0x04,
  Double: 0x05,
  String: 0x06,
  XmlDocument: 0x07,
  Date: 0x08,
  Array: 0x09,
  Object: 0x0a,
  Xml: 0x0b,
  ByteArray: 0x0c,
  VectorInt: 0x0d,
  VectorUint: 0x0e,
  VectorDouble: 0x0f,
  VectorObject: 0x10,
  Dictionary: 0x11,
} as const;

/** Class name and sealed member names of an object (AMF3 §3.12). */
interface Traits {
  readonly className: string;
  readonly isDynamic: boolean;
  readonly names: readonly string[];
}

/**
 * Decodes AMF3 values from a reader, to plain data only.
 *
 * Strings and traits are resolved by reference. Objects, arrays and the like by reference decode to null: they may
 * be cyclic, and no client of a live server relies on them. Externalizable objects are refused, since only their class
 * knows their length. Integers are 29 bits signed.
 * Spec: AMF3 §1.3, §3. Memory: the values are **owned**; tables last as long as the decoder.
 */
export class Amf3Decoder {
  readonly #reader: ByteReader;
  readonly #budget: AmfBudget;
  readonly #strings: string[] = [];
  readonly #traits: Traits[] = [];

  constructor(reader: ByteReader, budget: AmfBudget = new AmfBudget()) {
    this.#reader = reader;
    this.#budget = budget;
  }

  /**
   * Decodes the next value. After an error the decoder is of no more use.
   * @throws ProtocolError the reader's code when bytes run out, `ERR_AMF_MARKER`, `ERR_AMF_REFERENCE`
   * @throws LimitError `ERR_AMF_DEPTH`, `ERR_AMF_VALUES`, `ERR_AMF_STRING`
   */
  readValue(): AmfValue {
    this.#budget.countValues(1);
    const marker = this.#reader.uint8();
    switch (marker) {
      case Marker.Undefined:
        return undefined;
      case Marker.Null:
        return null;
      case Marker.False:
        return false;
      case Marker.True:
        return true;
      case Marker.Integer:
        return (this.#readUint29() << 3) >> 3;
      case Marker.Double:
        return this.#reader.float64();
      case Marker.String:
        return this.#readString();
      default:
        return this.#readReferable(marker);
    }
  }

  /** Values that begin with a number whose lowest bit tells a reference (0) from a value (1). */
  #readReferable(marker: number): AmfValue {
    if (marker > Marker.Dictionary) {
      this.#refuse(`AMF3 marker ${marker}`);
    }
    const head = this.#readUint29();
    if ((head & 1) === 0) {
      return null;
    }
    const count = head >>> 1;
    switch (marker) {
      case Marker.Object:
        return this.#readObject(head);
      case Marker.Array:
        return this.#readArray(count);
      case Marker.Date:
        return { kind: "date", timeMs: this.#reader.float64(), timeZoneMinutes: 0 };
      case Marker.XmlDocument:
      case Marker.Xml:
        return { kind: "xml", text: this.#readText(count) };
      case Marker.ByteArray:
        return { kind: "bytes", bytes: this.#reader.view(count).slice() };
      case Marker.Dictionary:
        return this.#readDictionary(count);
      default:
        return this.#readVector(marker, count);
    }
  }

  /** Seven bits a byte, and eight in the fourth (AMF3 §1.3.1). */
  #readUint29(): number {
    let value = 0;
    for (let index = 0; index < 3; index++) {
      const byte = this.#reader.uint8();
      value = (value << 7) | (byte & 0x7f);
      if (byte < 0x80) {
        return value;
      }
    }
    return (value << 8) | this.#reader.uint8();
  }

  #readText(bytes: number): string {
    const view = this.#reader.view(bytes);
    this.#budget.checkString(view.length);
    return decodeUtf8(view);
  }

  /** The empty string is never sent by reference (AMF3 §1.3.2). */
  #readString(): string {
    const head = this.#readUint29();
    if ((head & 1) === 1) {
      const text = this.#readText(head >>> 1);
      if (text !== "") {
        this.#strings.push(text);
      }
      return text;
    }
    const text = this.#strings[head >>> 1];
    if (text === undefined) {
      return this.#refuseReference("string", head >>> 1);
    }
    this.#budget.countRepeated(text.length);
    return text;
  }

  #readObject(head: number): AmfValue {
    const traits = this.#readTraits(head);
    const entries: AmfObject = new Map();
    this.#budget.enter();
    for (const name of traits.names) {
      entries.set(name, this.readValue());
    }
    if (traits.isDynamic) {
      this.#readPairs(entries);
    }
    this.#budget.leave();
    const { className } = traits;
    return className === "" ? entries : { kind: "typed-object", className, entries };
  }

  #readTraits(head: number): Traits {
    if ((head & 2) === 0) {
      return this.#traits[head >>> 2] ?? this.#refuseReference("traits", head >>> 2);
    }
    if ((head & 4) !== 0) {
      this.#refuse("AMF3 externalizable object");
    }
    const count = head >>> 4;
    this.#checkCount(count, 1);
    const className = this.#readString();
    const names: string[] = [];
    for (let index = 0; index < count; index++) {
      names.push(this.#readString());
    }
    const traits = { className, isDynamic: (head & 8) !== 0, names };
    this.#traits.push(traits);
    return traits;
  }

  /** Names and values up to an empty name. */
  #readPairs(entries: AmfObject): void {
    for (let name = this.#readString(); name !== ""; name = this.#readString()) {
      entries.set(name, this.readValue());
    }
  }

  /** Named entries, then `count` numbered ones (AMF3 §3.11); with names it is an associative array. */
  #readArray(count: number): AmfValue {
    const entries: AmfObject = new Map();
    this.#budget.enter();
    this.#readPairs(entries);
    const values = this.#readValues(count);
    this.#budget.leave();
    if (entries.size === 0) {
      return values;
    }
    for (const [index, value] of values.entries()) {
      entries.set(String(index), value);
    }
    return { kind: "ecma-array", entries };
  }

  /** Keys that are no text, number or boolean are dropped with their value (AMF3 §3.16). */
  #readDictionary(count: number): AmfValue {
    const entries: AmfObject = new Map();
    this.#reader.take(1);
    this.#checkBytes(count, 2);
    this.#budget.enter();
    for (let index = 0; index < count; index++) {
      const key = this.readValue();
      const value = this.readValue();
      if (typeof key === "string" || typeof key === "number" || typeof key === "boolean") {
        entries.set(String(key), value);
      }
    }
    this.#budget.leave();
    return { kind: "ecma-array", entries };
  }

  /** Typed vectors (AMF3 §3.15): a flag, then fixed-size numbers or a class name and values. */
  #readVector(marker: number, count: number): AmfValue[] {
    this.#reader.take(1);
    if (marker === Marker.VectorObject) {
      this.#readString();
      this.#budget.enter();
      const values = this.#readValues(count);
      this.#budget.leave();
      return values;
    }
    this.#checkCount(count, marker === Marker.VectorDouble ? 8 : 4);
    const values: AmfValue[] = [];
    for (let index = 0; index < count; index++) {
      values.push(this.#readVectorNumber(marker));
    }
    return values;
  }

  #readVectorNumber(marker: number): number {
    const reader = this.#reader;
    if (marker === Marker.VectorDouble) {
      return reader.float64();
    }
    const value = decodeUint32(reader.bytes, reader.take(4));
    return marker === Marker.VectorInt ? value | 0 : value;
  }

  #readValues(count: number): AmfValue[] {
    this.#checkBytes(count, 1);
    const values: AmfValue[] = [];
    for (let index = 0; index < count; index++) {
      values.push(this.readValue());
    }
    return values;
  }

  /** An announced count is believed only as far as bytes are there for it, and counted before it is used. */
  #checkCount(count: number, bytesEach: number): void {
    this.#checkBytes(count, bytesEach);
    this.#budget.countValues(count);
  }

  #checkBytes(count: number, bytesEach: number): void {
    const { remaining, offset } = this.#reader;
    if (count * bytesEach > remaining) {
      throw new ProtocolError("ERR_AMF_SHORT", `${count} values in ${remaining} bytes`, {
        offset,
        spec: "AMF3 §3",
      });
    }
  }

  #refuse(what: string): never {
    throw new ProtocolError("ERR_AMF_MARKER", what, {
      offset: this.#reader.offset,
      spec: "AMF3 §3.1",
    });
  }

  #refuseReference(table: string, index: number): never {
    throw new ProtocolError("ERR_AMF_REFERENCE", `AMF3 ${table} reference ${index} to nothing`, {
      offset: this.#reader.offset,
      spec: "AMF3 §1.3.2",
    });
  }
}
