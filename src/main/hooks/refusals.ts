/** What a client hears whom callbacks do not let in. */
import type { CalledAction } from "../../protocol/conf/hooks.ts";
import { RejectedError } from "../../protocol/errors.ts";

const STATUSES: Partial<Readonly<Record<CalledAction, string>>> = {
  on_connect: "NetConnection.Connect.Rejected",
  on_publish: "NetStream.Publish.Denied",
  on_forward: "NetStream.Publish.Denied",
  on_play: "NetStream.Play.Failed",
};

function rejection(code: string, action: CalledAction, text: string): RejectedError {
  return new RejectedError(code, STATUSES[action] ?? "NetStream.Failed", text);
}

/** The server has said no. */
export function refusedBy(action: CalledAction): RejectedError {
  return rejection("ERR_HOOK_REFUSED", action, `The callback ${action} refuses.`);
}

/** It has said nothing that counts. */
export function unanswered(action: CalledAction): RejectedError {
  return rejection("ERR_HOOK_FAILED", action, `The callback ${action} gave no valid answer.`);
}

/** Too many callbacks about the client wait. */
export function overrun(action: CalledAction): RejectedError {
  return rejection("ERR_HOOK_BUSY", action, "Too many callbacks wait.");
}
