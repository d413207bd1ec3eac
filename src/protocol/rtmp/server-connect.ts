/**
 * `NetConnection.connect` on the server's side: what it asks for, and its answers.
 */
import type { AmfObject, AmfValue } from "../amf/amf-value.ts";
import { amfEntries } from "../amf/amf-value.ts";
import { InvariantError, RejectedError } from "../errors.ts";
import { PAGE_URL_BYTES_MAX } from "../limits.ts";
import type { Command } from "./command.ts";
import { entriesAt, finiteNumber, textAt } from "./command.ts";
import { connectReplies } from "./connect-template.ts";
import { encodeError, encodeRedirect } from "./server-replies.ts";
import type { ConnectionState, Dialogue } from "./server-session-state.ts";
import { write } from "./server-session-state.ts";
import type {
  ConnectRequest,
  EdgeIdentity,
  EnhancedCapabilities,
  Redirect,
} from "./server-session-types.ts";
import { CapsEx } from "./server-session-types.ts";
import { resolveConnect } from "./stream-url.ts";

/** Entries kept of a FourCC list or map, and characters of one code: there are a dozen codes of four. */
const FOURCC_ENTRIES_MAX = 64;
const FOURCC_CHARACTERS_MAX = 8;
const EDGE_TEXT_CHARACTERS_MAX = 64;
/** Thirty servers one behind the other. */
const EDGE_PATH_CHARACTERS_MAX = 2048;

/**
 * `connect` was received.
 * @throws RejectedError after its `_error` was written, for a second connect and for a URL that cannot be
 */
export function requestConnect(dialogue: Dialogue, command: Command): void {
  const { state } = dialogue;
  if (state.connection.kind !== "unconnected") {
    refuse(dialogue, command.transactionId, "ERR_RTMP_SECOND_CONNECT", "Already connected.");
  }
  const properties = entriesAt(command, 0);
  const app = textAt(properties, "app");
  const request = readRequest(dialogue, command, properties, app);
  state.connection = { kind: "connecting", transactionId: command.transactionId, app, request };
  dialogue.sink.connect(request);
}

/** Writes the replies of an accepted connect. @throws InvariantError when none was asked for */
export function acceptConnect(dialogue: Dialogue): void {
  const { state } = dialogue;
  const { settings } = state;
  const { transactionId, app, request } = connecting(state.connection);
  state.connection = { kind: "connected", app, request };
  const replies = connectReplies({
    transactionId,
    windowAckSize: settings.windowAckSizeOut,
    chunkSize: settings.chunkSizeOut,
    objectEncoding: request.objectEncoding,
    serverInfo: settings.serverInfo,
    sendServerIdentity: settings.sendServerIdentity,
    capsEx: request.enhanced === undefined ? undefined : offeredCapabilities(dialogue),
  });
  state.chunkSizeOut = settings.chunkSizeOut;
  state.windowAckSizeOut = settings.windowAckSizeOut;
  write(dialogue, replies);
}

/** Writes `_error`, or SRS's redirect; the caller closes after flush. @throws InvariantError when none was asked for */
export function rejectConnect(
  dialogue: Dialogue,
  code: string,
  description: string,
  redirect: Redirect | undefined,
): void {
  const { state } = dialogue;
  const { transactionId } = connecting(state.connection);
  state.connection = { kind: "closed" };
  write(dialogue, encodeError(transactionId, { code, description, redirect }, state.chunkSizeOut));
  if (redirect !== undefined) {
    write(dialogue, encodeRedirect(redirect, state.chunkSizeOut));
  }
}

/** True when the client asked for enhanced RTMP's reconnect requests and they were offered. */
export function understandsReconnect(dialogue: Dialogue): boolean {
  const { connection, settings } = dialogue.state;
  if (connection.kind !== "connected" || !settings.offerReconnect) {
    return false;
  }
  return ((connection.request.enhanced?.capsEx ?? 0) & CapsEx.Reconnect) !== 0;
}

function connecting(connection: ConnectionState): Extract<ConnectionState, { kind: "connecting" }> {
  if (connection.kind !== "connecting") {
    throw new InvariantError(`connect answered while ${connection.kind}`);
  }
  return connection;
}

