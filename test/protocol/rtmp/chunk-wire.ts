/**
 * Chunks written by hand for the decoder's tests: a sender of its own that shares no code with the product.
 */

import assert from "node:assert/strict";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import type { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";

/** A delivered message with a payload of its own. */
export interface Seen {
  readonly csid: number;
  readonly type: number;
  readonly sid: number;
  readonly time: number;
  readonly payload: string;
}

/** One chunk. Fields that its format does not carry are ignored. */
export interface ChunkFields {
  readonly fmt: 0 | 1 | 2 | 3;
  readonly csid: number;
  /** The time or delta field; extended when it does not fit 24 bits or `extended` asks for it. */
  readonly time?: number;
  readonly length?: number;
  readonly type?: number;
  readonly sid?: number;
  /** Extended timestamp after the header, for format 3 or to force one. */
  readonly extended?: number;
  /** Length of the basic header instead of the shortest. */
  readonly form?: 1 | 2 | 3;
  readonly payload?: Uint8Array | readonly number[];
}

export function chunk(fields: ChunkFields): Uint8Array {
  const { fmt, csid, time = 0, length = 0, type = 0, sid = 0, payload = [] } = fields;
  const bytes: number[] = [];
  bytes.push(...basicHeader(fmt, csid, fields.form ?? (csid < 64 ? 1 : csid < 320 ? 2 : 3)));
  const extended = fields.extended ?? (fmt < 3 && time >= 0xff_ff_ff ? time : null);
  if (fmt < 3) {
    bytes.push(...bigEndian(extended === null ? time : 0xff_ff_ff, 3));
  }
  if (fmt < 2) {
    bytes.push(...bigEndian(length, 3), type);
  }
  if (fmt === 0) {
    bytes.push(...bigEndian(sid, 4).reverse());
  }
  if (extended !== null) {
    bytes.push(...bigEndian(extended, 4));
  }
  return Uint8Array.from([...bytes, ...payload]);
}

function basicHeader(fmt: number, csid: number, form: 1 | 2 | 3): number[] {
  if (form === 1) {
    return [fmt * 64 + csid];
  }
  const low = (csid - 64) % 256;
  return form === 2 ? [fmt * 64, low] : [fmt * 64 + 1, low, Math.floor((csid - 64) / 256)];
}

export function bigEndian(value: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, index) => Math.floor(value / 256 ** (count - 1 - index)) % 256,
  );
}

/** A protocol control message on chunk stream 2. */
export function control(type: number, payload: readonly number[]): Uint8Array {
  return chunk({ fmt: 0, csid: 2, type, length: payload.length, payload });
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function filled(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 0xff);
}

export function seen(message: Message): Seen {
  return {
    csid: message.chunkStreamId,
    type: message.type,
    sid: message.streamId,
    time: message.timestamp,
    payload: Buffer.from(message.payload).toString("hex"),
  };
}

/** Pushes the pieces one after the other and collects what is delivered. */
export function collect(decoder: ChunkDecoder, ...pieces: readonly Uint8Array[]): Seen[] {
  const events: Seen[] = [];
  for (const piece of pieces) {
    decoder.push(piece, {
      message(message) {
        events.push(seen(message));
        return true;
      },
    });
  }
  return events;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Asserts that `run` throws a protocol error of that code and class. */
export function throwsCode(
  run: () => unknown,
  code: string,
  kind: typeof ProtocolError = ProtocolError,
): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.code, code);
    return true;
  });
}
