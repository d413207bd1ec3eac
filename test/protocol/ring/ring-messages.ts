/**
 * Messages to fill rings with in tests, whose bytes prove that they are whole: a fake wire format of twelve bytes
 * (length, message number, their sum with a constant) and noise that depends on the message number.
 */
import type { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";

export const PREFIX_BYTES = 12;
const SALT = 0x5b_d1_e9_95;
const NOISES = 61;

export class MessageMaker {
  readonly #noises: Uint8Array[] = [];
  readonly #prefix: DataView = new DataView(new ArrayBuffer(PREFIX_BYTES));
  readonly #prefixBytes: Uint8Array = new Uint8Array(this.#prefix.buffer);

  /** Messages of `bytesMin` to `bytesMax` bytes; equal arguments give equal messages on any thread. */
  constructor(bytesMin: number, bytesMax: number) {
    let state = 0x9e_37_79_b9;
    const random = (): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
    for (let noise = 0; noise < NOISES; noise++) {
      const span = bytesMax - bytesMin + 1;
      const bytes = new Uint8Array(bytesMin - PREFIX_BYTES + (random() % span));
      for (let at = 0; at < bytes.length; at++) {
        bytes[at] = random();
      }
      this.#noises.push(bytes);
    }
  }

  lengthOf(number: number): number {
    return PREFIX_BYTES + this.#noise(number).length;
  }

  /** Begin and put message `number`, in three parts, without a commit. */
  put(writer: RingWriter, number: number, between?: () => void): void {
    const noise = this.#noise(number);
    const half = noise.length >>> 1;
    this.#prefix.setUint32(0, this.lengthOf(number));
    this.#prefix.setUint32(4, number >>> 0);
    this.#prefix.setUint32(8, (this.lengthOf(number) + number + SALT) >>> 0);
    writer.put(this.#prefixBytes, 0, PREFIX_BYTES);
    writer.put(noise, 0, half);
    between?.();
    writer.put(noise, half, noise.length);
  }

  append(writer: RingWriter, number: number, isKeyframe: boolean): void {
    writer.begin(this.lengthOf(number));
    this.put(writer, number);
    writer.commit({ kind: isKeyframe ? 1 : 2, timestamp: number * 40, isKeyframe });
  }

  /** The message as one array. */
  bytes(number: number): Uint8Array {
    const bytes = new Uint8Array(this.lengthOf(number));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length);
    view.setUint32(4, number >>> 0);
    view.setUint32(8, (bytes.length + number + SALT) >>> 0);
    bytes.set(this.#noise(number), PREFIX_BYTES);
    return bytes;
  }

  /**
   * Numbers of the messages that `bytes` consist of, from end to end; null when any byte is wrong or missing.
   */
  decode(bytes: Uint8Array): number[] | null {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const numbers: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (bytes.length - at < PREFIX_BYTES) {
        return null;
      }
      const length = view.getUint32(at);
      const number = view.getUint32(at + 4);
      const isPrefix = view.getUint32(at + 8) === (length + number + SALT) >>> 0;
      if (!isPrefix || length !== this.lengthOf(number) || at + length > bytes.length) {
        return null;
      }
      const payload = bytes.subarray(at + PREFIX_BYTES, at + length);
      if (Buffer.compare(payload, this.#noise(number)) !== 0) {
        return null;
      }
      numbers.push(number);
      at += length;
    }
    return numbers;
  }

  #noise(number: number): Uint8Array {
    const noise = this.#noises[(number >>> 0) % NOISES];
    if (noise === undefined) {
      throw new Error("no noise");
    }
    return noise;
  }
}
