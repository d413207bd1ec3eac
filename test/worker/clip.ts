/** Messages of a committed clip, and synthetic ones, as a publisher sends them. */
import { fileURLToPath } from "node:url";
import { type Message, MessageType } from "../../src/protocol/rtmp/message.ts";
import { readFlv } from "../support/flv-file.ts";

const CLIP = fileURLToPath(
  new URL("../../../test/fixtures/flv/h264-aac-b-frames.flv", import.meta.url),
);

/** A whole message. Payloads are **owned**. */
export function message(type: number, timestamp: number, payload: Uint8Array): Message {
  return { type, timestamp, payload, chunkStreamId: 4, streamId: 1 };
}

/** All messages of H.264 with B-frames and AAC. */
export function clipMessages(): Message[] {
  return readFlv(CLIP).map((frame) =>
    message(frame.type, frame.timestamp, new Uint8Array(frame.payload)),
  );
}

/** The sequence header of the clip's track. */
export function clipHeader(type: 8 | 9): Uint8Array {
  const found = readFlv(CLIP).find((frame) => frame.type === type && frame.kind === "header");
  if (found === undefined) {
    throw new Error("the clip has no header");
  }
  return new Uint8Array(found.payload);
}

/** A coded AVC frame of so many bytes whose content depends on `seed`. */
function avcFrame(isKeyframe: boolean, bytes: number, seed: number): Uint8Array {
  const payload = new Uint8Array(Math.max(6, bytes));
  for (let at = 5; at < payload.length; at += 1) {
    payload[at] = (at * 31 + seed * 17) & 0xff;
  }
  payload.set([isKeyframe ? 0x17 : 0x27, 1, 0, 0, 0]);
  return stamped(payload, 5, seed);
}

/** A coded AAC frame. */
function aacFrame(bytes: number, seed: number): Uint8Array {
  const payload = new Uint8Array(Math.max(3, bytes)).fill(seed & 0xff);
  payload.set([0xaf, 1]);
  return stamped(payload, 2, seed);
}

/** Makes frames of different seeds different, where they are long enough. */
function stamped(payload: Uint8Array, at: number, seed: number): Uint8Array {
  if (payload.length >= at + 4) {
    new DataView(payload.buffer).setUint32(at, seed);
  }
  return payload;
}

export function video(timestamp: number, isKeyframe: boolean, bytes = 300, seed = 0): Message {
  return message(MessageType.Video, timestamp, avcFrame(isKeyframe, bytes, seed));
}

export function audio(timestamp: number, bytes = 60, seed = 0): Message {
  return message(MessageType.Audio, timestamp, aacFrame(bytes, seed));
}
