/** What a client hears whom callbacks do not let in. */
import type { HookAction } from "../../protocol/conf/hooks.ts";
import { RejectedError } from "../../protocol/errors.ts";

const STATUSES: Partial<Readonly<Record<HookAction, string>>> = {
  on_connect: "NetConnection.Connect.Rejected",
  on_publish: "NetStream.Publish.Denied",
  on_play: "NetStream.Play.Failed",
};

function rejection(code: string, action: HookAction, text: string): RejectedError {
  return new RejectedError(code, STATUSES[action] ?? "NetStream.Failed", text);
}

/** The server has said no. */
export function refusedBy(action: HookAction): RejectedError {
  return rejection("ERR_HOOK_REFUSED", action, `The callback ${action} refuses.`);
}

/** It has said nothing that counts. */
export function unanswered(action: HookAction): RejectedError {
  return rejection("ERR_HOOK_FAILED", action, `The callback ${action} gave no valid answer.`);
}

/** Too many callbacks about the client wait. */
export function overrun(action: HookAction): RejectedError {
  return rejection("ERR_HOOK_BUSY", action, "Too many callbacks wait.");
}
