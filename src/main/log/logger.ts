/**
 * Log lines in SRS's form: `[time][LEVEL][pid][cid] text`, with `[errno]` after the cid from warning on.
 * Passed in, never global. Writing never throws and never waits: lines are kept in a bounded buffer, written together,
 * and counted when they have to be dropped (full disk, blocked console, flood).
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { LogConfig, LogLevel } from "../../protocol/conf/config.ts";
import {
  LOG_BUFFER_BYTES,
  LOG_LINE_BYTES_MAX,
  LOG_LINES_PER_SECOND,
} from "../../protocol/limits.ts";
import { escapeControls, maskSecrets } from "./secrets.ts";

/**
 * What everything that logs is given. Warnings and errors tell texts of others (a library's, a thread's, a file's), so
 * secrets in them are masked here; who logs at other levels passes none. `cid` names the connection or part a line is
 * about (SRS's context id).
 */
export interface Logger {
  trace(cid: string, text: string): void;
  debug(cid: string, text: string): void;
  info(cid: string, text: string): void;
  /** `code` is the stable code of the error, when there is one. */
  warn(cid: string, text: string, code?: string | number): void;
  error(cid: string, text: string, code?: string | number): void;
  /** Whether lines of this level are written at all; asked before making an expensive one. */
  isEnabled(level: LogLevel): boolean;
}

/** What the log uses of the host. A descriptor is a number as in POSIX. */
export interface LogHost {
  /** Milliseconds since the epoch. */
  now(): number;
  readonly pid: number;
  /** Opens for appending. @throws when it cannot. */
  open(file: string): number;
  close(descriptor: number): void;
  /** @returns bytes taken. @throws as writeSync does. */
  write(descriptor: number, bytes: Uint8Array): number;
}

/** Owner may write, group may read: lines tell who streams what. */
const FILE_MODE = 0o640;
/** Lines wait this long for others to be written with. */
const FLUSH_MS = 100;
const STANDARD_OUTPUT = 1;

const SEVERITY: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
};
const LEVEL_NAME: Readonly<Record<LogLevel, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
};

/** The host of a running server. */
export const NODE_LOG_HOST: LogHost = {
  now: () => Date.now(),
  pid: process.pid,
  open: (file) => openSync(file, "a", FILE_MODE),
  close: closeSync,
  write: (descriptor, bytes) => writeSync(descriptor, bytes),
};

/** One thread's log. Memory: one owned buffer of LOG_BUFFER_BYTES. */
export class LineLog implements Logger {
  #config: LogConfig;
  readonly #host: LogHost;
  /** owned; lines not yet written stand in [0, #used). */
  readonly #buffer: Buffer = Buffer.allocUnsafe(LOG_BUFFER_BYTES);
  #used = 0;
  #descriptor = -1;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Lines dropped since the last one that told so. */
  #dropped = 0;
  #droppedInAll = 0;
  #second = 0;
  #linesThisSecond = 0;

  constructor(config: LogConfig, host: LogHost = NODE_LOG_HOST) {
    this.#config = config;
    this.#host = host;
  }

  /** Lines dropped so far: full disk, blocked console or flood. */
  get dropped(): number {
    return this.#droppedInAll;
  }

