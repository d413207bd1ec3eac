/**
 * The configuration grammar: `name argument … ;` or `name argument … { children }`.
 * Quotes are `'…'` and `"…"` around a whole argument, `#` starts a comment, a directive ends on the line it began on.
 * `include file …;` at any level is replaced by what the files hold.
 */
import { ConfigError, type ConfigPlace } from "../errors.ts";
import {
  CONF_BYTES_MAX,
  CONF_DEPTH_MAX,
  CONF_DIRECTIVES_MAX,
  CONF_INCLUDES_MAX,
} from "../limits.ts";

/** One directive with its place. Memory: owned. */
export interface Directive {
  readonly name: string;
  /** Arguments without their quotes; empty ones (`""`) are left out, so that they count as not given. */
  readonly args: readonly string[];
  readonly children: readonly Directive[];
  readonly isBlock: boolean;
  readonly file: string;
  /** 1-based line of the name. */
  readonly line: number;
  /** 1-based column of the name. */
  readonly column: number;
}

/** Where a directive stands. @param path Its full path, e.g. `vhost.play.gop_cache`. */
export function placeOfDirective({ file, line, column }: Directive, path: string): ConfigPlace {
  return { file, line, column, directive: path };
}

/** Text of an included file, given by the caller. @throws ConfigError at `place` when there is none. */
export type ReadInclude = (file: string, place: ConfigPlace) => string;

/**
 * Decode one file and what it includes.
 * @throws ConfigError `ERR_CONF_SYNTAX`, `ERR_CONF_INCLUDE` or `ERR_CONF_LIMIT` with file, line and column.
 */
export function decodeGrammar(text: string, file: string, include: ReadInclude): Directive[] {
  const budget = { directives: 0, includes: 0, bytes: 0, include };
  return new BlockDecoder(text, file, budget).decodeFile(0);
}

/** What one decode may use up in all its files together. */
interface Budget {
  directives: number;
  includes: number;
  bytes: number;
  readonly include: ReadInclude;
}

type Ending = "line" | "block" | "close" | "file";

/** 1-based. */
interface Position {
  readonly line: number;
  readonly column: number;
}

interface Statement extends Position {
  readonly words: string[];
  readonly ending: Ending;
}

class BlockDecoder {
  readonly #words: WordReader;
  readonly #file: string;
  readonly #budget: Budget;

  constructor(text: string, file: string, budget: Budget) {
    budget.bytes += text.length;
    if (budget.bytes > CONF_BYTES_MAX) {
      throw new ConfigError(
        "ERR_CONF_LIMIT",
        `more than ${CONF_BYTES_MAX} bytes of configuration`,
        {
          file,
          line: 1,
          column: 1,
        },
      );
    }
    this.#words = new WordReader(text, file);
    this.#file = file;
    this.#budget = budget;
  }

  decodeFile(depth: number): Directive[] {
    const { directives, end } = this.#decodeLevel(depth);
    if (end.ending === "close") {
      throw this.#error("ERR_CONF_SYNTAX", 'unexpected "}"', end);
    }
    return directives;
  }

