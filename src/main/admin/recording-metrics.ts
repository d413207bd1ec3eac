/** Metrics of recordings: what packagers count on their boards, those of threads that died included. */
import { type Board, Counter } from "../../protocol/control/board.ts";
import { type MetricFamily, single } from "./metric-text.ts";

interface Column {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly counter: number;
}

const COLUMNS: readonly Column[] = [
  {
    name: "weir_recordings",
    type: "gauge",
    help: "Files of recordings that are being written.",
    counter: Counter.Recordings,
  },
  {
    name: "weir_recorded_bytes_total",
    type: "counter",
    help: "Bytes of recordings written.",
    counter: Counter.RecordedBytes,
  },
  {
    name: "weir_recording_errors_total",
    type: "counter",
    help: "Files of recordings that ended because the disk failed.",
    counter: Counter.RecordingErrors,
  },
  {
    name: "weir_recording_drops_total",
    type: "counter",
    help: "Times that some of a stream was left out of its recording because the disk was slow.",
    counter: Counter.RecordingDrops,
  },
];

/** @param boards Of all threads. */
export function recordingMetrics(boards: readonly Board[]): MetricFamily[] {
  return COLUMNS.map(({ name, type, help, counter }) => {
    const values = boards.map(({ counters }) => counters[counter] ?? 0);
    return single(
      name,
      type,
      help,
      values.reduce((sum, value) => sum + value, 0),
    );
  });
}
