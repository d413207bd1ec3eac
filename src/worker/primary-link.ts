/** Calls between a shard and the primary over comlink, each with a time limit. */
import type { MessagePort } from "node:worker_threads";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  Fault,
  PrimaryCalls,
  RingLease,
  ShardCalls,
} from "../protocol/control/calls.ts";
import { ControlError } from "../protocol/errors.ts";

/** An answer later than this counts as none. */
const CALL_TIMEOUT_MS = 5000;
/** Hooks decide about a publish or play: their own limits are shorter than this. */
const ADMIT_TIMEOUT_MS = 35_000;

/** The primary as its shard calls it. */
export interface PrimaryLink {
  leaseRing(streamId: number, wrapBytes: number): Promise<RingLease | null>;
  admit(question: AdmissionQuestion): Promise<AdmissionAnswer>;
}

/** What the primary may call here. */
export interface ShardHandlers {
  kick(row: number, reason: EndReason): boolean;
  fault(fault: Fault): void;
}

function within<T>(promise: Promise<T>, ms: number, call: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new ControlError("ERR_CONTROL_TIMEOUT", `${call}: no answer in ${ms} ms`)),
      ms,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Opens both directions on one port. */
export function openPrimaryLink(port: MessagePort, handlers: ShardHandlers): PrimaryLink {
  const endpoint = nodeEndpoint(port);
  const shard: ShardCalls = {
    kick: (row, reason) => Promise.resolve(handlers.kick(row, reason)),
    fault: (fault) => Promise.resolve(handlers.fault(fault)),
  };
  Comlink.expose(shard, endpoint);
  const primary = Comlink.wrap<PrimaryCalls>(endpoint);
  return {
    leaseRing: (streamId, wrapBytes) =>
      within(primary.leaseRing(streamId, wrapBytes), CALL_TIMEOUT_MS, "leaseRing"),
    admit: (question) =>
      within<AdmissionAnswer>(
        primary.admit(question) as Promise<AdmissionAnswer>,
        ADMIT_TIMEOUT_MS,
        "admit",
      ),
  };
}
