/**
 * Text rules of names and queries: what a name may hold, how it is decoded, how a query is read.
 */
import { QUERY_PARAMETERS_MAX } from "../limits.ts";

/**
 * One segment of an app or stream: letters and digits of any script and a few signs that mean nothing to a shell, a
 * file system, a URL or HTML (row A8-03).
 */
const SEGMENT = /^[\p{L}\p{M}\p{N}._~\-+=@:]+$/u;
const DOTS_ONLY = /^\.+$/;
const DRIVE_LETTER = /^[A-Za-z]:$/;
const IPV4 = /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/;

/** Control characters and line ends of any kind, which have no place in a URL, a header or a log line. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * Decodes and checks a name of one or more segments, each once and by itself: an escaped slash makes no new segment.
 * @returns the decoded name
 * @throws what `refusal` makes, for an empty segment, dots only, a drive letter or a sign that is not allowed
 */
export function checkPath(name: string, refusal: () => Error): string {
  const segments: string[] = [];
  for (const raw of name.split("/")) {
    const segment = decodePercent(raw) ?? "";
    if (!SEGMENT.test(segment) || DOTS_ONLY.test(segment) || DRIVE_LETTER.test(segment)) {
      throw refusal();
    }
    segments.push(segment);
  }
  return segments.join("/");
}

/** True when the text holds a control character or a line separator. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text);
}

/**
 * Percent-decodes once.
 * @returns undefined when an escape is cut short or its bytes are no UTF-8
 */
export function decodePercent(text: string): string | undefined {
  if (!text.includes("%")) {
    return text;
  }
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * The parameters of a query: first value of each name, percent-decoded once; what does not decode stays as it is.
 * Shape: a leading `?` and empty pairs (`a=1&&b=2`) are passed over; at most 64 names, later ones are ignored.
 * Memory: **owned** map, so that a name such as `__proto__` is only a name.
 */
export function parseQuery(param: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const pair of pairsOf(param)) {
    if (values.size >= QUERY_PARAMETERS_MAX) {
      break;
    }
    const { name, value } = splitPair(pair);
    if (!values.has(name)) {
      values.set(name, value);
    }
  }
  return values;
}

/**
 * A query without the pairs of one name.
 * @returns with leading `?`, or '' when nothing is left
 */
export function withoutPairs(param: string, name: string): string {
  const kept = pairsOf(param).filter((pair) => splitPair(pair).name !== name);
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}

/** True for a dotted IPv4 address. */
export function isIpv4(host: string): boolean {
  return IPV4.test(host);
}

/** True when the text takes more than `bytes` in UTF-8. */
export function isOver(text: string, bytes: number): boolean {
  if (text.length > bytes) {
    return true;
  }
  let length = 0;
  for (const character of text) {
    length += utf8BytesOf(character.codePointAt(0) ?? 0);
  }
  return length > bytes;
}

function utf8BytesOf(codePoint: number): number {
  if (codePoint < 0x80) {
    return 1;
  }
  if (codePoint < 0x8_00) {
    return 2;
  }
  return codePoint < 0x1_00_00 ? 3 : 4;
}

function pairsOf(param: string): string[] {
  const query = param.startsWith("?") ? param.slice(1) : param;
  return query.split("&").filter((pair) => pair !== "");
}

function splitPair(pair: string): { name: string; value: string } {
  const equals = pair.indexOf("=");
  const name = equals < 0 ? pair : pair.slice(0, equals);
  const value = equals < 0 ? "" : pair.slice(equals + 1);
  return { name: decodePercent(name) ?? name, value: decodePercent(value) ?? value };
}
