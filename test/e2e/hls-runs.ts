/** Servers in the test's process that make HLS, and a publisher of theirs. */
import { join } from "node:path";
import type { ShardLink } from "../../src/main/shards/shard-link.ts";
import type { SupervisorLimits } from "../../src/main/shards/supervisor.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { HlsClient } from "../support/hls-client.ts";
import { openPublisher } from "../support/publish-once.ts";
import { ClipPublisher } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";

export interface HlsServerOptions {
  readonly workers?: number;
  readonly backend?: "uws" | "node";
  /** Inside `hls`, before what is said here: the first of a name counts. */
  readonly hls?: string;
  /** Inside the vhost. */
  readonly vhost?: string;
  /** Directory of the files; another one is made. */
  readonly directory?: string;
  readonly isOff?: boolean;
  readonly limits?: Partial<SupervisorLimits>;
}

/** A server and a viewer of it. */
export interface HlsServer extends InProcess {
  readonly client: HlsClient;
  readonly directory: string;
  /** Reloads with other directives inside `hls`. */
  reloadHls(
    hls: string,
    change?: { readonly isOff?: boolean; readonly vhost?: string },
  ): Promise<void>;
}

const LIMITS = { watchMs: 50, hangWarnMs: 500, hangKillMs: 20_000, crashesMax: 1000 };

/** Starts one with two gateways. Segments are of 0.4 s, the window of 2 s. */
export async function startHls(options: HlsServerOptions = {}): Promise<HlsServer> {
  const http = await findFreePort();
  const directory = options.directory ?? makeScratch();
  const { workers = 1, backend = "node" } = options;
  const make = (hls: string, { isOff = false, vhost = "" }) => ({
    workers,
    directives: `http_backend ${backend}; gateways 2; http_server { enabled on; listen 127.0.0.1:${http}; }`,
    vhost: `${vhost} hls { ${hls} enabled ${isOff ? "off" : "on"}; hls_fragment 0.4; hls_window 2; hls_path ${directory}; }`,
    limits: { ...LIMITS, ...options.limits },
  });
  const server = await startInProcess(make(options.hls ?? "", options));
  await waitUntil("http listens", () => isListening(http), 10_000);
  return {
    ...server,
    directory,
    client: new HlsClient(http),
    reloadHls: async (hls, change = {}) => {
      await server.reload(make(hls, { vhost: options.vhost ?? "", ...change }));
    },
  };
}

/** A clip of keyframes 0.4 s apart. */
export async function makeHlsClip(): Promise<Frame[]> {
  const scratch = makeScratch();
  return readFlv(await makeClip(scratch, join("hls"), { seconds: 4, gopFrames: 10 }));
}

/** Publishes a clip in real time, over and over, once the name is free. */
export async function publishTo(
  port: number,
  name: string,
  clip: readonly Frame[],
): Promise<ClipPublisher> {
  return new ClipPublisher(await openPublisher(`rtmp://127.0.0.1:${port}/live/${name}`), clip);
}

/** Where a server packages: the only packager there is. */
export function packagerOf({ server }: InProcess): ShardLink | undefined {
  return server.supervisor.links.find((link) => link?.role === "packager");
}
