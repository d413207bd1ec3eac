/** Metrics of each stream, of so many streams at the most. */
import { METRIC_STREAMS_MAX } from "../../protocol/limits.ts";
import type { Clients } from "../coordinator/clients.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { RingPool } from "../coordinator/ring-pool.ts";
import { maskSecrets } from "../log/secrets.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Books, Sums } from "./books.ts";
import { type MetricFamily, single } from "./metric-text.ts";
import { isActive, isListed, type StreamRecord } from "./stream-records.ts";

const BITS = 8;
const SECOND_MS = 1000;

/** What is told about. */
export interface StreamMetricsHost {
  readonly books: Books;
  readonly clients: Clients;
  readonly coordinator: Coordinator;
  readonly pool: RingPool;
  readonly shards: readonly (ShardLink | undefined)[];
}

interface Row {
  readonly stream: StreamRecord;
  readonly labels: { readonly stream: string };
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly skips: number;
}

interface Column {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: (row: Row, host: StreamMetricsHost) => number;
}

const COLUMNS: readonly Column[] = [
  {
    name: "weir_stream_active",
    type: "gauge",
    help: "1 while the stream is published or pulled.",
    value: ({ stream }) => (isActive(stream) ? 1 : 0),
  },
  {
    name: "weir_stream_players",
    type: "gauge",
    help: "Players of the stream.",
    value: ({ stream }) => stream.entry?.players.reduce((sum, count) => sum + count, 0) ?? 0,
  },
  {
    name: "weir_stream_receive_bytes_total",
    type: "counter",
    help: "Bytes received for the stream.",
    value: ({ bytesIn }) => bytesIn,
  },
  {
    name: "weir_stream_send_bytes_total",
    type: "counter",
    help: "Bytes sent to clients of the stream.",
    value: ({ bytesOut }) => bytesOut,
  },
  {
    name: "weir_stream_bits_per_second",
    type: "gauge",
    help: "Measured rate of the stream itself.",
    value: ({ stream: { entry } }, { coordinator }) =>
      entry === null ? 0 : coordinator.bytesPerSecond(entry) * BITS,
  },
  {
    name: "weir_stream_video_frames_total",
    type: "counter",
    help: "Video frames received; its rate is the frame rate.",
    value: ({ stream }, { books }) => books.figuresOf(stream).videoFrames,
  },
  {
    name: "weir_stream_video_frames_per_second",
    type: "gauge",
    help: "Video frames received in a second, over the last 30 seconds.",
    value: ({ stream }, { books }) => Math.round(books.framesPerSecond(stream) * 100) / 100,
  },
  {
    name: "weir_stream_audio_frames_total",
    type: "counter",
    help: "Audio frames received.",
    value: ({ stream }, { books }) => books.figuresOf(stream).audioFrames,
  },
  {
    name: "weir_stream_gop_seconds",
    type: "gauge",
    help: "Time between the last two keyframes.",
    value: ({ stream }, { books }) => books.figuresOf(stream).gopMs / SECOND_MS,
  },
  {
    name: "weir_stream_timestamp_jumps_total",
    type: "counter",
    help: "Timestamps that did not go on from the one before, and were corrected.",
    value: ({ stream }, { books }) => books.figuresOf(stream).jumps,
  },
  {
    name: "weir_stream_dropped_messages_total",
    type: "counter",
    help: "Messages for which there was no memory.",
    value: ({ stream }, { books }) => books.figuresOf(stream).dropped,
  },
  {
    name: "weir_stream_ring_bytes",
    type: "gauge",
    help: "Size of the ring that the stream is written to.",
    value: ({ stream: { entry } }, { pool }) => pool.bytesOf(entry?.ringId ?? -1),
  },
  {
    name: "weir_stream_skips_total",
    type: "counter",
    help: "Times that a slow player was moved to the newest keyframe.",
    value: ({ skips }) => skips,
  },
];

/** All of them. */
export function streamMetrics(host: StreamMetricsHost, sums: Sums): MetricFamily[] {
  const skips = skipsByStream(host);
  const all = [...sums.streams].filter(([stream]) => isListed(stream));
  const rows = all.slice(0, METRIC_STREAMS_MAX).map(([stream, { in: bytesIn, out: bytesOut }]) => ({
    stream,
    labels: { stream: maskSecrets(stream.key) },
    bytesIn,
    bytesOut,
    skips: stream.skips + (skips.get(stream) ?? 0),
  }));
  const families: MetricFamily[] = COLUMNS.map(({ name, type, help, value }) => ({
    name,
    type,
    help,
    samples: rows.map((row) => ({ labels: row.labels, value: value(row, host) })),
  }));
  const help = "Streams that have no metrics of their own, because there are too many.";
  return [
    ...families,
    ends(rows),
    single("weir_streams_unlisted", "gauge", help, all.length - rows.length),
  ];
}

function ends(rows: readonly Row[]): MetricFamily {
  return {
    name: "weir_stream_sessions_ended_total",
    type: "counter",
    help: "Sessions of the stream that are over.",
    samples: rows.flatMap(({ stream, labels }) =>
      [...stream.ends].map(([reason, value]) => ({ labels: { ...labels, reason }, value })),
    ),
  };
}

/** Of players who are there. */
function skipsByStream({ books, clients, shards }: StreamMetricsHost): Map<StreamRecord, number> {
  const skips = new Map<StreamRecord, number>();
  for (const client of clients) {
    const count = shards[client.shard]?.board.skips[client.row] ?? 0;
    if (count > 0) {
      const stream = books.streamOf(client);
      skips.set(stream, (skips.get(stream) ?? 0) + count);
    }
  }
  return skips;
}
