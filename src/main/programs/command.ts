/** What is run: a program with its arguments as they are, never a line for a shell. */

/** Where output goes: '' for nowhere, or a file that is appended to. */
export type OutputFile = string;

/** Errors go where output goes. */
export const SAME_AS_OUTPUT = "&1";

/** One run of a program. */
export interface Command {
  /** A path, or a name that is looked for in PATH. */
  readonly file: string;
  readonly args: readonly string[];
  readonly stdout: OutputFile;
  /** Or {@link SAME_AS_OUTPUT}. */
  readonly stderr: OutputFile;
  /** A file of output that cannot be opened stops nothing: it is only a log. */
  readonly isOnlyLogged: boolean;
}

/** Whose directive it is. */
export const PROGRAM_KINDS = ["exec", "ingest", "transcode"] as const;
export type ProgramKind = (typeof PROGRAM_KINDS)[number];

/** Something that should run. */
export interface Plan {
  /** One program at a time has it, e.g. `transcode live.example/live/a hd`. */
  readonly id: string;
  readonly kind: ProgramKind;
  /** Changes with all that its command is made of: another one is another program. May hold secrets: never logged. */
  readonly identity: string;
  /** Key of the stream of this server that it publishes; '' for none. */
  readonly output: string;
  /** The command of a run that begins at that moment. Throws {@link UnsafeCommand}. */
  readonly commandAt: (unixMs: number) => Command;
}

/** A name of a stream would mean something else to the program than a name. */
export class UnsafeCommand extends Error {}
