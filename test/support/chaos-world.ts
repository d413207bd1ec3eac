/** An origin and an edge with encoders and watchers of every kind. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ApiServer, type ClientAnswer, startApi } from "./api.ts";
import { Encoder } from "./chaos-encoder.ts";
import { Ledger } from "./chaos-ledger.ts";
import type { Random } from "./chaos-random.ts";
import { Watcher, type WatcherKind } from "./chaos-watchers.ts";
import { makeClip } from "./clips.ts";
import { HEVC_ENHANCED, makeEnhancedClip } from "./enhanced-clips.ts";
import { type Frame, readFlv } from "./flv-file.ts";
import { findFreePort, makeScratch, waitUntil } from "./scratch.ts";

const SECONDS = 8;
const RELOAD_MS = 20_000;
const TS_VHOST = "ts.example";
const HLS_VHOST = "hls.example";
const FAST_VHOST = "fast.example";
const HLS = "enabled on; hls_fragment 1; hls_window 10; hls_cleanup on;";

interface StreamPlan {
  readonly name: string;
  readonly vhost: string;
  readonly clip: readonly Frame[];
  readonly speed: number;
  readonly kinds: readonly WatcherKind[];
}

export interface WorldOptions {
  readonly backend: "uws" | "node";
}

/** All of it. */
export class ChaosWorld {
  readonly origin: ApiServer;
  readonly edge: ApiServer;
  readonly http: number;
  readonly edgeHttp: number;
  /** Where threads of the origin look for orders. */
  readonly folder: string;
  readonly encoders: Encoder[] = [];
  readonly watchers: Watcher[] = [];
  readonly threads: readonly string[] = [
    "shard-0",
    "shard-1",
    "gateway-2",
    "gateway-3",
    "packager-4",
  ];
  reloads = 0;
  readonly #file: string;
  /** As it was at the start. */
  readonly #conf: string;
  #faultAt = 0;

  private constructor(
    origin: ApiServer,
    edge: ApiServer,
    rest: { http: number; edgeHttp: number; folder: string; file: string },
  ) {
    this.origin = origin;
    this.edge = edge;
    this.http = rest.http;
    this.edgeHttp = rest.edgeHttp;
    this.folder = rest.folder;
    this.#file = rest.file;
    this.#conf = readFileSync(rest.file, "utf8");
  }

  static async open({ backend }: WorldOptions): Promise<ChaosWorld> {
    const folder = makeScratch();
    const file = join(makeScratch(), "weir.conf");
    const [http, edgeHttp] = [await findFreePort(), await findFreePort()];
    const preload = new URL("./chaos-hook.js", import.meta.url);
    preload.searchParams.set("folder", folder);
    const origin = await startApi({
      ...{ file, preload, workers: 2 },
      directives: [
        `exporter { enabled on; listen 127.0.0.1:${await findFreePort()}; }`,
        `gateways 2; jobs 1; http_backend ${backend}; auto_reload_for_docker off;`,
        `http_server { enabled on; listen 127.0.0.1:${http}; }`,
        `vhost ${TS_VHOST} { http_remux { enabled on; mount [vhost]/[app]/[stream].ts; } }`,
        `vhost ${HLS_VHOST} { http_remux { enabled on; } hls { ${HLS} hls_path ${makeScratch()}; } }`,
        `vhost ${FAST_VHOST} { http_remux { enabled on; } }`,
      ].join("\n"),
      vhost: `http_remux { enabled on; } hls { ${HLS} hls_use_fmp4 on; hls_path ${makeScratch()}; }`,
    });
    const edge = await startApi({
      workers: 1,
      directives: `gateways 1; http_backend ${backend}; http_server { enabled on; listen 127.0.0.1:${edgeHttp}; }`,
      vhost: `http_remux { enabled on; } cluster { mode remote; origin 127.0.0.1:${origin.port}; }`,
    });
    return new ChaosWorld(origin, edge, { http, edgeHttp, folder, file });
  }

  /** Starts encoders and watchers, and waits until all of them see something. */
  async populate(): Promise<void> {
    for (const plan of await streamPlans()) {
      const { name, vhost, clip, speed } = plan;
      const ledger = new Ledger();
      const url = `rtmp://127.0.0.1:${this.origin.port}/live/${name}?vhost=${vhost}`;
      this.encoders.push(new Encoder({ name, url, clip, ledger, speed }));
      for (const [index, kind] of plan.kinds.entries()) {
        const port = kind === "rtmp" ? this.origin.port : this.http;
        const title = `${name} ${kind} ${index}`;
        const watcher = { name: title, kind, stream: name, isAtEdge: false, port, vhost, ledger };
        this.watchers.push(new Watcher(watcher));
      }
      if (vhost === "__defaultVhost__") {
        for (const kind of ["rtmp", "flv"] as const) {
          const port = kind === "rtmp" ? this.edge.port : this.edgeHttp;
          const title = `${name} ${kind} edge`;
          const watcher = { name: title, kind, stream: name, isAtEdge: true, port, vhost, ledger };
          this.watchers.push(new Watcher(watcher));
        }
      }
    }
    await this.allWatch(60_000);
  }

