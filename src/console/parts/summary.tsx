/** The server in six figures. */
import type { VNode } from "preact";
import type { Overview } from "../api/answers.ts";
import { usePolled } from "../api/polling.ts";
import { bitRate, count } from "./words.ts";

const PERIOD_MS = 3000;
const KILO = 1000;

interface Vhost {
  readonly streams: number;
  readonly clients: number;
  readonly kbps: { readonly recv_30s: number; readonly send_30s: number };
}

interface Summaries {
  readonly self: { readonly cpu_percent: number; readonly mem_kbyte: number };
  readonly system: { readonly cpus_online: number };
}

/** A strip of figures. */
export function Summary({ overview }: { readonly overview: Overview }): VNode {
  const vhosts = usePolled<{ vhosts: Vhost[] }>("/api/v1/vhosts/", PERIOD_MS).answer?.vhosts;
  const host = usePolled<{ data: Summaries }>("/api/v1/summaries", PERIOD_MS).answer?.data;
  const sum = (figure: (vhost: Vhost) => number): number =>
    (vhosts ?? []).reduce((total, vhost) => total + figure(vhost), 0);
  const cores = host?.self.cpu_percent ?? 0;
  const delay = Math.max(0, ...overview.threads.map(({ delay_ms }) => delay_ms));
  const down = overview.threads.filter(({ up }) => !up).length;
  return (
    <dl class="summary">
      <Figure name="Streams" value={count(sum(({ streams }) => streams))} />
      <Figure name="Clients" value={count(sum(({ clients }) => clients))} />
      <Figure name="In" value={bitRate(sum(({ kbps }) => kbps.recv_30s) * KILO)} />
      <Figure name="Out" value={bitRate(sum(({ kbps }) => kbps.send_30s) * KILO)} />
      <Figure
        name="Cores in use"
        value={`${cores.toFixed(2)} of ${host?.system.cpus_online ?? "–"}`}
      />
      <Figure
        name="Loop delay"
        value={down > 0 ? `${down} threads down` : `${Math.round(delay)} ms`}
        isBad={down > 0 || delay > 100}
      />
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly isBad?: boolean;
}

function Figure({ name, value, isBad = false }: FigureProps): VNode {
  return (
    <div class={isBad ? "bad" : ""}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
