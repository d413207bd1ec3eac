/**
 * A legal sender of its own for the property tests: messages over several chunk streams, interleaved chunk by chunk,
 * with every header compression the spec allows.
 */

import fc from "fast-check";
import { bigEndian, chunk, concat, control, filled, hex, type Seen } from "./chunk-wire.ts";

export interface Sent {
  readonly csid: number;
  readonly type: number;
  readonly sid: number;
  readonly time: number;
  readonly size: number;
}

export interface Script {
  readonly messages: readonly Sent[];
  /** Picks the chunk stream of each next chunk, and when to change the chunk size. */
  readonly order: readonly number[];
  readonly omitsExtended: boolean;
}

interface Last {
  time: number;
  delta: number;
  size: number;
  type: number;
  sid: number;
  extended: number | null;
  isAbsolute: boolean;
}

const TWO_32 = 2 ** 32;

export const scripts: fc.Arbitrary<Script> = fc.record({
  messages: fc.array(
    fc.record({
      csid: fc.constantFrom(2, 3, 4, 63, 64, 300, 320, 65_599),
      type: fc.constantFrom(3, 8, 9, 18, 20, 22),
      sid: fc.constantFrom(0, 1, 0xff_ff_ff_ff),
      time: fc.oneof(
        fc.constantFrom(
          0,
          20,
          40,
          60,
          999,
          1000,
          0xff_ff_fe,
          0xff_ff_ff,
          0x1_00_00_00,
          0x1_00_00_28,
        ),
        fc.integer({ min: 0, max: TWO_32 - 1 }),
      ),
      size: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 100, max: 1500 })),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  order: fc.array(fc.nat(999), { minLength: 1, maxLength: 40 }),
  omitsExtended: fc.boolean(),
});

interface Sending {
  readonly message: Sent;
  readonly payload: Uint8Array;
  at: number;
}

/** Writes a script. Chunk streams are served in the script's order; each sends its messages one after the other. */
export class Sender {
  readonly pieces: Uint8Array[] = [];
  readonly expected: Seen[] = [];
  readonly #script: Script;
  readonly #queues = new Map<number, Sending[]>();
  readonly #last = new Map<number, Last>();
  #chunkSize = 128;

  constructor(script: Script) {
    this.#script = script;
    for (const [index, message] of script.messages.entries()) {
      const queue = this.#queues.get(message.csid) ?? [];
      queue.push({ message, payload: filled(message.size, index), at: 0 });
      this.#queues.set(message.csid, queue);
    }
    for (let turn = 0; this.#queues.size > 0; turn++) {
      this.#turn(script.order[turn % script.order.length] ?? 0);
    }
  }

  get wire(): Uint8Array {
    return concat(...this.pieces);
  }

  #turn(choice: number): void {
    if (choice % 10 === 9) {
      this.#chunkSize = [128, 129, 300, 4096][choice % 4] ?? 128;
      this.#putControl();
    }
    const ids = [...this.#queues.keys()];
    const csid = ids[choice % ids.length] ?? 0;
    const queue = this.#queues.get(csid) ?? [];
    const sending = queue[0];
    if (sending === undefined) {
      this.#queues.delete(csid);
      return;
    }
    this.#putChunk(sending, choice);
    if (sending.at === sending.payload.length) {
      const { type, sid, time } = { ...sending.message, ...this.#last.get(csid) };
      this.expected.push({ csid, type, sid, time, payload: hex(sending.payload) });
      queue.shift();
    }
  }

  /** On chunk stream 5, which no script uses. */
  #putControl(): void {
    const size = control(1, bigEndian(this.#chunkSize, 4));
    size[0] = 5;
    this.pieces.push(size);
  }

  #putChunk(sending: Sending, choice: number): void {
    const { message, payload } = sending;
    const end = Math.min(payload.length, sending.at + this.#chunkSize);
    const body = payload.subarray(sending.at, end);
    const last = this.#last.get(message.csid);
    if (sending.at === 0) {
      this.#putStart(message, last, body, choice);
    } else {
      const isRepeated = last?.extended != null && !this.#script.omitsExtended;
      const extended = isRepeated ? { extended: last?.extended ?? 0 } : {};
      this.pieces.push(chunk({ fmt: 3, csid: message.csid, ...extended, payload: body }));
    }
    sending.at = end;
  }

  #putStart(message: Sent, last: Last | undefined, body: Uint8Array, choice: number): void {
    const { csid, type, sid, time, size } = message;
    const fmt = this.#format(message, last, choice);
    const field = fmt === 0 || last === undefined ? time : (time - last.time + TWO_32) % TWO_32;
    this.pieces.push(chunk({ fmt, csid, time: field, length: size, type, sid, payload: body }));
    if (fmt === 3) {
      this.#last.set(csid, { ...(last as Last), time });
      return;
    }
    const extended = field >= 0xff_ff_ff ? field : null;
    this.#last.set(csid, { time, delta: field, size, type, sid, extended, isAbsolute: fmt === 0 });
  }

  /** The choice picks among the formats that can express the message. */
  #format(message: Sent, last: Last | undefined, choice: number): 0 | 1 | 2 | 3 {
    const wish = choice % 4;
    if (last === undefined || wish === 0 || message.sid !== last.sid) {
      return 0;
    }
    const delta = (message.time - last.time + TWO_32) % TWO_32;
    if (delta > 2 ** 31) {
      return 0;
    }
    if (wish === 1 || message.size !== last.size || message.type !== last.type) {
      return 1;
    }
    const usual = last.isAbsolute ? (last.delta < 1000 ? last.delta : 0) : last.delta;
    return wish === 3 && last.extended === null && delta === usual ? 3 : 2;
  }
}

/** Cuts bytes into pieces of the given sizes, over and over. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}
