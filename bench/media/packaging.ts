/** Media messages in the wire forms that servers send and publishers write. */
import {
  concatBytes,
  encodeWire,
  FIRST_HEADER_BYTES,
  STREAM_ID_OFFSET,
  TIMESTAMP_OFFSET,
} from "../rtmp/chunks.ts";

export const MediaType = { Audio: 8, Video: 9, Data: 18 } as const;

/** One message in wire form. */
export interface Package {
  readonly wire: Uint8Array;
  /** Where the message's or tag's header begins in it. */
  readonly headerOffset: number;
  /** Where the payload begins in it; it may be cut into chunks from there on. */
  readonly payloadOffset: number;
}

/** One way to put messages on the wire. */
export interface Packaging {
  wrap(type: number, payload: Uint8Array): Package;
  /** Write a message's time, and its message stream where there is one, into the header at `bytes[at]`. */
  setTime(bytes: Uint8Array, at: number, time: MessageTime): void;
}

export interface MessageTime {
  readonly streamId: number;
  readonly timestampMs: number;
}

const CHUNK_STREAMS: Readonly<Record<number, number>> = { 8: 4, 9: 6, 18: 5 };

/** RTMP chunks of this size. */
export function rtmpPackaging(chunkSize: number): Packaging {
  return {
    wrap: (type, payload) => {
      const chunkStreamId = CHUNK_STREAMS[type] ?? 3;
      const wire = encodeWire({ chunkStreamId, type, streamId: 1, payload }, chunkSize);
      return { wire, headerOffset: 0, payloadOffset: FIRST_HEADER_BYTES };
    },
    setTime: (bytes, at, { streamId, timestampMs }) => {
      bytes[at + TIMESTAMP_OFFSET] = timestampMs >> 16;
      bytes[at + TIMESTAMP_OFFSET + 1] = timestampMs >> 8;
      bytes[at + TIMESTAMP_OFFSET + 2] = timestampMs;
      bytes[at + STREAM_ID_OFFSET] = streamId;
      bytes[at + STREAM_ID_OFFSET + 1] = streamId >> 8;
      bytes[at + STREAM_ID_OFFSET + 2] = streamId >> 16;
      bytes[at + STREAM_ID_OFFSET + 3] = streamId >> 24;
    },
  };
}

export const FLV_TAG_HEADER_BYTES = 11;
const FLV_TRAILER_BYTES = 4;
const FLV_TIME_OFFSET = 4;

/** FLV header with audio and video, and the first back pointer. */
export const FLV_FILE_HEADER: Uint8Array = Uint8Array.from([
  0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0,
]);

function encodeTag(type: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const tag = new Uint8Array(FLV_TAG_HEADER_BYTES + length + FLV_TRAILER_BYTES);
  tag.set([type, length >> 16, length >> 8, length]);
  tag.set(payload, FLV_TAG_HEADER_BYTES);
  new DataView(tag.buffer).setUint32(FLV_TAG_HEADER_BYTES + length, FLV_TAG_HEADER_BYTES + length);
  return tag;
}

/** What goes around each piece of FLV in a transport. */
export type Envelope = (bytes: Uint8Array) => { readonly wire: Uint8Array; readonly at: number };

const encoder = new TextEncoder();

/** A chunk of HTTP/1.1's chunked coding (RFC 9112 §7.1). */
export const chunkedEnvelope: Envelope = (bytes) => {
  const head = encoder.encode(`${bytes.length.toString(16)}\r\n`);
  return { wire: concatBytes([head, bytes, encoder.encode("\r\n")]), at: head.length };
};

const WEB_SOCKET_BINARY = 0x82;

/** One binary message of a WebSocket server (RFC 6455 §5.2), not masked. */
export const webSocketEnvelope: Envelope = (bytes) => {
  const { length } = bytes;
  let head = [WEB_SOCKET_BINARY, length];
  if (length > 65_535) {
    head = [WEB_SOCKET_BINARY, 127, 0, 0, 0, 0, length >> 24, length >> 16, length >> 8, length];
  } else if (length > 125) {
    head = [WEB_SOCKET_BINARY, 126, length >> 8, length];
  }
  return { wire: concatBytes([Uint8Array.from(head), bytes]), at: head.length };
};

/** FLV tags, each in an envelope of its own. */
export function flvPackaging(envelope: Envelope): Packaging {
  return {
    wrap: (type, payload) => {
      const { wire, at } = envelope(encodeTag(type, payload));
      return { wire, headerOffset: at, payloadOffset: at + FLV_TAG_HEADER_BYTES };
    },
    setTime: (bytes, at, { timestampMs }) => {
      bytes[at + FLV_TIME_OFFSET] = timestampMs >> 16;
      bytes[at + FLV_TIME_OFFSET + 1] = timestampMs >> 8;
      bytes[at + FLV_TIME_OFFSET + 2] = timestampMs;
      bytes[at + FLV_TIME_OFFSET + 3] = timestampMs >> 24;
    },
  };
}
