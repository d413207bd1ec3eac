/**
 * What a client may cost before and while it is served: its control messages, our replies, its acknowledgements.
 */
import { LimitError } from "../errors.ts";
import {
  CONTROL_MESSAGES_BURST,
  CONTROL_MESSAGES_PER_SECOND,
  REPLY_BYTES_SLACK,
} from "../limits.ts";
import { encodeAcknowledgement, isAcknowledgementDue } from "./acknowledgement.ts";
import type { Dialogue, SessionState } from "./server-session-state.ts";
import { write } from "./server-session-state.ts";

/**
 * Takes `count` tokens from the bucket of control messages after `elapsedMs` of refilling (L10).
 * @throws LimitError ERR_RTMP_MESSAGE_RATE
 */
export function chargeControl(state: SessionState, elapsedMs: number, count: number): void {
  const refill = (Math.max(0, elapsedMs) * CONTROL_MESSAGES_PER_SECOND) / 1000;
  state.controlTokens = Math.min(CONTROL_MESSAGES_BURST, state.controlTokens + refill) - count;
  if (state.controlTokens < 0) {
    throw new LimitError("ERR_RTMP_MESSAGE_RATE", "too many control messages");
  }
}

/**
 * Until something is accepted a client gets little more than it gives: no amplifier for forged addresses (I7).
 * @throws LimitError ERR_RTMP_REPLIES
 */
export function checkReplies(state: SessionState, bytesReceived: number): void {
  if (state.bytesWritten > 2 * bytesReceived + REPLY_BYTES_SLACK) {
    throw new LimitError("ERR_RTMP_REPLIES", "replies outgrow what was asked");
  }
}

/** Writes an Acknowledgement when half the peer's window has come since the last one. */
export function acknowledge(dialogue: Dialogue): void {
  const { state } = dialogue;
  const received = dialogue.decoder.bytesReceived;
  if (isAcknowledgementDue(received, state.bytesAcknowledged, state.windowAckSizeIn)) {
    state.bytesAcknowledged = received;
    write(dialogue, encodeAcknowledgement(received));
  }
}
