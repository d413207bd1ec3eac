/**
 * Which messages are kept and how long they may be, by type (RTMP 1.0 §5.4, §7.1).
 */

import {
  COMMAND_MESSAGE_BYTES_MAX,
  MEDIA_MESSAGE_BYTES_MAX,
  MESSAGE_BYTES_MAX_BEFORE_IDENTIFY,
} from "../limits.ts";
import { MessageType } from "./message.ts";

const Kind = { Unknown: 0, Command: 1, SharedObject: 2, Media: 3 } as const;

const kinds = new Uint8Array(256);
kinds[MessageType.SetChunkSize] = Kind.Command;
kinds[MessageType.Abort] = Kind.Command;
kinds[MessageType.Acknowledgement] = Kind.Command;
kinds[MessageType.UserControl] = Kind.Command;
kinds[MessageType.WindowAckSize] = Kind.Command;
kinds[MessageType.SetPeerBandwidth] = Kind.Command;
kinds[MessageType.DataAmf0] = Kind.Command;
kinds[MessageType.DataAmf3] = Kind.Command;
kinds[MessageType.CommandAmf0] = Kind.Command;
kinds[MessageType.CommandAmf3] = Kind.Command;
kinds[MessageType.SharedObjectAmf0] = Kind.SharedObject;
kinds[MessageType.SharedObjectAmf3] = Kind.SharedObject;
kinds[MessageType.Audio] = Kind.Media;
kinds[MessageType.Video] = Kind.Media;
kinds[MessageType.Aggregate] = Kind.Media;

/**
 * Whether a message's payload is of no use to weir, so that its bytes are counted and not kept: unknown types and
 * shared objects.
 */
export function isSkippedType(type: number): boolean {
  const kind = kinds[type] ?? Kind.Unknown;
  return kind === Kind.Unknown || kind === Kind.SharedObject;
}

/**
 * The longest payload of a message type. Media may be large from the start, since the session counts what comes
 * unasked; an unknown type is never kept and may have any length.
 * Units: bytes.
 * @returns a bound on the announced length
 */
export function messageBytesMax(type: number, isIdentified: boolean): number {
  const kind = kinds[type] ?? Kind.Unknown;
  if (kind === Kind.Media) {
    return MEDIA_MESSAGE_BYTES_MAX;
  }
  if (kind === Kind.Unknown) {
    return 0xff_ff_ff;
  }
  return isIdentified ? COMMAND_MESSAGE_BYTES_MAX : MESSAGE_BYTES_MAX_BEFORE_IDENTIFY;
}
