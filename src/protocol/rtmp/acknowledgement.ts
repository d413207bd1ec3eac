/**
 * Acknowledgements of received bytes (RTMP 1.0 §5.4.3, §5.4.4), the same in both directions.
 *
 * Byte counts are doubles that never wrap in memory; on the wire and in differences they count modulo 2^32, so a
 * counter that was carried as 32 bits works as well. Peers: FMLE and several hardware encoders stop when no
 * acknowledgement comes, and stall near 4 GiB when its number does not wrap.
 */
import { WINDOW_ACK_SIZE_MIN } from "../limits.ts";
import { encodeMessage } from "./chunk-encoder.ts";
import { ChunkStream, MessageType } from "./message.ts";

/**
 * Whether an acknowledgement is due: half the peer's window has come since the last one.
 * Units: bytes; `window` 0 switches acknowledgements off, smaller ones than WINDOW_ACK_SIZE_MIN are raised to it.
 */
export function isAcknowledgementDue(
  received: number,
  acknowledged: number,
  window: number,
): boolean {
  if (window === 0) {
    return false;
  }
  const pending = ((received >>> 0) - (acknowledged >>> 0)) >>> 0;
  return pending * 2 >= Math.max(window, WINDOW_ACK_SIZE_MIN);
}

/**
 * An Acknowledgement in wire form; its number is `received` modulo 2^32.
 * Memory: **owned** by the caller.
 */
export function encodeAcknowledgement(received: number): Uint8Array {
  return encodeControl(MessageType.Acknowledgement, received);
}

/**
 * A protocol control message with one 32-bit value in wire form, on chunk stream 2 and message stream 0.
 * Peers: Larix takes control messages nowhere else.
 * Memory: **owned** by the caller.
 */
export function encodeControl(type: number, value: number, limitType?: number): Uint8Array {
  const payload = new Uint8Array(limitType === undefined ? 4 : 5);
  new DataView(payload.buffer).setUint32(0, value >>> 0);
  if (limitType !== undefined) {
    payload[4] = limitType;
  }
  // Control payloads are shorter than the smallest chunk size, so the size does not matter here.
  return encodeMessage(controlHeader(type), payload, 128);
}

/** Set Chunk Size in wire form (RTMP 1.0 §5.4.1). Memory: **owned** by the caller. */
export function encodeSetChunkSize(chunkSize: number): Uint8Array {
  return encodeControl(MessageType.SetChunkSize, chunkSize);
}

/**
 * A user control event in wire form (RTMP 1.0 §7.1.7), e.g. StreamEof or PingRequest.
 * Shape: `value` is the event's first 32-bit field, `second` the buffer length of SetBufferLength.
 * Memory: **owned** by the caller.
 */
export function encodeUserControl(event: number, value: number, second?: number): Uint8Array {
  const payload = new Uint8Array(second === undefined ? 6 : 10);
  const view = new DataView(payload.buffer);
  view.setUint16(0, event);
  view.setUint32(2, value >>> 0);
  if (second !== undefined) {
    view.setUint32(6, second >>> 0);
  }
  return encodeMessage(controlHeader(MessageType.UserControl), payload, 128);
}

function controlHeader(type: number): {
  chunkStreamId: number;
  type: number;
  streamId: number;
  timestamp: number;
} {
  return { chunkStreamId: ChunkStream.Control, type, streamId: 0, timestamp: 0 };
}
