/** The little of AMF0 that a client's dialogue needs. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

type Plain = string | number | boolean | null;
/** A value to encode: plain, or an object of plain values. */
export type AmfInput = Plain | { readonly [key: string]: Plain };

function pushText(out: number[], text: string): void {
  const bytes = encoder.encode(text);
  out.push(bytes.length >> 8, bytes.length & 0xff, ...bytes);
}

function pushValue(out: number[], value: AmfInput): void {
  if (typeof value === "string") {
    out.push(2);
    pushText(out, value);
  } else if (typeof value === "number") {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    out.push(0, ...new Uint8Array(view.buffer));
  } else if (typeof value === "boolean") {
    out.push(1, value ? 1 : 0);
  } else if (value === null) {
    out.push(5);
  } else {
    out.push(3);
    for (const [key, item] of Object.entries(value)) {
      pushText(out, key);
      pushValue(out, item);
    }
    out.push(0, 0, 9);
  }
}

/** @returns **owned** AMF0 of the values in order. */
export function encodeAmf(values: readonly AmfInput[]): Uint8Array {
  const out: number[] = [];
  for (const value of values) {
    pushValue(out, value);
  }
  return Uint8Array.from(out);
}

/** What the dialogue looks at in a server's command. */
export interface ServerCommand {
  readonly name: string;
  readonly transaction: number;
  /** The number after a null command object, as createStream's result has; else -1. */
  readonly number: number;
  /** All bytes as latin1, to look for a status code. */
  readonly text: string;
}

const NUMBER_BYTES = 9;

/** Read name and transaction of a command message. */
export function decodeCommand(bytes: Uint8Array): ServerCommand {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameLength = bytes.length > 3 ? view.getUint16(1) : 0;
  const at = 3 + nameLength;
  const readNumber = (offset: number): number =>
    bytes[offset] === 0 && offset + NUMBER_BYTES <= bytes.length ? view.getFloat64(offset + 1) : -1;
  return {
    name: decoder.decode(bytes.subarray(3, at)),
    transaction: readNumber(at),
    number: bytes[at + NUMBER_BYTES] === 5 ? readNumber(at + NUMBER_BYTES + 1) : -1,
    text: decoder.decode(bytes),
  };
}
