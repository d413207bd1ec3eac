/**
 * The replies of an accepted connect, encoded once for clients that are told the same but for their own id: in a storm of
 * joins nearly all are.
 */
import { type ConnectAnnouncement, encodeConnectReplies } from "./server-replies.ts";

interface Template {
  /** Null: what differs is more than the id. */
  readonly bytes: Uint8Array | null;
  /** Offset of the id, as many bytes as it has characters; -1: it is not told. */
  readonly idAt: number;
}

/** Kinds of clients that come at one time: with more of them all are encoded anew. */
const TEMPLATES_MAX = 16;
const templates = new Map<string, Template>();

/** As {@link encodeConnectReplies}. Memory: **owned** by the caller. */
export function connectReplies(announcement: ConnectAnnouncement): Uint8Array {
  const key = keyOf(announcement);
  const template = templates.get(key) ?? templateOf(announcement);
  if (templates.size >= TEMPLATES_MAX && !templates.has(key)) {
    templates.clear();
  }
  templates.set(key, template);
  const bytes = template.bytes?.slice();
  return bytes !== undefined && writeId(bytes, template.idAt, idOf(announcement))
    ? bytes
    : encodeConnectReplies(announcement);
}

/** @returns false when it is not ASCII. */
function writeId(bytes: Uint8Array, idAt: number, id: string): boolean {
  for (let at = 0; idAt >= 0 && at < id.length; at += 1) {
    const code = id.charCodeAt(at);
    if (code > 0x7f) {
      return false;
    }
    bytes[idAt + at] = code;
  }
  return true;
}

/** Finds the id by encoding for two that differ in every character. */
function templateOf(of: ConnectAnnouncement): Template {
  const [bytes, other] = ["x", "y"].map((letter) => encodeConnectReplies(withId(of, letter)));
  const { length } = idOf(of);
  if (bytes === undefined || bytes.length !== other?.length) {
    return { bytes: null, idAt: -1 };
  }
  const idAt = bytes.findIndex((byte, at) => byte !== other[at]);
  const end = idAt < 0 ? -1 : idAt + length;
  const isAlone = bytes.every((byte, at) => (byte !== other[at]) === (at >= idAt && at < end));
  return { bytes: isAlone ? bytes : null, idAt };
}

/** For a client whose id is as long and consists of one letter. */
function withId(of: ConnectAnnouncement, letter: string): ConnectAnnouncement {
  const { serverInfo } = of;
  const id = letter.repeat(idOf(of).length);
  return { ...of, serverInfo: serverInfo === undefined ? undefined : { ...serverInfo, id } };
}

function idOf({ serverInfo }: ConnectAnnouncement): string {
  return serverInfo?.id ?? "";
}

/** All that the replies are made of but the id itself. */
function keyOf(announcement: ConnectAnnouncement): string {
  const { serverInfo, transactionId, ...terms } = announcement;
  const server = { ...serverInfo, id: idOf(announcement).length };
  // A transaction id may be what JSON does not tell apart: not a number, or infinite.
  return `${transactionId} ${JSON.stringify({ ...terms, server })}`;
}
