/** What the scenarios know of a server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Wire } from "../generator/calls.ts";

/** How a server is to deliver. Servers without merged writes know only one way. */
export type DeliveryMode = "merged" | "realtime";

/** The merge of the merged mode. */
export const MERGE_MS = 350;
/** The same in video frames of the reference stream, rounded down. */
export const MERGE_FRAMES = 10;

export interface ServeRequest {
  readonly mode: DeliveryMode;
  /** Threads that serve media, for a server that has a choice. */
  readonly workers: number;
  /** Whether publishers (`ingest`) or players (`fan-out`) are the load. */
  readonly kind: "ingest" | "fan-out";
}

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  readonly wire: Wire;
  /** It makes the stream by itself: no publisher is needed. */
  readonly hasOwnStream: boolean;
  /** Where publishers go, when that is elsewhere. */
  readonly publishPort?: number;
  /** Of an edge: connections to its origin. */
  upstreams?(): number;
  stop(): Promise<void>;
}

export interface ServerAdapter {
  readonly name: string;
  /** Why it cannot run here, or ''. */
  readonly absence: string;
  /** Modes that differ; a request for another is served by the first. */
  readonly modes: readonly DeliveryMode[];
  /** Of the players asked for, the share this server is given (one that would saturate gets fewer). */
  readonly playerShare: number;
  start(request: ServeRequest): Promise<RunningServer>;
}

/** A directory for a server's files, removed by the returned function. */
export function makeWorkDirectory(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `weir-bench-${name}-`));
  const remove = (): void => {
    process.off("exit", remove);
    rmSync(path, { recursive: true, force: true });
  };
  process.on("exit", remove);
  return { path, remove };
}
