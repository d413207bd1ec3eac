/**
 * RTMP messages as the layers exchange them (RTMP 1.0 §5.3, §5.4, §7.1).
 */

/** Message type ids (RTMP 1.0 §5.4, §7.1; 15–17 for AMF3). */
export const MessageType = {
  SetChunkSize: 1,
  Abort: 2,
  Acknowledgement: 3,
  UserControl: 4,
  WindowAckSize: 5,
  SetPeerBandwidth: 6,
  Audio: 8,
  Video: 9,
  DataAmf3: 15,
  SharedObjectAmf3: 16,
  CommandAmf3: 17,
  DataAmf0: 18,
  SharedObjectAmf0: 19,
  CommandAmf0: 20,
  Aggregate: 22,
} as const;

/** User control event types (RTMP 1.0 §7.1.7). */
export const UserControlEvent = {
  StreamBegin: 0,
  StreamEof: 1,
  StreamDry: 2,
  SetBufferLength: 3,
  StreamIsRecorded: 4,
  PingRequest: 6,
  PingResponse: 7,
} as const;

/** Chunk streams that weir sends on, as strict clients expect them. */
export const ChunkStream = {
  /** Protocol control and user control, always on message stream 0. */
  Control: 2,
  /** NetConnection results. */
  Connection: 3,
  /** NetStream status and data messages. */
  Stream: 5,
  Video: 6,
  Audio: 7,
} as const;

/** What a message's header says about it. */
export interface MessageHeader {
  /** 2–65599. */
  readonly chunkStreamId: number;
  /** One of {@link MessageType}, or an unknown 0–255. */
  readonly type: number;
  /** Message stream id, 0–2^32-1, little-endian on the wire. */
  readonly streamId: number;
  /** Absolute timestamp in milliseconds modulo 2^32. */
  readonly timestamp: number;
}

/** One whole message. */
export interface Message extends MessageHeader {
  /** **Borrowed**: valid until the call that delivers it returns. At most 10 MiB. */
  readonly payload: Uint8Array;
}
