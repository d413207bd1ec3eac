/** Who watches while things break: RTMP, HTTP-FLV, HTTP-TS and HLS, each coming back by itself and judging what it gets. */
import { type ClientRequest, get } from "node:http";
import { type Break, type Ledger, lastOfAnnexB, lastUnit, RunJudge } from "./chaos-ledger.ts";
import { hashPayload } from "./flv-file.ts";
import { FlvViewer } from "./flv-viewer.ts";
import { HlsClient } from "./hls-client.ts";
import { readRuns } from "./mp4-boxes.ts";
import { PlaylistWatch, type ReadSegment } from "./playlist-check.ts";
import { isMedia, RtmpPeer } from "./rtmp-peer.ts";
import { splitAdts, TsCheck } from "./ts-check.ts";

const AGAIN_MS = 300;
const LOOK_MS = 100;
const POLL_MS = 400;
const PACKET_BYTES = 188;

export type WatcherKind = "rtmp" | "flv" | "ts" | "hls";

/** A break, and when it was seen. */
export interface Seen extends Break {
  readonly at: number;
}

export interface WatcherPlan {
  readonly name: string;
  readonly kind: WatcherKind;
  readonly stream: string;
  readonly isAtEdge: boolean;
  readonly port: number;
  /** Of `http` and RTMP requests. */
  readonly vhost: string;
  readonly ledger: Ledger;
}

/** A connection of one kind. */
interface Connection {
  readonly isOver: boolean;
  /** Gives new frames to the judges. */
  drain(): void;
  close(): void;
  stall?(isStalled: boolean): void;
}

/** Somebody who watches one stream, over as many connections as it takes. */
export class Watcher {
  readonly plan: WatcherPlan;
  readonly seen: Seen[] = [];
  /** Times at which a connection ended. */
  readonly ends: number[] = [];
  frames = 0;
  lastAt = 0;
  readonly #timer: NodeJS.Timeout;
  #connection: Connection | undefined;
  #nextAt = 0;

  constructor(plan: WatcherPlan) {
    this.plan = plan;
    this.#timer = setInterval(() => this.#look(), plan.kind === "hls" ? POLL_MS : LOOK_MS);
  }

  /** Stops, or goes on, taking bytes. */
  stall(isStalled: boolean): void {
    this.#connection?.stall?.(isStalled);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connection?.close();
  }

  #look(): void {
    this.#connection?.drain();
    if (this.#connection?.isOver === true) {
      this.ends.push(performance.now());
      this.#connection.close();
      this.#connection = undefined;
      this.#nextAt = performance.now() + AGAIN_MS;
    }
    if (this.#connection === undefined && performance.now() >= this.#nextAt) {
      this.#connection = CONNECTIONS[this.plan.kind](this.plan, this);
    }
  }

  readonly tell = (one: Break): void => {
    this.seen.push({ ...one, at: performance.now() });
  };

  got(): void {
    this.frames += 1;
    this.lastAt = performance.now();
  }
}

const CONNECTIONS: Readonly<
  Record<WatcherKind, (plan: WatcherPlan, watcher: Watcher) => Connection>
> = {
  rtmp: openRtmp,
  flv: openFlv,
  ts: (plan, watcher) => new TsConnection(plan, watcher),
  hls: (plan, watcher) => new HlsConnection(plan, watcher),
};

function openRtmp({ port, stream, vhost, ledger }: WatcherPlan, watcher: Watcher): Connection {
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${port}/live/${stream}?vhost=${vhost}`, "play");
  const judge = new RunJudge(ledger, "order", watcher.tell);
  return {
    get isOver() {
      return peer.end !== "open";
    },
    drain: () => drainMessages(peer.received, judge, watcher),
    close: () => peer.reset(),
    stall: (isStalled) => peer.setStalled(isStalled),
  };
}

function openFlv({ port, stream, vhost, ledger }: WatcherPlan, watcher: Watcher): Connection {
  const viewer = new FlvViewer(`http://127.0.0.1:${port}/live/${stream}.flv`, { Host: vhost });
  const judge = new RunJudge(ledger, "order", watcher.tell);
  return {
    get isOver() {
      return viewer.isOver;
    },
    drain: () => drainMessages(viewer.received, judge, watcher),
    close: () => viewer.close(),
  };
}

function drainMessages(received: RtmpPeer["received"], judge: RunJudge, watcher: Watcher): void {
  for (const frame of received.splice(0)) {
    if (isMedia(frame)) {
      judge.push(frame.hash);
      watcher.got();
    }
  }
}

/** The tracks of a container that keeps them apart. */
class Tracks {
  readonly #watcher: Watcher;
  readonly #judges: Readonly<Record<"audio" | "video", RunJudge>>;

  constructor(ledger: Ledger, watcher: Watcher, tell: (one: Break) => void = watcher.tell) {
    this.#watcher = watcher;
    this.#judges = {
      audio: new RunJudge(ledger, "index", tell),
      video: new RunJudge(ledger, "index", tell),
    };
  }

  push(track: "audio" | "video", element: Uint8Array): void {
    this.#judges[track].push(`e${hashPayload(element)}`);
    this.#watcher.got();
  }

  /** Takes what a transport stream has completed. */
  drain(check: TsCheck): void {
    for (const { streamType, data } of check.pes.splice(0)) {
      if (streamType === 0x0f) {
        for (const frame of splitAdts(data)) {
          this.push("audio", frame);
        }
      } else {
        this.push("video", lastOfAnnexB(data));
      }
    }
    for (const text of check.errors.splice(0)) {
      this.#watcher.tell({ what: "error", count: 1, text });
    }
  }
}

