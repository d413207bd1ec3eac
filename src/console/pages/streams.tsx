/** Live streams; one of them opened beside the list. */
import type { VNode } from "preact";
import type { Overview, StreamAnswer } from "../api/answers.ts";
import { usePolled } from "../api/polling.ts";
import { Section, Trouble } from "../parts/small.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { bitRate, count } from "../parts/words.ts";
import { StreamDetail } from "./stream-detail.tsx";

const PATH = "/api/v1/streams/?count=1000";
const PERIOD_MS = 2000;
const KILO = 1000;

interface StreamsPageProps {
  readonly overview: Overview;
  /** Id of the stream that is open, '' for none. */
  readonly open: string;
}

/** The page. */
export function StreamsPage({ overview, open }: StreamsPageProps): VNode {
  const { answer, error } = usePolled<{ streams: StreamAnswer[]; total: number }>(PATH, PERIOD_MS);
  const streams = answer?.streams ?? [];
  const opened = streams.find(({ id }) => id === open);
  const live = streams.filter(({ publish }) => publish.active).length;
  return (
    <div class={opened === undefined ? "" : "split"}>
      <Section title="Streams" aside={`${live} live`}>
        <Trouble text={error} />
        <Table
          label="Streams"
          columns={columnsOf(overview)}
          rows={streams}
          keyOf={({ id }) => id}
          isChosen={({ id }) => id === open}
          empty={answer === undefined ? "Loading…" : "Nobody publishes anything right now."}
        />
      </Section>
      {opened !== undefined && <StreamDetail key={opened.id} stream={opened} overview={overview} />}
    </div>
  );
}

function columnsOf({ vhosts }: Overview): Column<StreamAnswer>[] {
  const isAlone = vhosts.length < 2;
  const vhost: Column<StreamAnswer> = {
    title: "Vhost",
    order: (stream) => vhostOf(stream),
    cell: (stream) => vhostOf(stream),
  };
  const vhostOf = (stream: StreamAnswer): string =>
    vhosts.find(({ id }) => id === stream.vhost)?.name ?? "";
  return [STREAM, ...(isAlone ? [] : [vhost]), ...FIGURES];
}

const STREAM: Column<StreamAnswer> = {
  title: "Stream",
  order: ({ app, name }) => `${app}/${name}`,
  cell: ({ id, app, name, publish }) => (
    <a class="stream-name" href={`#/streams/${encodeURIComponent(id)}`}>
      <i class={publish.active ? "dot live" : "dot"} title={publish.active ? "live" : "ended"} />
      <span>
        <span class="quiet">{app}/</span>
        {name}
      </span>
    </a>
  ),
};

const FIGURES: readonly Column<StreamAnswer>[] = [
  { title: "Video", order: videoText, cell: videoText },
  { title: "Audio", order: audioText, cell: audioText },
  {
    title: "In",
    isFigure: true,
    order: ({ kbps }) => kbps.recv_30s,
    cell: ({ kbps }) => bitRate(kbps.recv_30s * KILO),
  },
  {
    title: "Out",
    isFigure: true,
    order: ({ kbps }) => kbps.send_30s,
    cell: ({ kbps }) => bitRate(kbps.send_30s * KILO),
  },
  {
    title: "Clients",
    isFigure: true,
    order: ({ clients }) => clients,
    cell: ({ clients }) => count(clients),
  },
  { title: "Thread", order: ({ shard }) => shard ?? "", cell: ({ shard }) => shard ?? "–" },
];

function videoText({ video }: StreamAnswer): string {
  return video === null ? "–" : `${video.codec} ${video.width}×${video.height}`;
}

function audioText({ audio }: StreamAnswer): string {
  return audio === null ? "–" : `${audio.codec} ${audio.sample_rate / KILO} kHz`;
}
