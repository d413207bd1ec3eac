/** What a floor's player gets before its first frame, and how its stream is packed. */
import { createHash } from "node:crypto";
import type { Wire } from "../generator/calls.ts";
import {
  chunkedEnvelope,
  type Envelope,
  FLV_FILE_HEADER,
  flvPackaging,
  type Packaging,
  rtmpPackaging,
  webSocketEnvelope,
} from "../media/packaging.ts";
import { FLOOR_CHUNK_SIZE } from "../media/synthetic-stream.ts";
import { concatBytes } from "../rtmp/chunks.ts";

// RFC 6455 §1.3.
const WEB_SOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const encoder = new TextEncoder();
const envelopeOf = (wire: Wire): Envelope =>
  wire === "ws-flv" ? webSocketEnvelope : chunkedEnvelope;

/** The form of frames: RTMP chunks, or FLV tags in chunks or messages. */
export function packagingOf(wire: Wire): Packaging {
  return wire === "raw" ? rtmpPackaging(FLOOR_CHUNK_SIZE) : flvPackaging(envelopeOf(wire));
}

/** @returns **owned** answer to a request, up to the FLV file header. */
export function greet(wire: Wire, request: string): Uint8Array {
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}${WEB_SOCKET_GUID}`).digest("base64");
  const head =
    wire === "ws-flv"
      ? `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
      : "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nTransfer-Encoding: chunked\r\n\r\n";
  return concatBytes([encoder.encode(head), envelopeOf(wire)(FLV_FILE_HEADER).wire]);
}
