/**
 * Words of commands with their variables filled in. Values are names that strangers choose: none may become an option, a
 * redirection, or a path that leads elsewhere.
 */
import { dateVariables, expandTemplate, wallTime } from "../../protocol/date-variables.ts";
import { type Command, SAME_AS_OUTPUT, UnsafeCommand } from "./command.ts";

/** Values by the names of variables. */
export type Variables = ReadonlyMap<string, string>;

/** Variables that hold what is no name: a URL or query, as a client sent it. */
const FREE_TEXTS: ReadonlySet<string> = new Set(["url", "tcUrl", "swfUrl", "pageUrl", "param"]);

/** Adds the moment to variables. */
export function atMoment(variables: Variables, unixMs: number, isUtc: boolean): Variables {
  return new Map([...dateVariables(wallTime(unixMs, isUtc)), ...variables]);
}

/**
 * One argument. @throws UnsafeCommand when a name makes an option of it: one begins with a dash in the template or not
 * at all.
 */
export function expandWord(word: string, variables: Variables): string {
  const text = expandTemplate(word, variables);
  if (text.startsWith("-") && !word.startsWith("-")) {
    throw new UnsafeCommand(`a name makes an option of the argument ${word}`);
  }
  if (text.includes("\0")) {
    throw new UnsafeCommand(`the argument ${word} would hold a NUL`);
  }
  return text;
}

/** A file of output. What clients send freely loses all that a path is made of. */
function expandFile(word: string, variables: Variables): string {
  const safe = new Map<string, string>();
  for (const [name, value] of variables) {
    safe.set(name, FREE_TEXTS.has(name) ? fileNameOf(value) : value);
  }
  return expandTemplate(word, safe);
}

/** A name for one file: no folders, no hidden ones, nothing that a shell or terminal minds. */
export function fileNameOf(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}._~+=@:-]/gu, "_").replace(/^\.+/, "_");
}

/** Words of a command, redirections apart. */
export interface CommandWords {
  readonly args: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

const REDIRECTION = /^([12]?)>{1,2}(.*)$/s;

/**
 * Takes redirections out, as they stand in the configuration: `> file`, `>file`, `1>file`, `2> file`, `2 > file`, `2>&1`.
 * All append, as in SRS.
 */
export function splitRedirections(words: readonly string[]): CommandWords {
  const args: string[] = [];
  let [stdout, stderr] = ["", ""];
  for (let at = 0; at < words.length; ) {
    const found = redirectionAt(words, at);
    if (found === undefined) {
      args.push(words[at] ?? "");
      at += 1;
      continue;
    }
    at += found.words;
    stdout = found.isError ? stdout : found.file;
    stderr = found.isError ? found.file : stderr;
  }
  return { args, stdout, stderr };
}

interface Redirection {
  readonly isError: boolean;
  readonly file: string;
  /** It takes so many words. */
  readonly words: number;
}

function redirectionAt(words: readonly string[], at: number): Redirection | undefined {
  const [word = "", next = ""] = words.slice(at);
  // SRS takes a number that stands apart for the descriptor.
  const isApart = (word === "1" || word === "2") && next.startsWith(">");
  const [, number, attached] = REDIRECTION.exec(isApart ? `${word}${next}` : word) ?? [];
  if (attached === undefined) {
    return undefined;
  }
  const taken = isApart ? 2 : 1;
  const isError = number === "2";
  return attached === ""
    ? { isError, file: words[at + taken] ?? "", words: taken + 1 }
    : { isError, file: attached, words: taken };
}

/** A command of `exec`. @throws UnsafeCommand */
export function commandOf(file: string, words: CommandWords, variables: Variables): Command {
  const { stdout, stderr } = words;
  return {
    file,
    args: words.args.map((word) => expandWord(word, variables)),
    stdout: expandFile(stdout, variables),
    stderr: stderr === SAME_AS_OUTPUT ? stderr : expandFile(stderr, variables),
    isOnlyLogged: false,
  };
}
