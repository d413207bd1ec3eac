/** The settings in force, and what a reload would make of them. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Overview, SettingAnswer } from "../api/answers.ts";
import { usePolled } from "../api/polling.ts";
import { Section, Trouble } from "../parts/small.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { ReloadPanel } from "./reload.tsx";

const PATH = "/api/v1/console/settings";
const PERIOD_MS = 15_000;

/** The page. */
export function SettingsPage({ overview }: { readonly overview: Overview }): VNode {
  const { answer, error, refresh } = usePolled<{ settings: SettingAnswer[] | null }>(
    PATH,
    PERIOD_MS,
  );
  const [sought, setSought] = useState("");
  const [isAll, setAll] = useState(false);
  const settings = (answer?.settings ?? []).filter(
    (setting) => (isAll || isChanged(setting)) && isSought(setting, sought),
  );
  const aside = (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={isAll}
          onChange={(event) => setAll(event.currentTarget.checked)}
        />
        defaults too
      </label>
      <input
        type="search"
        placeholder="Find a setting"
        aria-label="Find a setting"
        value={sought}
        onInput={(event) => setSought(event.currentTarget.value)}
      />
    </>
  );
  return (
    <>
      <ReloadPanel mayReload={overview.may_reload} reloaded={refresh} />
      <Section title="Settings in force" aside={aside}>
        <Trouble text={error} />
        <Table
          label="Settings"
          columns={COLUMNS}
          rows={settings}
          keyOf={({ place }) => place}
          empty={emptyText(answer)}
        />
      </Section>
    </>
  );
}

function emptyText(answer: { readonly settings: SettingAnswer[] | null } | undefined): string {
  if (answer === undefined) {
    return "Loading…";
  }
  return answer.settings === null
    ? "Settings are shown where http_api.raw_api is enabled."
    : "Nothing fits.";
}

const COLUMNS: readonly Column<SettingAnswer>[] = [
  { title: "Setting", order: ({ place }) => place, cell: ({ place }) => <code>{place}</code> },
  {
    title: "Value",
    order: ({ value }) => value,
    cell: ({ value }) => <code>{quoted(value)}</code>,
  },
  {
    title: "Default",
    cell: ({ fallback }) => <code class="quiet">{fallback === null ? "–" : quoted(fallback)}</code>,
  },
  {
    title: "A change takes",
    order: ({ effect }) => effect,
    cell: ({ effect }) => EFFECTS.get(effect) ?? effect,
  },
];

const EFFECTS: ReadonlyMap<string, string> = new Map([
  ["hot", "a reload"],
  ["restart", "a restart"],
  ["none", "no effect yet"],
]);

function isChanged({ value, fallback }: SettingAnswer): boolean {
  return value !== fallback;
}

function isSought({ place, value }: SettingAnswer, text: string): boolean {
  const sought = text.trim().toLowerCase();
  return sought === "" || `${place} ${value}`.toLowerCase().includes(sought);
}

function quoted(value: string): string {
  return value === "" ? '""' : value;
}
