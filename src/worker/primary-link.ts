/** Calls between a shard and the primary over comlink, each with a time limit. */
import type { MessagePort } from "node:worker_threads";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import type { ApiAnswer, ApiQuestion } from "../protocol/control/api.ts";
import type {
  AdmissionAnswer,
  EndReason,
  Fault,
  HlsQuestion,
  PrimaryCalls,
  RingLease,
  RowQuestion,
  ShardCalls,
  ViewerAnswer,
  ViewerQuestion,
} from "../protocol/control/calls.ts";
import type { HlsAnswer } from "../protocol/control/hls.ts";
import type { OriginAnswer, OriginQuestion } from "../protocol/control/upstream.ts";
import { ControlError } from "../protocol/errors.ts";

/** An answer later than this counts as none. */
const CALL_TIMEOUT_MS = 5000;
/** Hooks decide about a publish or play: their own limits are shorter than this. */
const ADMIT_TIMEOUT_MS = 35_000;

/** The API answers a reload when it is done, or after 8 s. */
const API_TIMEOUT_MS = 12_000;

/** The primary as its shard calls it. */
export interface PrimaryLink {
  leaseRing(streamId: number, wrapBytes: number): Promise<RingLease | null>;
  admit(question: RowQuestion): Promise<AdmissionAnswer>;
  admitViewer(question: ViewerQuestion): Promise<ViewerAnswer>;
  admitHls(question: HlsQuestion): Promise<HlsAnswer>;
  /** null: the HTTP API has no such path on http_server's port. */
  api(question: ApiQuestion): Promise<ApiAnswer | null>;
  nextOrigin(question: OriginQuestion): Promise<OriginAnswer>;
  /** Tells that a play ended; nothing comes back. */
  playEnded(row: number, play: number): void;
}

/** What the primary may call here. */
export interface ShardHandlers {
  kick(row: number, inode: number, reason: EndReason): boolean | Promise<boolean>;
  fault(fault: Fault): void;
  /** An answer that nobody waited for any more brought this lease. */
  unused(lease: RingLease): void;
  /** An answer that nobody waited for any more gave this row. */
  unusedRow(row: number): void;
}

interface Call<T> {
  readonly name: string;
  readonly timeoutMs: number;
  /** Takes an answer that came too late. */
  readonly late: (answer: T) => void;
}

function within<T>(promise: Promise<T>, { name, timeoutMs, late }: Call<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      const text = `${name}: no answer in ${timeoutMs} ms`;
      reject(new ControlError("ERR_CONTROL_TIMEOUT", text));
    }, timeoutMs);
    promise.then((answer) => {
      clearTimeout(timer);
      if (isLate) {
        late(answer);
      } else {
        resolve(answer);
      }
    }, reject);
  });
}

/** Opens both directions on one port. */
export function openPrimaryLink(port: MessagePort, handlers: ShardHandlers): PrimaryLink {
  const endpoint = nodeEndpoint(port);
  const shard: ShardCalls = {
    kick: (row, inode, reason) => Promise.resolve(handlers.kick(row, inode, reason)),
    fault: (fault) => Promise.resolve(handlers.fault(fault)),
  };
  Comlink.expose(shard, endpoint);
  const primary = Comlink.wrap<PrimaryCalls>(endpoint);
  const giveBack = (lease: RingLease | null): void => {
    if (lease !== null) {
      handlers.unused(lease);
    }
  };
  return {
    leaseRing: (streamId, wrapBytes) =>
      within(primary.leaseRing(streamId, wrapBytes), {
        name: "leaseRing",
        timeoutMs: CALL_TIMEOUT_MS,
        late: giveBack,
      }),
    admit: (question) =>
      within<AdmissionAnswer>(primary.admit(question) as Promise<AdmissionAnswer>, {
        name: "admit",
        timeoutMs: ADMIT_TIMEOUT_MS,
        late: (answer) => giveBack(answer.allowed ? answer.lease : null),
      }),
    admitViewer: (question) =>
      within<ViewerAnswer>(primary.admitViewer(question) as Promise<ViewerAnswer>, {
        name: "admitViewer",
        timeoutMs: ADMIT_TIMEOUT_MS,
        late: (answer) => {
          if (answer.allowed) {
            handlers.unusedRow(answer.row);
          }
        },
      }),
    admitHls: (question) =>
      within<HlsAnswer>(primary.admitHls(question) as Promise<HlsAnswer>, {
        name: "admitHls",
        timeoutMs: ADMIT_TIMEOUT_MS,
        // The session ends by itself when nobody asks under it.
        late: () => undefined,
      }),
    api: (question) =>
      within<ApiAnswer | null>(primary.api(question) as Promise<ApiAnswer | null>, {
        name: "api",
        timeoutMs: API_TIMEOUT_MS,
        late: () => undefined,
      }),
    nextOrigin: (question) =>
      within<OriginAnswer>(primary.nextOrigin(question) as Promise<OriginAnswer>, {
        name: "nextOrigin",
        timeoutMs: CALL_TIMEOUT_MS,
        late: (answer) => giveBack(answer.kind === "stop" ? null : answer.lease),
      }),
    playEnded: (row, play) => void primary.playEnded(row, play),
  };
}