class TsConnection implements Connection {
  isOver = false;
  readonly #check = new TsCheck({ tablesMsMax: 5000 });
  readonly #tracks: Tracks;
  readonly #request: ClientRequest;
  #rest = Buffer.alloc(0);

  constructor({ port, stream, vhost, ledger }: WatcherPlan, watcher: Watcher) {
    this.#tracks = new Tracks(ledger, watcher);
    const over = (): void => {
      this.isOver = true;
    };
    const url = `http://127.0.0.1:${port}/live/${stream}.ts`;
    this.#request = get(url, { agent: false, headers: { Host: vhost } }, (response) => {
      response.on("error", over);
      response.on("data", (bytes: Buffer) => response.statusCode === 200 && this.#read(bytes));
    });
    this.#request.on("error", over);
    this.#request.on("close", over);
  }

  drain(): void {
    this.#tracks.drain(this.#check);
  }

  close(): void {
    this.#request.destroy();
  }

  #read(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % PACKET_BYTES);
    this.#check.push(all.subarray(0, whole));
    this.#rest = Buffer.from(all.subarray(whole));
  }
}

/** Never over: a request that fails is made again. */
class HlsConnection implements Connection {
  readonly isOver = false;
  readonly #plan: WatcherPlan;
  readonly #watcher: Watcher;
  readonly #client: HlsClient;
  readonly #check = new TsCheck({ tablesMsMax: 60_000 });
  readonly #tracks: Tracks;
  readonly #playlists = new PlaylistWatch();
  #isDiscontinuity = false;
  #path = "";
  #lastSequence = -1;
  #isBusy = false;
  #isClosed = false;

  constructor(plan: WatcherPlan, watcher: Watcher) {
    this.#plan = plan;
    this.#watcher = watcher;
    this.#client = new HlsClient(plan.port);
    this.#tracks = new Tracks(plan.ledger, watcher, (one) => this.#broken(one));
  }

  drain(): void {
    if (!(this.#isBusy || this.#isClosed)) {
      this.#isBusy = true;
      void this.#poll().finally(() => {
        this.#isBusy = false;
      });
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  /** What is missing has to be told, by a discontinuity. */
  #broken(one: Break): void {
    if (one.what === "unknown" || one.what === "doubled" || !this.#isDiscontinuity) {
      this.#watcher.tell({ ...one, text: `${one.text}, in segment ${this.#lastSequence}` });
    }
  }

  async #get(path: string): Promise<{ readonly status: number; readonly body: Buffer }> {
    return this.#client.get(path, { Host: this.#plan.vhost });
  }

  async #poll(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      const text = String(error);
      // Of a gateway that died.
      if (!/ECONNRE|socket hang up|ECONNABORTED/.test(text)) {
        this.#watcher.tell({ what: "error", count: 1, text });
      }
    }
  }

  async #look(): Promise<void> {
    if (this.#path === "") {
      await this.#join();
      return;
    }
    const { status, body } = await this.#get(this.#path);
    if (status !== 200) {
      // Its session is gone: kicked, or its thread died.
      this.#path = "";
      this.#watcher.ends.push(performance.now());
      return;
    }
    // Another session's names are others only in what they end with.
    const { segments } = this.#playlists.read(body.toString().replace(/\?hls_ctx=\w+/g, ""));
    for (const segment of segments) {
      if (segment.sequence > this.#lastSequence && !(await this.#segment(segment))) {
        return;
      }
    }
  }

  async #join(): Promise<void> {
    const { stream } = this.#plan;
    const { status, body } = await this.#get(`/live/${stream}.m3u8`);
    const uri = body.toString().trim().split("\n").at(-1) ?? "";
    if (status === 200 && uri.includes("hls_ctx=")) {
      this.#path = uri.startsWith("/") ? uri : `/live/${uri}`;
    }
  }

  /** @returns whether it was there. @throws Error where it was not, though the viewer still may watch. */
  async #segment(segment: ReadSegment): Promise<boolean> {
    const session = /hls_ctx=\w+/.exec(this.#path)?.[0] ?? "";
    const { status, body } = await this.#get(`/live/${segment.uri}?${session}`);
    if (status !== 200 && (await this.#get(this.#path)).status !== 200) {
      return false;
    }
    if (status !== 200) {
      throw new Error(`${status} for segment ${segment.sequence}, which is listed`);
    }
    this.#isDiscontinuity = segment.isDiscontinuity || this.#lastSequence < 0;
    this.#lastSequence = segment.sequence;
    if (segment.isDiscontinuity) {
      this.#check.restart();
    }
    if (segment.map === null) {
      this.#check.pushSegment(body);
      this.#tracks.drain(this.#check);
      return true;
    }
    for (const { samples } of readRuns(body)) {
      for (const { data } of samples) {
        this.#sample(data);
      }
    }
    return true;
  }

  #sample(data: Uint8Array): void {
    const isAudio = this.#plan.ledger.find(`e${hashPayload(data)}`)?.type === 8;
    this.#tracks.push(isAudio ? "audio" : "video", isAudio ? data : lastUnit(data));
  }
}
