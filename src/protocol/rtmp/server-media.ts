/**
 * Messages of a client that are no commands: media and data of its publishes, control, and what is swallowed.
 */
import { decodeUint32 } from "../bytes/byte-reader.ts";
import { LimitError, ProtocolError } from "../errors.ts";
import { UNAUTHORISED_MEDIA_BYTES_MAX } from "../limits.ts";
import { encodeControl, encodeUserControl } from "./acknowledgement.ts";
import { decodeAggregate } from "./aggregate.ts";
import type { Message } from "./message.ts";
import { MessageType, UserControlEvent } from "./message.ts";
import type { Dialogue, NetStream } from "./server-session-state.ts";
import { write } from "./server-session-state.ts";

/** AMF0 string `@setDataFrame`: marker, length, characters. */
const SET_DATA_FRAME = "@setDataFrame";
const SET_DATA_FRAME_BYTES = 3 + SET_DATA_FRAME.length;
const STRING_MARKER = 0x02;
const LONG_STRING_MARKER = 0x0c;
/** SetPeerBandwidth limit types 0 hard, 1 soft, 2 dynamic (RTMP 1.0 §5.4.5). */
const LIMIT_TYPE_MAX = 2;
/** Events of RTMP 1.0 §7.1.7 that carry at least one 32-bit value. */
const EVENTS_WITH_VALUE_MAX = 7;

/**
 * Audio, video, data and aggregates. Until a publish was accepted they are dropped and counted (A5-06).
 * @throws LimitError ERR_RTMP_UNAUTHORISED_MEDIA
 */
export function takeMedia(dialogue: Dialogue, message: Message): void {
  const stream = publishFor(dialogue, message.streamId);
  if (stream === undefined) {
    dropMedia(dialogue, message);
    return;
  }
  switch (message.type) {
    case MessageType.Audio:
    case MessageType.Video:
      dialogue.sink.media(stream.id, message);
      return;
    case MessageType.Aggregate:
      takeAggregate(dialogue, stream.id, message);
      return;
    default:
      takeData(dialogue, stream.id, message);
  }
}

/**
 * Acknowledgement, user control, WindowAckSize and SetPeerBandwidth.
 * @throws ProtocolError ERR_RTMP_CONTROL_SHORT
 */
export function takeControl(dialogue: Dialogue, message: Message): void {
  const { payload } = message;
  if (message.type === MessageType.UserControl) {
    takeUserControl(dialogue, payload);
    return;
  }
  if (payload.length === 0) {
    dialogue.sink.ignored?.("empty-message");
    return;
  }
  requireBytes(payload, 4, "RTMP 1.0 §5.4");
  const value = decodeUint32(payload, 0);
  if (message.type === MessageType.WindowAckSize) {
    dialogue.state.windowAckSizeIn = value;
  } else if (message.type === MessageType.SetPeerBandwidth) {
    takePeerBandwidth(dialogue, value, payload[4] ?? 0);
  }
}

function takeUserControl(dialogue: Dialogue, payload: Uint8Array): void {
  requireBytes(payload, 2, "RTMP 1.0 §7.1.7");
  const event = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  if (event > EVENTS_WITH_VALUE_MAX || event === 5) {
    dialogue.sink.ignored?.("unknown-event");
    return;
  }
  requireBytes(payload, 6, "RTMP 1.0 §7.1.7");
  if (event === UserControlEvent.PingRequest) {
    write(dialogue, encodeUserControl(UserControlEvent.PingResponse, decodeUint32(payload, 2)));
  }
}

/** The peer limits our window; it hears WindowAckSize when that changes ours (§5.4.5). */
function takePeerBandwidth(dialogue: Dialogue, size: number, limitType: number): void {
  const { state } = dialogue;
  if (limitType > LIMIT_TYPE_MAX || size === 0 || size === state.windowAckSizeOut) {
    return;
  }
  state.windowAckSizeOut = size;
  write(dialogue, encodeControl(MessageType.WindowAckSize, size));
}

function takeAggregate(dialogue: Dialogue, streamId: number, message: Message): void {
  const isWhole = decodeAggregate(message, (part) => {
    if (part.type === MessageType.DataAmf0) {
      takeData(dialogue, streamId, part);
    } else {
      dialogue.sink.media(streamId, part);
    }
  });
  if (!isWhole) {
    dialogue.sink.ignored?.("aggregate-fault");
  }
}

/**
 * Data as AMF0 without `@setDataFrame` and without the format byte of type 15.
 * Peers: ffmpeg 6.1 sends four bytes that start with 0x00 as a data message; it is swallowed.
 */
function takeData(dialogue: Dialogue, streamId: number, message: Message): void {
  const { payload } = message;
  let start = message.type === MessageType.DataAmf3 && payload[0] === 0 ? 1 : 0;
  if (isSetDataFrame(payload, start)) {
    start += SET_DATA_FRAME_BYTES;
  }
  const marker = payload[start];
  if (marker !== STRING_MARKER && marker !== LONG_STRING_MARKER) {
    dialogue.sink.ignored?.("garbage-data");
    return;
  }
  const isPlain = start === 0 && message.type === MessageType.DataAmf0;
  dialogue.sink.media(streamId, isPlain ? message : plainData(message, start));
}

function plainData(message: Message, start: number): Message {
  const { chunkStreamId, streamId, timestamp } = message;
  const payload = message.payload.subarray(start);
  return { type: MessageType.DataAmf0, chunkStreamId, streamId, timestamp, payload };
}

function isSetDataFrame(payload: Uint8Array, start: number): boolean {
  if (payload.length - start < SET_DATA_FRAME_BYTES || payload[start] !== STRING_MARKER) {
    return false;
  }
  if (payload[start + 1] !== 0 || payload[start + 2] !== SET_DATA_FRAME.length) {
    return false;
  }
  for (let at = 0; at < SET_DATA_FRAME.length; at++) {
    if (payload[start + 3 + at] !== SET_DATA_FRAME.charCodeAt(at)) {
      return false;
    }
  }
  return true;
}

/** The publish that media of a message stream belongs to: with one publish any id will do (A2-24). */
function publishFor(dialogue: Dialogue, streamId: number): NetStream | undefined {
  let only: NetStream | undefined;
  let count = 0;
  for (const stream of dialogue.state.streams) {
    if (stream.kind === "publishing") {
      if (stream.id === streamId) {
        return stream;
      }
      only = stream;
      count++;
    }
  }
  return count === 1 ? only : undefined;
}

function dropMedia(dialogue: Dialogue, message: Message): void {
  const { state, sink } = dialogue;
  if (state.streams.some((stream) => stream.kind === "publishing")) {
    sink.ignored?.("unknown-stream");
    return;
  }
  sink.ignored?.("unauthorised-media");
  state.unauthorisedBytes += message.payload.length;
  if (state.unauthorisedBytes > UNAUTHORISED_MEDIA_BYTES_MAX) {
    throw new LimitError("ERR_RTMP_UNAUTHORISED_MEDIA", "media without an accepted publish");
  }
}

function requireBytes(payload: Uint8Array, bytes: number, spec: string): void {
  if (payload.length < bytes) {
    throw new ProtocolError("ERR_RTMP_CONTROL_SHORT", "control message is cut short", { spec });
  }
}