  #decodeLevel(depth: number): { directives: Directive[]; end: Statement } {
    const directives: Directive[] = [];
    for (;;) {
      const statement = this.#words.readStatement();
      if (statement.ending === "close" || statement.ending === "file") {
        return { directives, end: statement };
      }
      const [name, ...args] = statement.words;
      if (name === undefined) {
        throw this.#error("ERR_CONF_SYNTAX", "empty directive", statement);
      }
      this.#count(statement);
      if (name === "include") {
        directives.push(...this.#decodeIncludes(args, statement, depth));
        continue;
      }
      const isBlock = statement.ending === "block";
      const children = isBlock ? this.#decodeBlock(name, statement, depth + 1) : [];
      const { line, column } = statement;
      directives.push({ name, args, children, isBlock, file: this.#file, line, column });
    }
  }

  #decodeBlock(name: string, at: Position, depth: number): Directive[] {
    if (depth > CONF_DEPTH_MAX) {
      throw this.#error("ERR_CONF_LIMIT", `blocks nested deeper than ${CONF_DEPTH_MAX}`, at);
    }
    const { directives, end } = this.#decodeLevel(depth);
    if (end.ending === "file") {
      throw this.#error("ERR_CONF_SYNTAX", `end of file, "}" of ${name} is missing`, at);
    }
    return directives;
  }

  #decodeIncludes(files: readonly string[], statement: Statement, depth: number): Directive[] {
    if (files.length === 0 || statement.ending === "block") {
      throw this.#error("ERR_CONF_INCLUDE", 'include takes file names and ";"', statement);
    }
    const { line, column } = statement;
    const included: Directive[] = [];
    for (const file of files) {
      this.#budget.includes++;
      if (this.#budget.includes > CONF_INCLUDES_MAX) {
        throw this.#error(
          "ERR_CONF_LIMIT",
          `more than ${CONF_INCLUDES_MAX} includes; a file that includes itself?`,
          statement,
        );
      }
      const place = { file: this.#file, line, column, directive: "include" };
      const text = this.#budget.include(file, place);
      included.push(...new BlockDecoder(text, file, this.#budget).decodeFile(depth));
    }
    return included;
  }

  #count(at: Position): void {
    this.#budget.directives++;
    if (this.#budget.directives > CONF_DIRECTIVES_MAX) {
      throw this.#error("ERR_CONF_LIMIT", `more than ${CONF_DIRECTIVES_MAX} directives`, at);
    }
  }

  #error(code: string, message: string, { line, column }: Position): ConfigError {
    return new ConfigError(code, message, { file: this.#file, line, column });
  }
}

const BLANK = " \t\r\n";
const WORD_END = " \t\r\n;{";
/** No text file has these, and the names of files and vhosts must not. */
function isForbidden(character: string): boolean {
  return (character < " " && character !== "\t") || character === "\u007f";
}

/** Cuts the text into statements; knows words, quotes, comments and lines, nothing of blocks. */
class WordReader {
  readonly #text: string;
  readonly #file: string;
  #offset: number;
  #line = 1;
  /** Offset of the first character of the line. */
  #lineStart: number;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    this.#offset = text.startsWith("\ufeff") ? 1 : 0;
    this.#lineStart = this.#offset;
  }

  readStatement(): Statement {
    const words: string[] = [];
    let start: Position | undefined;
    for (;;) {
      this.#skipBlanks(words);
      const character = this.#text[this.#offset];
      start ??= this.#position();
      const ending = this.#endingAt(character, words);
      if (ending !== undefined) {
        this.#offset++;
        return { words, ...start, ending };
      }
      const word = this.#readWord(character);
      if (word !== "") {
        words.push(word);
      }
    }
  }

  /** Blanks and comments; a line end is only a blank between statements. */
  #skipBlanks(words: readonly string[]): void {
    for (; this.#offset < this.#text.length; this.#offset++) {
      const character = this.#text[this.#offset] ?? "";
      if (character === "#") {
        this.#skipComment();
      } else if (!BLANK.includes(character)) {
        return;
      }
      const isLineEnd = this.#text[this.#offset] === "\n";
      if (isLineEnd && words.length > 0) {
        throw this.#error(`line ends inside ${words[0]}, ";" or "{" expected`);
      }
      if (isLineEnd) {
        this.#line += 1;
        this.#lineStart = this.#offset + 1;
      }
    }
  }

  #position(offset = this.#offset): Position {
    return { line: this.#line, column: offset - this.#lineStart + 1 };
  }

  /** Stops on the line end, which the caller counts. */
  #skipComment(): void {
    const end = this.#text.indexOf("\n", this.#offset);
    this.#offset = end < 0 ? this.#text.length : end;
  }

  #endingAt(character: string | undefined, words: readonly string[]): Ending | undefined {
    if (character === undefined) {
      if (words.length > 0) {
        throw this.#error(`end of file inside ${words[0]}, ";" or "{" expected`);
      }
      return "file";
    }
    if (character === "}") {
      if (words.length > 0) {
        throw this.#error(`unexpected "}" inside ${words[0]}`);
      }
      return "close";
    }
    if (character !== ";" && character !== "{") {
      return undefined;
    }
    if (words.length === 0) {
      throw this.#error(`unexpected "${character}"`);
    }
    return character === ";" ? "line" : "block";
  }

  #readWord(first: string | undefined): string {
    if (first === '"' || first === "'") {
      return this.#readQuoted(first);
    }
    const start = this.#offset;
    for (; this.#offset < this.#text.length; this.#offset++) {
      const character = this.#text[this.#offset] ?? "";
      if (WORD_END.includes(character)) {
        break;
      }
      if (isForbidden(character)) {
        throw this.#error("control character in a word");
      }
    }
    return this.#text.slice(start, this.#offset);
  }

  #readQuoted(quote: string): string {
    const start = this.#offset + 1;
    const end = this.#text.indexOf(quote, start);
    const word = end < 0 ? this.#text.slice(start) : this.#text.slice(start, end);
    if (end < 0 || word.includes("\n")) {
      throw this.#error(`closing ${quote} is missing on this line`);
    }
    const control = Array.from(word, isForbidden).indexOf(true);
    if (control >= 0) {
      throw this.#error("control character in a quoted word", start + control);
    }
    this.#offset = end + 1;
    const next = this.#text[this.#offset];
    if (next !== undefined && !WORD_END.includes(next)) {
      throw this.#error(`unexpected "${next}" after closing ${quote}`);
    }
    return word;
  }

  #error(message: string, offset = this.#offset): ConfigError {
    const place = { file: this.#file, ...this.#position(offset) };
    return new ConfigError("ERR_CONF_SYNTAX", message, place);
  }
}
