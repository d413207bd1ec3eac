/**
 * Every message a server session writes, in SRS's order and contents.
 *
 * Control messages go on chunk stream 2 and message stream 0, results on chunk stream 3 and message stream 0, status
 * and data on chunk stream 5 and their message stream. Peers: Larix refuses any other placing.
 */

import type { AmfValue } from "../amf/amf-value.ts";
import { encodeAmf0 } from "../amf/amf0-encoder.ts";
import { joinBytes } from "../bytes/join-bytes.ts";
import { PRODUCT_NAME, PRODUCT_VERSION } from "../product.ts";
import { encodeControl, encodeUserControl } from "./acknowledgement.ts";
import { encodeMessage } from "./chunk-encoder.ts";
import { encodeCommand } from "./command.ts";
import { ChunkStream, MessageType, UserControlEvent } from "./message.ts";
import type { Redirect, ServerInfo } from "./server-session-types.ts";
import { CapsEx } from "./server-session-types.ts";

/** `level` of a status object (RTMP 1.0 §7.2.2). */
export type StatusLevel = "status" | "error";

/** What the accepted `connect` announces. */
export interface ConnectAnnouncement {
  readonly transactionId: number;
  readonly windowAckSize: number;
  readonly chunkSize: number;
  readonly objectEncoding: number;
  readonly serverInfo: ServerInfo | undefined;
  readonly sendServerIdentity: boolean;
  /** Answer of an enhanced client, else undefined. */
  readonly capsEx: number | undefined;
}

const CLIENT_ID = "ASAICiss";
const FMS_VERSION = "3,5,3,888";
/** SetPeerBandwidth limit type (RTMP 1.0 §5.4.5). */
const LIMIT_DYNAMIC = 2;
/** FourCcInfoMask of enhanced RTMP: the server relays whatever it is. */
const CAN_FORWARD = 4;

/**
 * The replies of an accepted connect: WindowAckSize, SetPeerBandwidth, SetChunkSize, `_result`, onBWDone. The last
 * two already use the announced chunk size.
 * Peers: some encoders wait for the control messages before createStream; edges read `srs_server_ip`, `srs_pid` and
 * `srs_id` from `data`.
 * Memory: **owned** by the caller.
 */
export function encodeConnectReplies(announcement: ConnectAnnouncement): Uint8Array {
  const { transactionId, windowAckSize, chunkSize } = announcement;
  const route = { chunkStreamId: ChunkStream.Connection, streamId: 0, chunkSize };
  return joinBytes([
    encodeControl(MessageType.WindowAckSize, windowAckSize),
    encodeControl(MessageType.SetPeerBandwidth, windowAckSize, LIMIT_DYNAMIC),
    encodeControl(MessageType.SetChunkSize, chunkSize),
    encodeCommand(
      route,
      "_result",
      transactionId,
      connectProperties(announcement.capsEx),
      connectInformation(announcement),
    ),
    encodeCommand(route, "onBWDone", 0, null),
  ]);
}

/** `_error` of NetConnection. Memory: **owned** by the caller. */
export function encodeError(
  transactionId: number,
  status: { code: string; description: string; redirect?: Redirect | undefined },
  chunkSize: number,
): Uint8Array {
  return encodeCommand(
    { chunkStreamId: ChunkStream.Connection, streamId: 0, chunkSize },
    "_error",
    transactionId,
    null,
    statusObject("error", status.code, status.description, redirectEntries(status.redirect)),
  );
}

/**
 * `_result` with a null command object and one value.
 * Shape: `streamId` is 0 but for FCUnpublish, which SRS answers on the message stream.
 * Memory: **owned** by the caller.
 */
export function encodeResult(
  transactionId: number,
  value: AmfValue,
  chunkSize: number,
  streamId = 0,
): Uint8Array {
  const route = { chunkStreamId: ChunkStream.Connection, streamId, chunkSize };
  return encodeCommand(route, "_result", transactionId, null, value);
}

