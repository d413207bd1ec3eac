/** A message with its corrected time, as it is written into a ring. */
import { FrameClass } from "../../protocol/flv/classify.ts";
import type { MessageHeader } from "../../protocol/rtmp/message.ts";

/** What a live stream writes. */
export interface Outgoing extends MessageHeader {
  /** **Owned** while it waits or is mixed, else borrowed. */
  readonly payload: Uint8Array;
  readonly kind: FrameClass;
}

/** The same with a payload of its own. */
export function owned(message: Outgoing): Outgoing {
  return { ...message, payload: message.payload.slice() };
}

/** True for video that is no header. */
export function isVideoFrame(kind: FrameClass): boolean {
  return (
    kind === FrameClass.Keyframe || kind === FrameClass.Inter || kind === FrameClass.VideoOther
  );
}
