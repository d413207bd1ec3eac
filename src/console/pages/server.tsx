/** Threads, the last hour, and upstreams. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { HistoryAnswer, OriginAnswer, Overview, ThreadAnswer } from "../api/answers.ts";
import { usePolled } from "../api/polling.ts";
import { Plot } from "../parts/plot.tsx";
import { Bar, Section, Trouble } from "../parts/small.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { bitRate, count, percent } from "../parts/words.ts";

const PATH = "/api/v1/console/history";
const PERIOD_MS = 10_000;
const SECOND_MS = 1000;

/** The page. */
export function ServerPage({ overview }: { readonly overview: Overview }): VNode {
  const { threads, origins, pulls, attempts, fan_out: fanOut } = overview;
  const most = Math.max(1, ...threads.map(({ players }) => players));
  return (
    <>
      <Hour />
      <Section title="Threads" aside={`${threads.length} threads${fanOutText(fanOut)}`}>
        <Table
          label="Threads"
          columns={threadColumns(most)}
          rows={threads}
          keyOf={({ name }) => name}
          empty="No threads."
        />
      </Section>
      <Section title="Upstream" aside={`${count(pulls)} pulled, ${count(attempts)} attempts`}>
        <Table
          label="Origins"
          columns={ORIGINS}
          rows={origins}
          keyOf={({ address }) => address}
          empty="No origin has been asked for a stream in the last ten minutes."
        />
      </Section>
    </>
  );
}

/** How long frames took to reach their players, where there were any. */
function fanOutText({ turns, p50_ms, p99_ms }: Overview["fan_out"]): string {
  return turns === 0
    ? ""
    : `, fan-out ${milliseconds(p50_ms)} at the median, ${milliseconds(p99_ms)} at p99`;
}

function Hour(): VNode {
  const { answer, error } = usePolled<{ data: HistoryAnswer }>(PATH, PERIOD_MS);
  const columns = useMemo(() => columnsOf(answer?.data), [answer]);
  const plots = useMemo(
    () => ({
      traffic: [
        { label: "out", values: columns("send_bits") },
        { label: "in", values: columns("recv_bits") },
      ],
      clients: [
        { label: "clients", values: columns("clients") },
        { label: "streams", values: columns("streams") },
      ],
      cores: [{ label: "in use", values: columns("cores") }],
      delay: [{ label: "worst thread", values: columns("delay_ms") }],
      times: columns("at_ms").map((ms) => ms / SECOND_MS),
    }),
    [columns],
  );
  const { times } = plots;
  return (
    <Section title="Last hour" aside="one figure every ten seconds">
      <Trouble text={error} />
      {times.length < 2 && <p class="note">The first figures come within half a minute.</p>}
      <div class="plots" hidden={times.length < 2}>
        <Plot title="Traffic" times={times} lines={plots.traffic} write={bitRate} />
        <Plot title="Clients" times={times} lines={plots.clients} write={plainly} />
        <Plot title="Cores" times={times} lines={plots.cores} write={plainly} />
        <Plot title="Loop delay" times={times} lines={plots.delay} write={milliseconds} />
      </div>
    </Section>
  );
}

function columnsOf(history: HistoryAnswer | undefined): (name: string) => number[] {
  return (name) => {
    const index = history?.columns.indexOf(name) ?? -1;
    return (history?.rows ?? []).map((row) => row[index] ?? 0);
  };
}

function plainly(value: number): string {
  return value >= 100
    ? count(Math.round(value))
    : String(value >= 10 ? Math.round(value) : Math.round(value * 100) / 100);
}

function milliseconds(value: number): string {
  return `${plainly(value)} ms`;
}

function threadColumns(most: number): Column<ThreadAnswer>[] {
  return [
    {
      title: "Thread",
      order: ({ name }) => name,
      cell: ({ name, up }) => (
        <span class="stream-name">
          <i class={up ? "dot live" : "dot down"} title={up ? "runs" : "starts again"} /> {name}
        </span>
      ),
    },
    {
      title: "Load",
      order: ({ utilisation }) => utilisation,
      cell: ({ utilisation }) => <Bar isLoad share={utilisation} label={percent(utilisation)} />,
    },
    {
      title: "Players",
      order: ({ players }) => players,
      cell: ({ players }) => <Bar share={players / most} label={count(players)} />,
    },
    figure("Publishers", ({ publishers }) => publishers),
    figure("Loop delay", ({ delay_ms }) => delay_ms, milliseconds),
    figure(
      "Merging",
      ({ stretch }) => stretch,
      (frames) => `× ${plainly(frames)}`,
    ),
    figure("Skips", ({ skips }) => skips),
    figure("Stalls", ({ stalls }) => stalls),
  ];
}

function figure(
  title: string,
  order: (thread: ThreadAnswer) => number,
  write: (value: number) => string = count,
): Column<ThreadAnswer> {
  return { title, isFigure: true, order, cell: (thread) => write(order(thread)) };
}

const ORIGINS: readonly Column<OriginAnswer>[] = [
  {
    title: "Origin",
    order: ({ address }) => address,
    cell: ({ address, open }) => (
      <span class="stream-name">
        <i class={open ? "dot down" : "dot live"} title={open ? "left alone" : "in use"} />{" "}
        {address}
      </span>
    ),
  },
  {
    title: "Health",
    order: ({ open }) => (open ? 1 : 0),
    cell: ({ open }) => (open ? "left alone for a while" : "in use"),
  },
  {
    title: "Failures in a row",
    isFigure: true,
    order: ({ failures }) => failures,
    cell: ({ failures }) => count(failures),
  },
];
