/** A reload: first what it would change, then the change. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { ReloadAnswer, StepAnswer } from "../api/answers.ts";
import { ApiError, ask, wordsOf } from "../api/requests.ts";
import { Section, Trouble } from "../parts/small.tsx";
import { type Column, Table } from "../parts/table.tsx";

interface ReloadPanelProps {
  readonly mayReload: boolean;
  readonly reloaded: () => void;
}

interface Shown {
  readonly steps: readonly StepAnswer[];
  readonly isDone: boolean;
}

/** The panel. */
export function ReloadPanel({ mayReload, reloaded }: ReloadPanelProps): VNode {
  const [shown, setShown] = useState<Shown | null>(null);
  const [trouble, setTrouble] = useState("");
  const [isBusy, setBusy] = useState(false);
  const run = (rpc: "plan" | "reload"): void => {
    setBusy(true);
    ask<{ data: ReloadAnswer }>(`/api/v1/raw?rpc=${rpc}`)
      .then(({ data }) => {
        setShown({ steps: data.steps ?? [], isDone: rpc === "reload" });
        setTrouble("");
        reloaded();
      })
      .catch((thrown: unknown) => {
        setShown(null);
        setTrouble(troubleOf(thrown));
      })
      .finally(() => setBusy(false));
  };
  const isPlan = shown !== null && !shown.isDone;
  return (
    <Section title="Reload">
      {!mayReload && (
        <p class="note">
          Reloads from here need <code>http_api.raw_api</code> with <code>enabled on</code> and{" "}
          <code>allow_reload on</code>.
        </p>
      )}
      <Trouble text={trouble} />
      {shown !== null && <Steps shown={shown} />}
      <div class="actions">
        <button type="button" disabled={!mayReload || isBusy} onClick={() => run("plan")}>
          Show what a reload would change
        </button>
        {isPlan && (
          <button type="button" class="primary" disabled={isBusy} onClick={() => run("reload")}>
            Reload now
          </button>
        )}
        {shown !== null && (
          <button type="button" onClick={() => setShown(null)}>
            {shown.isDone ? "Done" : "Cancel"}
          </button>
        )}
      </div>
    </Section>
  );
}

function Steps({ shown: { steps, isDone } }: { readonly shown: Shown }): VNode {
  const nothing = isDone
    ? "The configuration was read again; nothing differs."
    : "The file says what is in force: a reload would change nothing.";
  return (
    <div role="status">
      {isDone && steps.length > 0 && <p class="note">The reload is done. It changed:</p>}
      <Table
        label="Changes"
        columns={COLUMNS}
        rows={steps}
        keyOf={({ place }) => place}
        empty={nothing}
      />
    </div>
  );
}

const EFFECTS: ReadonlyMap<string, string> = new Map([
  ["hot", "at once"],
  ["restart", "only after a restart"],
  ["none", "no effect yet"],
]);

const COLUMNS: readonly Column<StepAnswer>[] = [
  { title: "Setting", cell: ({ place }) => <code>{place}</code> },
  { title: "Now", cell: ({ before }) => <code>{before ?? "(none)"}</code> },
  { title: "Then", cell: ({ after }) => <code>{after ?? "(none)"}</code> },
  { title: "Counts", cell: ({ effect }) => EFFECTS.get(effect) ?? effect },
];

/** With file and line where it is the file's fault. */
function troubleOf(thrown: unknown): string {
  const data = thrown instanceof ApiError ? (thrown.data as Partial<ReloadAnswer> | null) : null;
  return typeof data?.msg === "string" ? data.msg : wordsOf(thrown);
}
