/**
 * Keys of one stream's segments, and the segments encrypted with them.
 *
 * Spec: RFC 8216 §5.2, AES-128: CBC with PKCS7 padding, each segment by itself; the vector is its number.
 */
import { createCipheriv, randomBytes } from "node:crypto";
import type { SegmentKey } from "../../protocol/hls/media-playlist.ts";
import type { FileName, HlsNames, SegmentMoment } from "./names.ts";

const KEY_BYTES = 16;

/** One key after the other, each for some segments. */
export class SegmentKeys {
  readonly #names: HlsNames;
  readonly #fragmentsPerKey: number;
  /** A key to be put where viewers get it. */
  readonly #made: (name: FileName, key: Uint8Array) => void;
  #key: Uint8Array = new Uint8Array(0);
  #name: FileName | null = null;
  #firstSequence = 0;

  /** @param made Told of each key before it is used. */
  constructor(
    names: HlsNames,
    fragmentsPerKey: number,
    made: (name: FileName, key: Uint8Array) => void,
  ) {
    this.#names = names;
    this.#fragmentsPerKey = fragmentsPerKey;
    this.#made = made;
  }

  /** URI of the key in use, "" before the first. */
  get uri(): string {
    return this.#name?.uri ?? "";
  }

  /** The key of a segment: a new one when the last has served its number. */
  at(moment: SegmentMoment): SegmentKey {
    const { sequence } = moment;
    if (this.#name === null || sequence - this.#firstSequence >= this.#fragmentsPerKey) {
      this.#key = randomBytes(KEY_BYTES);
      this.#name = this.#names.key(moment);
      this.#firstSequence = sequence;
      this.#made(this.#name, this.#key);
    }
    return { uri: this.uri, iv: vectorOf(sequence) };
  }

  /** A segment with the key in use. **Memory**: owned. */
  encrypt(pieces: readonly Uint8Array[], sequence: number): Uint8Array[] {
    const vector = Buffer.from(vectorOf(sequence), "hex");
    const cipher = createCipheriv("aes-128-cbc", this.#key, vector);
    return [...pieces.map((piece) => cipher.update(piece)), cipher.final()];
  }
}

/** 32 hexadecimal digits. */
function vectorOf(sequence: number): string {
  return sequence.toString(16).padStart(KEY_BYTES * 2, "0");
}