  isEnabled(level: LogLevel): boolean {
    return SEVERITY[level] >= SEVERITY[this.#config.level];
  }

  trace(cid: string, text: string): void {
    this.#append("trace", cid, text);
  }

  debug(cid: string, text: string): void {
    this.#append("debug", cid, text);
  }

  info(cid: string, text: string): void {
    this.#append("info", cid, text);
  }

  warn(cid: string, text: string, code: string | number = 0): void {
    this.#append("warn", cid, maskSecrets(text), code);
  }

  error(cid: string, text: string, code: string | number = 0): void {
    this.#append("error", cid, maskSecrets(text), code);
    this.flush();
  }

  /** Write what waits. Call on exit; it is also called by a timer and after each error. */
  flush(): void {
    this.#stopTimer();
    if (this.#dropped > 0 && this.#hasRoom()) {
      this.#tellDropped();
    }
    this.#writeOut();
    if (this.#used > 0) {
      this.#startTimer();
    }
  }

  /** SIGUSR1: the file was moved away by a rotation, so open it anew. */
  reopen(): void {
    this.flush();
    this.#closeFile();
  }

  /** A reload has changed where lines go or which: what waits goes where it was meant to. */
  configure(config: LogConfig): void {
    this.flush();
    if (config.tank !== this.#config.tank || config.file !== this.#config.file) {
      this.#closeFile();
    }
    this.#config = config;
  }

  /** Write what waits and let go of the file; later lines are dropped. */
  close(): void {
    this.flush();
    this.#stopTimer();
    this.#closeFile();
    this.#isClosed = true;
  }

  #append(level: LogLevel, cid: string, text: string, code?: string | number): void {
    if (!this.isEnabled(level)) {
      return;
    }
    const time = this.#host.now();
    if (this.#isClosed || this.#isFlood(level, time)) {
      this.#drop();
      return;
    }
    const errno = code === undefined ? "" : `[${escapeControls(String(code))}]`;
    const head = `[${encodeTime(time, this.#config.utc)}][${LEVEL_NAME[level]}][${this.#host.pid}][${escapeControls(cid)}]${errno}`;
    this.#put(`${head} ${escapeControls(text)}`);
  }

  /** Keep one line, at most LOG_LINE_BYTES_MAX of it. */
  #put(line: string): void {
    if (!this.#hasRoom()) {
      this.#writeOut();
    }
    if (!this.#hasRoom()) {
      this.#drop();
      return;
    }
    const end = this.#used + LOG_LINE_BYTES_MAX - 1;
    this.#used += this.#buffer.write(line, this.#used, end - this.#used, "utf8");
    this.#buffer[this.#used++] = 0x0a;
    this.#startTimer();
  }

  #hasRoom(): boolean {
    return this.#used + LOG_LINE_BYTES_MAX <= LOG_BUFFER_BYTES;
  }

  #drop(): void {
    this.#dropped++;
    this.#droppedInAll++;
  }

  /** Warnings and errors are let through; of the others so many a second. */
  #isFlood(level: LogLevel, time: number): boolean {
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#linesThisSecond = 0;
      if (this.#dropped > 0 && !this.#isClosed) {
        this.#tellDropped();
      }
    }
    this.#linesThisSecond++;
    return this.#linesThisSecond > LOG_LINES_PER_SECOND && SEVERITY[level] < SEVERITY.warn;
  }

  #tellDropped(): void {
    const count = this.#dropped;
    this.#dropped = 0;
    const time = encodeTime(this.#host.now(), this.#config.utc);
    this.#put(`[${time}][WARN][${this.#host.pid}][log][0] ${count} lines were dropped`);
  }

  /** Write as much as is taken; what a blocked or full target does not take stays for the next time. */
  #writeOut(): void {
    let written = 0;
    try {
      const descriptor = this.#open();
      while (written < this.#used) {
        const bytes = this.#host.write(descriptor, this.#buffer.subarray(written, this.#used));
        if (bytes <= 0) {
          break;
        }
        written += bytes;
      }
    } catch {
      // A log that cannot be written must not harm what it tells about: the lines stay, later ones are counted.
      this.#closeFile();
    }
    this.#buffer.copyWithin(0, written, this.#used);
    this.#used -= written;
  }

  #open(): number {
    if (this.#config.tank === "console") {
      return STANDARD_OUTPUT;
    }
    if (this.#descriptor < 0) {
      this.#descriptor = this.#host.open(this.#config.file);
    }
    return this.#descriptor;
  }

  #closeFile(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    if (descriptor < 0) {
      return;
    }
    try {
      this.#host.close(descriptor);
    } catch {
      // Nothing is left to be done with it.
    }
  }

  #startTimer(): void {
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** `2026-11-23 09:00:00.123`. */
function encodeTime(time: number, utc: boolean): string {
  const date = new Date(utc ? time : time - new Date(time).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 23).replace("T", " ");
}
