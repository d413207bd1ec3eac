/**
 * Error classes of weir, one per party at fault. Each carries a stable `code` to match on; messages may change.
 */

/** Where in the peer's bytes a protocol error was found. */
export interface ProtocolPlace {
  /** Offset in bytes from the start of the connection's inbound byte stream, when known. */
  readonly offset?: number;
  /** Document and section that was broken, e.g. `RTMP 1.0 §5.3.1.1`. */
  readonly spec?: string;
}

/** The peer's bytes break the protocol. Reaction: close that session, count, log at info. */
export class ProtocolError extends Error {
  readonly code: string;
  readonly place: ProtocolPlace;
  constructor(code: string, message: string, place: ProtocolPlace = {}) {
    super(message);
    this.name = "ProtocolError";
    this.code = code;
    this.place = place;
  }
}

/** The peer exceeds a bound of `limits.ts`. Reaction as for {@link ProtocolError}. */
export class LimitError extends ProtocolError {
  constructor(code: string, message: string, place: ProtocolPlace = {}) {
    super(code, message, place);
    this.name = "LimitError";
  }
}

/** Policy said no. Reaction: send `status` to the client, then close. */
export class RejectedError extends Error {
  readonly code: string;
  /** The NetConnection or NetStream status code to send, e.g. `NetStream.Publish.BadName`. */
  readonly status: string;
  /** Where the client should go instead. */
  readonly redirect: { readonly tcUrl: string; readonly url: string } | undefined;
  constructor(code: string, status: string, message: string, redirect?: RejectedError["redirect"]) {
    super(message);
    this.name = "RejectedError";
    this.code = code;
    this.status = status;
    this.redirect = redirect;
  }
}

/** The network failed; `cause` is the system's error. Reaction: close, log at debug. */
export class TransportError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportError";
    this.code = code;
  }
}

/** Where a configuration is wrong. */
export interface ConfigPlace {
  readonly file: string;
  /** 1-based line; 0 when it is not written in a file, as a variable of the environment. */
  readonly line: number;
  /** 1-based column in UTF-16 units; absent when only the line is known. */
  readonly column?: number;
  /** Full directive path, e.g. `vhost.play.gop_cache`. */
  readonly directive?: string;
}

/** Characters of a configuration error: a wrong value may be as long as its file. */
const CONFIG_MESSAGE_MAX = 512;

/** `file:line:column` as far as it is known. */
function describePlace({ file, line, column }: ConfigPlace): string {
  if (line === 0) {
    return file;
  }
  return column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`;
}

/** One line of bounded length, whatever the configuration holds. */
function asOneLine(text: string): string {
  const short = text.length > CONFIG_MESSAGE_MAX ? `${text.slice(0, CONFIG_MESSAGE_MAX)}…` : text;
  return short.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, "0");
    return `\\u${code}`;
  });
}

/** The operator's configuration is wrong. Reaction: refuse to start; on reload keep the old one. */
export class ConfigError extends Error {
  readonly code: string;
  readonly place: ConfigPlace;
  constructor(code: string, message: string, place: ConfigPlace) {
    super(`${describePlace(place)}: ${asOneLine(message)}`);
    this.name = "ConfigError";
    this.code = code;
    this.place = place;
  }
}

/** Another thread died or did not answer in time. Reaction: back off, restart. */
export class ControlError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "ControlError";
    this.code = code;
  }
}

/** A bug of weir's own. Reaction: this thread dies and the primary replaces it. */
export class InvariantError extends Error {
  readonly code = "ERR_INVARIANT";
  constructor(message: string) {
    super(message);
    this.name = "InvariantError";
  }
}

/** What a thrown value says, without its class and stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
