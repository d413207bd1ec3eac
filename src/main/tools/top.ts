/** `weir top`: streams and threads of a running server, again and again. */
import { type ApiAddress, askApi, type ListedStream } from "./api-client.ts";
import { encodeTable } from "./table.ts";

const PERIOD_MS = 2000;
const STREAMS_MAX = 40;
const LISTED_MAX = 10_000;
const PERCENT = 100;
/** Terminal: cursor to the corner, and what is below it away. */
const CLEAR = "\u001b[H\u001b[2J";

interface Summary {
  readonly self?: {
    readonly cpu_percent: number;
    readonly mem_kbyte: number;
    readonly srs_uptime: number;
  };
}

interface Threads {
  readonly threads?: readonly ListedThread[];
}

interface ListedThread {
  readonly name: string;
  readonly up: boolean;
  readonly players: number;
  readonly publishers: number;
  readonly utilisation: number;
  readonly delay_ms: number;
  readonly skips: number;
  readonly stalls: number;
}

/** One picture. @throws Error as askApi */
export async function topLines(api: ApiAddress): Promise<string[]> {
  const [summary, threads, streams, clients] = await Promise.all([
    askApi(api, "/api/v1/summaries"),
    askApi(api, "/api/v1/console"),
    askApi(api, `/api/v1/streams/?count=${LISTED_MAX}`),
    // For how many there are: as few as a page has.
    askApi(api, "/api/v1/clients/?count=1"),
  ]);
  const { self } = (summary.data ?? {}) as Summary;
  const head = [
    `cpu ${Math.round((self?.cpu_percent ?? 0) * PERCENT)} %`,
    `memory ${Math.round((self?.mem_kbyte ?? 0) / 1024)} MiB`,
    `up ${self?.srs_uptime ?? 0} s`,
    `${streams.total ?? 0} streams`,
    `${clients.total ?? 0} clients`,
  ];
  return [
    head.join(", "),
    "",
    ...encodeTable(streamRows(streams.streams ?? [])),
    "",
    ...encodeTable(threadRows(((threads.data ?? {}) as Threads).threads ?? [])),
  ];
}

/** Draws until it is interrupted. An answer that fails is shown, and the next one tried. @returns exit code. */
export async function runTop(api: ApiAddress, write: (text: string) => void): Promise<number> {
  let isOver = false;
  process.once("SIGINT", () => {
    isOver = true;
  });
  while (!isOver) {
    const lines = await topLines(api).catch((error: unknown) => [String(error)]);
    write(`${CLEAR}${lines.join("\n")}\n`);
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
  return 0;
}

/** The busiest first. */
function streamRows(streams: readonly ListedStream[]): (string | number)[][] {
  const sorted = [...streams].sort((left, right) => right.clients - left.clients);
  const rows = sorted.slice(0, STREAMS_MAX).map((stream) => {
    const { url, publish, clients, frames, kbps, shard } = stream;
    const { recv_30s: received, send_30s: sent } = kbps;
    return [
      url,
      publish.active ? "live" : "-",
      clients,
      frames,
      received,
      sent,
      codecs(stream),
      shard ?? "-",
    ];
  });
  return [
    ["STREAM", "STATE", "CLIENTS", "FRAMES", "IN kbps", "OUT kbps", "CODECS", "THREAD"],
    ...rows,
  ];
}

function codecs({ video, audio }: ListedStream): string {
  const picture = video === null ? "" : `${video.codec} ${video.width}x${video.height}`;
  return [picture, audio?.codec ?? ""].filter((text) => text !== "").join(" ");
}

function threadRows(threads: readonly ListedThread[]): (string | number)[][] {
  const rows = threads.map(({ name, up, players, publishers, ...rest }) => [
    name,
    up ? "up" : "-",
    players,
    publishers,
    Math.round(rest.utilisation * PERCENT),
    Math.round(rest.delay_ms),
    rest.skips,
    rest.stalls,
  ]);
  return [
    ["THREAD", "STATE", "PLAYERS", "STREAMS", "BUSY %", "LATE ms", "SKIPS", "STALLS"],
    ...rows,
  ];
}
