/** What the works know of a server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StreamAddress } from "../generator/calls.ts";
import type { StreamShape } from "../media/stream-shape.ts";

/** How players fetch. */
export const PROTOCOLS = ["rtmp", "http-flv", "ws-flv", "hls"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/**
 * How a server is to deliver: `merged` waits 350 ms for more, `realtime` sends each frame, `default` is what it does
 * when nothing is said. Servers without merged writes know only one way.
 */
export const DELIVERY_MODES = ["merged", "realtime", "default"] as const;
export type DeliveryMode = (typeof DELIVERY_MODES)[number];

export interface ServeRequest {
  readonly mode: DeliveryMode;
  /** Video frames in one send of the floor. */
  readonly mergeFrames: number;
  /** Threads that serve media, for a server that has a choice. */
  readonly workers: number;
  /** Whether publishers (`ingest`) or players (`fan-out`) are the load. */
  readonly kind: "ingest" | "fan-out";
  readonly protocol: Protocol;
  /** It also makes HLS segments of each stream. */
  readonly hasHls: boolean;
  readonly shape: StreamShape;
}

export interface RunningServer {
  readonly pid: number;
  /** Where publishers and players go. */
  readonly publish: StreamAddress;
  readonly play: StreamAddress;
  /** It makes the stream by itself: no publisher is needed. */
  readonly hasOwnStream: boolean;
  /** Of an edge: connections to its origin. */
  upstreams?(): number;
  /** How late the loop of a shard came to its work within the last second, at most; for a server that tells it. ms */
  loopDelayMs?(): Promise<number>;
  /** Change the configuration under load; the number tells one change from the next. */
  reload?(round: number): void;
  stop(): Promise<void>;
}

export interface ServerAdapter {
  readonly name: string;
  /** Why it cannot run here, or ''. */
  readonly absence: string;
  /** Modes that differ; a request for another is served by the first. */
  readonly modes: readonly DeliveryMode[];
  readonly protocols: readonly Protocol[];
  /** Of the players asked for, the share this server is given (one that would saturate gets fewer). */
  readonly playerShare: number;
  start(request: ServeRequest): Promise<RunningServer>;
}

/** Where weir and servers of SRS's kind have their streams by HTTP. */
const HTTP_PATHS: Readonly<Record<Exclude<Protocol, "rtmp">, string>> = {
  "http-flv": "/live/{stream}.flv",
  "ws-flv": "/live/{stream}.flv",
  hls: "/live/{stream}.m3u8",
};

export const rtmpAddress = (port: number, app: string = "live"): StreamAddress => ({
  port,
  wire: "rtmp",
  app,
  path: "",
});

/** Where to play by a protocol on a server with these two ports. */
export function playAddress(
  protocol: Protocol,
  ports: { readonly rtmp: number; readonly http: number },
  path: string = protocol === "rtmp" ? "" : HTTP_PATHS[protocol],
): StreamAddress {
  return protocol === "rtmp"
    ? rtmpAddress(ports.rtmp)
    : { port: ports.http, wire: protocol, app: "live", path };
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
