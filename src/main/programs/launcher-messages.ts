/** What the primary and the launcher tell each other. Plain data: it crosses a pipe between processes as JSON. */
import type { Command } from "./command.ts";

/** To the launcher. Runs are numbered by the primary, each number once. */
export type LauncherOrder =
  | {
      readonly kind: "start";
      readonly run: number;
      readonly command: Command;
    }
  /** Of programs that start from now on; told before the first one. */
  | { readonly kind: "environment"; readonly environment: Readonly<Record<string, string>> }
  | { readonly kind: "stop"; readonly run: number; readonly killAfterMs: number };

/** How a run ended. */
export interface RunEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it did not even start; '' when it did. */
  readonly fault: string;
}

/** From the launcher. */
export type LauncherNews =
  | { readonly kind: "started"; readonly run: number; readonly pid: number }
  /** A file for output could not be opened; the run goes on without. */
  | { readonly kind: "unlogged"; readonly run: number; readonly text: string }
  | ({ readonly kind: "ended"; readonly run: number } & RunEnd)
  /** Something in the launcher itself. */
  | { readonly kind: "failed"; readonly text: string };