/** `_result` with null and nothing else, for commands weir does not know. Memory: **owned** by the caller. */
export function encodeNullResult(transactionId: number, chunkSize: number): Uint8Array {
  const route = { chunkStreamId: ChunkStream.Connection, streamId: 0, chunkSize };
  return encodeCommand(route, "_result", transactionId, null);
}

/**
 * onStatus of a NetStream in wire form, e.g. `NetStream.Play.UnpublishNotify`.
 * Memory: **owned** by the caller.
 */
export function encodeStreamStatus(
  streamId: number,
  level: StatusLevel,
  code: string,
  description: string,
  chunkSize: number,
): Uint8Array {
  const information = statusObject(level, code, description, [["clientid", CLIENT_ID]]);
  return encodeOnStatus(streamId, information, chunkSize);
}

/** The redirect that SRS edges follow, on message stream 0. Memory: **owned** by the caller. */
export function encodeRedirect(redirect: Redirect, chunkSize: number): Uint8Array {
  const code = "NetConnection.Connect.Rejected";
  const entries = redirectEntries(redirect);
  return encodeOnStatus(0, statusObject("error", code, "RTMP 302 Redirect", entries), chunkSize);
}

/**
 * The request to connect again (enhanced RTMP v2, "Reconnect Request").
 * Shape: an empty `tcUrl` leaves the target to the client: the same one.
 * Memory: **owned** by the caller.
 */
export function encodeReconnectRequest(
  tcUrl: string,
  description: string,
  chunkSize: number,
): Uint8Array {
  const code = "NetConnection.Connect.ReconnectRequest";
  const target: Array<[string, AmfValue]> = tcUrl === "" ? [] : [["tcUrl", tcUrl]];
  return encodeCommand(
    { chunkStreamId: ChunkStream.Connection, streamId: 0, chunkSize },
    "onStatus",
    0,
    null,
    new Map([...target, ["code", code], ["description", description], ["level", "status"]]),
  );
}

/** onFCPublish and onFCUnpublish, which FMLE waits for. Memory: **owned** by the caller. */
export function encodeFcNotice(
  name: "onFCPublish" | "onFCUnpublish",
  streamId: number,
  chunkSize: number,
): Uint8Array {
  const information = new Map<string, AmfValue>(
    name === "onFCPublish"
      ? [
          ["code", "NetStream.Publish.Start"],
          ["description", "Started publishing stream."],
        ]
      : [
          ["code", "NetStream.Unpublish.Success"],
          ["description", "Stop publishing stream."],
        ],
  );
  const route = { chunkStreamId: ChunkStream.Stream, streamId, chunkSize };
  return encodeCommand(route, name, 0, null, information);
}

/** The replies of an accepted pause or resume: onStatus, then StreamEof or StreamBegin. **Owned** by the caller. */
export function encodePauseReplies(
  streamId: number,
  paused: boolean,
  chunkSize: number,
): Uint8Array {
  const [code, description, event] = paused
    ? (["NetStream.Pause.Notify", "Paused stream.", UserControlEvent.StreamEof] as const)
    : (["NetStream.Unpause.Notify", "Unpaused stream.", UserControlEvent.StreamBegin] as const);
  return joinBytes([
    encodeOnStatus(streamId, statusObject("status", code, description), chunkSize),
    encodeUserControl(event, streamId),
  ]);
}

/**
 * The replies of an accepted play on message stream `streamId`: [SetChunkSize], StreamBegin, Play.Reset, Play.Start,
 * |RtmpSampleAccess. A shard sends them to all its players alike.
 * Shape: everything is in chunks of `chunkSize`, announced first when asked for.
 * Peers: without |RtmpSampleAccess Flash denies access to the samples; `NetStream.Data.Start` is left out because
 * ffmpeg makes a phantom data stream of it.
 * Memory: **owned** by the caller.
 */