function offeredCapabilities(dialogue: Dialogue): number {
  const reconnect = dialogue.state.settings.offerReconnect ? CapsEx.Reconnect : 0;
  return CapsEx.Multitrack | CapsEx.ModEx | reconnect;
}

function refuse(dialogue: Dialogue, transactionId: number, code: string, message: string): never {
  const status = "NetConnection.Connect.Rejected";
  const { state } = dialogue;
  state.connection = { kind: "closed" };
  const reply = { code: status, description: message };
  write(dialogue, encodeError(transactionId, reply, state.chunkSizeOut));
  throw new RejectedError(code, status, message);
}

function readRequest(
  dialogue: Dialogue,
  command: Command,
  properties: AmfObject | null,
  app: string,
): ConnectRequest {
  const { settings } = dialogue.state;
  const localHost = settings.serverInfo?.ip ?? "";
  try {
    const place = resolveConnect({
      tcUrl: textAt(properties, "tcUrl"),
      app,
      stream: "",
      fallbackHost: localHost,
      pageUrl: textAt(properties, "pageUrl").slice(0, PAGE_URL_BYTES_MAX),
      swfUrl: textAt(properties, "swfUrl").slice(0, PAGE_URL_BYTES_MAX),
    });
    // Field by field: a spread is several times slower, and every connection passes here.
    return {
      vhost: place.vhost,
      app: place.app,
      stream: place.stream,
      param: place.param,
      tcUrl: place.tcUrl,
      pageUrl: place.pageUrl,
      swfUrl: place.swfUrl,
      host: place.host,
      port: place.port,
      credentials: place.credentials,
      flashVersion: textAt(properties, "flashVer").slice(0, PAGE_URL_BYTES_MAX),
      objectEncoding: properties?.get("objectEncoding") === 3 ? 3 : 0,
      enhanced: readEnhanced(properties),
      edge: readEdge(entriesAt(command, 1)),
      args: command.args.slice(1),
    };
  } catch (error) {
    if (error instanceof RejectedError) {
      refuse(dialogue, command.transactionId, error.code, error.message);
    }
    throw error;
  }
}

function readEnhanced(properties: AmfObject | null): EnhancedCapabilities | undefined {
  const list = properties?.get("fourCcList");
  const video = properties?.get("videoFourCcInfoMap");
  const audio = properties?.get("audioFourCcInfoMap");
  const capsEx = properties?.get("capsEx");
  if (list === undefined && video === undefined && audio === undefined && capsEx === undefined) {
    return undefined;
  }
  return {
    fourCcList: readFourCcList(list),
    videoFourCcInfo: readFourCcInfo(video),
    audioFourCcInfo: readFourCcInfo(audio),
    capsEx: finiteNumber(capsEx, 0) >>> 0,
  };
}

function readFourCcList(value: AmfValue): string[] {
  // ffmpeg sends a strict array, others an associative array of the same strings.
  const items = Array.isArray(value) ? value : [...(amfEntries(value)?.values() ?? [])];
  const codes: string[] = [];
  for (const item of items.slice(0, FOURCC_ENTRIES_MAX)) {
    if (typeof item === "string" && item.length <= FOURCC_CHARACTERS_MAX) {
      codes.push(item);
    }
  }
  return codes;
}

function readFourCcInfo(value: AmfValue): Array<readonly [string, number]> {
  const pairs: Array<readonly [string, number]> = [];
  for (const [code, mask] of amfEntries(value) ?? []) {
    if (pairs.length < FOURCC_ENTRIES_MAX && code.length <= FOURCC_CHARACTERS_MAX) {
      pairs.push([code, finiteNumber(mask, 0) >>> 0]);
    }
  }
  return pairs;
}

function readEdge(extension: AmfObject | null): EdgeIdentity | undefined {
  const ip = textAt(extension, "srs_server_ip").slice(0, EDGE_TEXT_CHARACTERS_MAX);
  const path = textAt(extension, "weir_path").slice(0, EDGE_PATH_CHARACTERS_MAX);
  if (ip === "" && path === "") {
    return undefined;
  }
  const id = extension?.get("srs_id");
  return {
    ip,
    pid: String(finiteNumber(extension?.get("srs_pid"), 0)),
    id: (typeof id === "number" ? String(id) : textAt(extension, "srs_id")).slice(
      0,
      EDGE_TEXT_CHARACTERS_MAX,
    ),
    path,
  };
}
