/** Tables for a terminal, of text that others have chosen. */
import { escapeControls } from "../log/secrets.ts";

const WIDTH_MAX = 48;

/** Lines with columns of one width; numbers stand at the right. The first row is the head. */
export function encodeTable(rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) =>
    row.map((cell) => escapeControls(String(cell)).slice(0, WIDTH_MAX)),
  );
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells.map((row, at) =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0;
        const isNumber = typeof (at === 0 ? rows[1] : rows[at])?.[column] === "number";
        return isNumber ? text.padStart(width) : text.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
