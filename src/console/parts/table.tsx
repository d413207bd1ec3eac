/** Tables that sort by a click or a key, and turn into cards where they do not fit. */
import type { ComponentChildren, VNode } from "preact";
import { useState } from "preact/hooks";

/** One column. */
export interface Column<Row> {
  readonly title: string;
  /** Figures stand at the right. */
  readonly isFigure?: boolean;
  /** What it is sorted by; without it, it is not. */
  readonly order?: (row: Row) => number | string;
  readonly cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly isChosen?: (row: Row) => boolean;
  /** In place of a table without rows. */
  readonly empty: ComponentChildren;
}

interface Sorting {
  readonly title: string;
  readonly isDown: boolean;
}

/** A table. */
export function Table<Row>(props: TableProps<Row>): VNode {
  const { label, columns, rows, keyOf, empty, isChosen } = props;
  const [sorting, setSorting] = useState<Sorting | null>(null);
  if (rows.length === 0) {
    return <div class="empty">{empty}</div>;
  }
  const sort = (title: string): void =>
    setSorting((before) => ({ title, isDown: before?.title === title ? !before.isDown : true }));
  return (
    <table aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <Head key={column.title} column={column} sorting={sorting} sort={sort} />
          ))}
        </tr>
      </thead>
      <tbody>
        {sorted(rows, columns, sorting).map((row) => (
          <tr key={keyOf(row)} class={isChosen?.(row) === true ? "chosen" : ""}>
            {columns.map(({ title, isFigure, cell }) => (
              <td key={title} data-label={title} class={isFigure === true ? "figure" : ""}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly sorting: Sorting | null;
  readonly sort: (title: string) => void;
}

function Head<Row>({ column: { title, isFigure, order }, sorting, sort }: HeadProps<Row>): VNode {
  const name = isFigure === true ? "figure" : "";
  if (order === undefined) {
    return (
      <th scope="col" class={name}>
        {title}
      </th>
    );
  }
  const isSorted = sorting?.title === title;
  const direction = sorting?.isDown === true ? "descending" : "ascending";
  return (
    <th scope="col" class={name} aria-sort={isSorted ? direction : "none"}>
      <button type="button" class="plain" onClick={() => sort(title)}>
        {title}
      </button>
    </th>
  );
}

function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sorting: Sorting | null,
): readonly Row[] {
  const order = columns.find(({ title }) => title === sorting?.title)?.order;
  if (sorting === null || order === undefined) {
    return rows;
  }
  const sign = sorting.isDown ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(order(a), order(b)));
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") {
    return a - b;
  }
  return String(a).localeCompare(String(b));
}