export function encodePlayReplies(
  streamId: number,
  chunkSize: number,
  announceChunkSize: boolean,
): Uint8Array {
  const details: ReadonlyArray<[string, AmfValue]> = [
    ["details", "stream"],
    ["clientid", CLIENT_ID],
  ];
  const reset = statusObject(
    "status",
    "NetStream.Play.Reset",
    "Playing and resetting stream.",
    details,
  );
  const start = statusObject("status", "NetStream.Play.Start", "Started playing stream.", details);
  const sampleAccess = {
    chunkStreamId: ChunkStream.Stream,
    type: MessageType.DataAmf0,
    streamId,
    timestamp: 0,
  };
  return joinBytes([
    announceChunkSize ? encodeControl(MessageType.SetChunkSize, chunkSize) : new Uint8Array(0),
    encodeUserControl(UserControlEvent.StreamBegin, streamId),
    encodeOnStatus(streamId, reset, chunkSize),
    encodeOnStatus(streamId, start, chunkSize),
    encodeMessage(sampleAccess, encodeAmf0("|RtmpSampleAccess", true, true), chunkSize),
  ]);
}

function encodeOnStatus(
  streamId: number,
  information: Map<string, AmfValue>,
  chunkSize: number,
): Uint8Array {
  const route = { chunkStreamId: ChunkStream.Stream, streamId, chunkSize };
  return encodeCommand(route, "onStatus", 0, null, information);
}

function statusObject(
  level: StatusLevel,
  code: string,
  description: string,
  more: ReadonlyArray<readonly [string, AmfValue]> = [],
): Map<string, AmfValue> {
  return new Map<string, AmfValue>([
    ["level", level],
    ["code", code],
    ["description", description],
    ...more,
  ]);
}

function redirectEntries(redirect: Redirect | undefined): Array<[string, AmfValue]> {
  if (redirect === undefined) {
    return [];
  }
  const extension = new Map<string, AmfValue>([
    ["code", 302],
    ["redirect", redirect.tcUrl],
    ["redirect2", redirect.url],
  ]);
  return [["ex", extension]];
}

function connectProperties(capsEx: number | undefined): Map<string, AmfValue> {
  const properties = new Map<string, AmfValue>([
    ["fmsVer", `FMS/${FMS_VERSION}`],
    ["capabilities", 127],
    ["mode", 1],
  ]);
  if (capsEx !== undefined) {
    properties.set("fourCcList", ["*"]);
    properties.set("videoFourCcInfoMap", new Map([["*", CAN_FORWARD]]));
    properties.set("audioFourCcInfoMap", new Map([["*", CAN_FORWARD]]));
    properties.set("capsEx", capsEx & (CapsEx.Reconnect | CapsEx.Multitrack | CapsEx.ModEx));
  }
  return properties;
}

function connectInformation(announcement: ConnectAnnouncement): Map<string, AmfValue> {
  const { serverInfo, sendServerIdentity, objectEncoding } = announcement;
  const name = serverInfo?.name ?? PRODUCT_NAME;
  const version = serverInfo?.version ?? PRODUCT_VERSION;
  const data = new Map<string, AmfValue>([
    ["version", FMS_VERSION],
    ["srs_sig", name],
    ["srs_server", `${name}/${version}`],
    ["srs_license", "MIT"],
    ["srs_url", ""],
    ["srs_version", version],
    ["srs_authors", ""],
  ]);
  if (sendServerIdentity && serverInfo !== undefined && serverInfo.ip !== "") {
    data.set("srs_server_ip", serverInfo.ip);
    data.set("srs_pid", serverInfo.pid);
    data.set("srs_id", serverInfo.id);
  }
  return statusObject("status", "NetConnection.Connect.Success", "Connection succeeded", [
    ["objectEncoding", objectEncoding],
    ["data", { kind: "ecma-array", entries: data }],
  ]);
}

/** One array of several. Memory: **owned** by the caller. */