  /** Waits until everybody has got something since now. */
  async allWatch(timeoutMs: number): Promise<void> {
    const since = performance.now();
    const late = (): Watcher[] => this.watchers.filter(({ lastAt }) => lastAt < since);
    await waitUntil("all watch", () => late().length === 0, timeoutMs).catch((error: unknown) => {
      const names = late().map(({ plan }) => plan.name);
      throw new Error(`${String(error)}: not ${names.join(", ")}`, { cause: error });
    });
  }

  /** What follows is by this fault. */
  mark(): void {
    this.#faultAt = performance.now();
  }

  hasEnded({ ends }: Watcher): boolean {
    return (ends.at(-1) ?? 0) >= this.#faultAt;
  }

  async clients(): Promise<readonly ClientAnswer[]> {
    return (await this.origin.get("/api/v1/clients/?count=1000")).clients;
  }

  /** Names of streams that this thread writes. */
  async streamsOn(thread: string): Promise<ReadonlySet<string>> {
    const { streams } = await this.origin.get("/api/v1/streams/?count=100");
    return new Set(streams.filter(({ shard }) => shard === thread).map(({ name }) => name));
  }

  /** Threads of the origin that work. */
  busyThreads(): number[] {
    const { pid } = this.origin;
    return readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .filter((tid) => {
        const [ran = 0] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8")
          .split(" ")
          .map(Number);
        return ran > 200_000_000;
      });
  }

  /** Changes the configuration and waits until that counts. */
  async reload(random: Random): Promise<void> {
    const between = (low: number, high: number): number =>
      Math.round(low + random() * (high - low));
    const onOff = (): string => (random() < 0.5 ? "on" : "off");
    const root = [
      `player_stall ${between(8000, 12_000)}; spill_players ${between(1, 6)};`,
      `takeover_silence ${between(1500, 2500)};`,
      random() < 0.5 ? `vhost come-and-go.example { chunk_size ${between(1000, 60_000)}; }` : "",
    ];
    const vhost = [
      `chunk_size ${between(128, 60_000)}; tcp_nodelay ${onOff()}; min_latency ${onOff()};`,
      `play { queue_length ${between(10, 30)}; mw_latency ${between(0, 350)}; }`,
    ];
    const head = "vhost __defaultVhost__ {";
    const text = this.#conf.replace(head, `${head}\n${vhost.join("\n")}`);
    writeFileSync(this.#file, `${text}\n${root.join("\n")}\n`);
    this.reloads += 1;
    this.origin.process.kill("SIGHUP");
    const done = (): boolean =>
      (this.origin.log().match(/SIGHUP: (done|nothing)/g)?.length ?? 0) >= this.reloads;
    await waitUntil("the reload is done", done, RELOAD_MS);
  }

  closeClients(): void {
    for (const one of [...this.watchers, ...this.encoders]) {
      one.close();
    }
  }
}

async function streamPlans(): Promise<StreamPlan[]> {
  const scratch = makeScratch();
  const clip = async (name: string, has: { hasVideo?: boolean; hasAudio?: boolean } = {}) =>
    readFlv(await makeClip(scratch, name, { seconds: SECONDS, ...has }));
  const both = await clip("both");
  const sound = await clip("sound", { hasVideo: false });
  const picture = await clip("picture", { hasAudio: false });
  const hevc = await makeEnhancedClip(scratch, HEVC_ENHANCED, SECONDS);
  const vhost = "__defaultVhost__";
  const flv: readonly WatcherKind[] = ["rtmp", "rtmp", "rtmp", "flv", "flv", "hls"];
  const ts: readonly WatcherKind[] = ["rtmp", "ts", "ts"];
  const hls: readonly WatcherKind[] = ["rtmp", "flv", "hls", "hls"];
  return [
    { name: "both", vhost, clip: both, speed: 1, kinds: flv },
    { name: "sound", vhost, clip: sound, speed: 1, kinds: flv },
    { name: "hevc", vhost, clip: hevc, speed: 1, kinds: flv },
    { name: "ts-both", vhost: TS_VHOST, clip: both, speed: 1, kinds: ts },
    { name: "ts-hevc", vhost: TS_VHOST, clip: hevc, speed: 1, kinds: ts },
    { name: "hls-both", vhost: HLS_VHOST, clip: both, speed: 1, kinds: hls },
    { name: "hls-picture", vhost: HLS_VHOST, clip: picture, speed: 1, kinds: hls },
    { name: "hls-sound", vhost: HLS_VHOST, clip: sound, speed: 1, kinds: hls },
    { name: "fast", vhost: FAST_VHOST, clip: both, speed: 2, kinds: ["rtmp", "rtmp", "flv"] },
  ];
}
