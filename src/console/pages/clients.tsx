/** Who is connected. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { ClientAnswer } from "../api/answers.ts";
import { usePolled } from "../api/polling.ts";
import { ask, wordsOf } from "../api/requests.ts";
import { Section, SureButton, Trouble } from "../parts/small.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { bitRate, byteSize, count, duration } from "../parts/words.ts";

const PAGE = 200;
const PERIOD_MS = 2000;
const KILO = 1000;

/** The page. */
export function ClientsPage(): VNode {
  const [start, setStart] = useState(0);
  const [sought, setSought] = useState("");
  const [trouble, setTrouble] = useState("");
  const path = `/api/v1/clients/?start=${start}&count=${PAGE}`;
  const { answer, error, refresh } = usePolled<{ clients: ClientAnswer[]; total: number }>(
    path,
    PERIOD_MS,
  );
  const clients = (answer?.clients ?? []).filter((client) => isSought(client, sought));
  const kick = (id: string): void => {
    ask(`/api/v1/clients/${encodeURIComponent(id)}`, "DELETE").then(
      () => setTrouble(""),
      (thrown: unknown) => setTrouble(wordsOf(thrown)),
    );
    // It leaves the list when its thread has closed it.
    window.setTimeout(refresh, 300);
  };
  const search = (
    <input
      type="search"
      placeholder="Find stream, address, id"
      aria-label="Find clients"
      value={sought}
      onInput={(event) => setSought(event.currentTarget.value)}
    />
  );
  return (
    <Section title="Clients" aside={search}>
      <Trouble text={trouble === "" ? error : trouble} />
      <Table
        label="Clients"
        columns={[...COLUMNS, kickColumn(kick)]}
        rows={clients}
        keyOf={({ id }) => id}
        empty={emptyText(answer === undefined, sought)}
      />
      <Pages start={start} total={answer?.total ?? 0} go={setStart} />
    </Section>
  );
}

function emptyText(isLoading: boolean, sought: string): string {
  if (isLoading) {
    return "Loading…";
  }
  return sought === "" ? "Nobody is connected." : "No client of this page fits.";
}

interface PagesProps {
  readonly start: number;
  readonly total: number;
  readonly go: (start: number) => void;
}

function Pages({ start, total, go }: PagesProps): VNode | null {
  if (total <= PAGE && start === 0) {
    return null;
  }
  return (
    <nav class="pages" aria-label="Pages of clients">
      <button type="button" disabled={start === 0} onClick={() => go(Math.max(0, start - PAGE))}>
        Earlier
      </button>
      <span>
        {count(start + 1)}–{count(Math.min(total, start + PAGE))} of {count(total)}
      </span>
      <button type="button" disabled={start + PAGE >= total} onClick={() => go(start + PAGE)}>
        Later
      </button>
    </nav>
  );
}

const COLUMNS: readonly Column<ClientAnswer>[] = [
  {
    title: "Client",
    order: ({ ip }) => ip,
    cell: ({ id, ip }) => (
      <span>
        {ip} <code class="quiet">{id}</code>
      </span>
    ),
  },
  {
    title: "Does",
    order: ({ type }) => type,
    cell: ({ type, publish }) => <span class={publish ? "tag strong" : "tag"}>{type}</span>,
  },
  { title: "Stream", order: ({ url }) => url, cell: ({ url }) => url.replace(/^\//, "") },
  {
    title: "From",
    order: ({ pageUrl, tcUrl }) => pageUrl || tcUrl,
    cell: ({ pageUrl, tcUrl }) => (
      <span class="cut" title={pageUrl || tcUrl}>
        {pageUrl || tcUrl}
      </span>
    ),
  },
  { title: "Thread", order: ({ shard }) => shard, cell: ({ shard }) => shard },
  {
    title: "Rate",
    isFigure: true,
    order: rateOf,
    cell: (client) => bitRate(rateOf(client)),
  },
  {
    title: "Bytes",
    isFigure: true,
    order: (client) => client.send_bytes + client.recv_bytes,
    cell: (client) => byteSize(client.publish ? client.recv_bytes : client.send_bytes),
  },
  {
    title: "Since",
    isFigure: true,
    order: ({ alive }) => alive,
    cell: ({ alive }) => duration(alive),
  },
];

function rateOf({ publish, kbps }: ClientAnswer): number {
  return (publish ? kbps.recv_30s : kbps.send_30s) * KILO;
}

function kickColumn(kick: (id: string) => void): Column<ClientAnswer> {
  return {
    title: "End",
    cell: ({ id }) => <SureButton label="Kick" sure="Really?" name={id} act={() => kick(id)} />,
  };
}

function isSought(
  { id, ip, url, type, pageUrl, tcUrl, shard }: ClientAnswer,
  text: string,
): boolean {
  const sought = text.trim().toLowerCase();
  const all = [id, ip, url, type, pageUrl, tcUrl, shard];
  return sought === "" || all.some((one) => one.toLowerCase().includes(sought));
}
