/** Bytes for the FLV and codec tests: literals in hex, and the committed media fixtures. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Compiled files run from `dist/test/protocol/flv`; fixtures stay with the sources. */
const FIXTURES = new URL("../../../../test/fixtures/", import.meta.url);

/** Bytes of hex text; spaces are for the reader. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

/** One array of several. */
export function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** ASCII bytes. */
export function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** A fixture file's bytes, e.g. `codec/avc-baseline.bin`. */
export function fixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, FIXTURES)));
}

/** A JSON fixture. */
export function jsonFixture(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, FIXTURES), "utf8"));
}

/** Names of a fixture folder's files with this ending, sorted. */
export function fixtureNames(folder: string, ending: string): string[] {
  return readdirSync(fileURLToPath(new URL(`${folder}/`, FIXTURES)))
    .filter((name) => name.endsWith(ending))
    .sort();
}

/** The bytes of a NAL unit as sent: a 3 before each byte of 0 to 3 that follows two zeros. */
export function addEmulationPrevention(unit: Uint8Array): Uint8Array {
  const escaped: number[] = [];
  let zeros = 0;
  for (const byte of unit) {
    if (zeros >= 2 && byte <= 3) {
      escaped.push(3);
      zeros = 0;
    }
    escaped.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return new Uint8Array(escaped);
}

/** Collects bits, most significant first, into bytes; the last byte is filled with zeros. */
export class BitWriter {
  readonly #bits: number[] = [];

  bits(value: number, count: number): this {
    for (let shift = count - 1; shift >= 0; shift -= 1) {
      this.#bits.push(Math.floor(value / 2 ** shift) % 2);
    }
    return this;
  }

  unsignedGolomb(value: number): this {
    const length = Math.floor(Math.log2(value + 1));
    return this.bits(0, length).bits(value + 1, length + 1);
  }

  signedGolomb(value: number): this {
    return this.unsignedGolomb(value > 0 ? 2 * value - 1 : -2 * value);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    for (const [index, bit] of this.#bits.entries()) {
      bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (bit << (7 - (index & 7)));
    }
    return bytes;
  }
}
