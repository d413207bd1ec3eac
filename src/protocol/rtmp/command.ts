/**
 * Command messages (RTMP 1.0 §7.1.1, §7.2): name, transaction id, command object and arguments.
 */
import type { AmfObject, AmfValue } from "../amf/amf-value.ts";
import { amfEntries } from "../amf/amf-value.ts";
import { Amf0Decoder } from "../amf/amf0-decoder.ts";
import { encodeAmf0 } from "../amf/amf0-encoder.ts";
import { LimitError, ProtocolError } from "../errors.ts";
import { COMMAND_NAME_BYTES_MAX } from "../limits.ts";
import { encodeMessage } from "./chunk-encoder.ts";
import { MessageType } from "./message.ts";

/** One decoded command. */
export interface Command {
  /** Printable ASCII, 1–64 bytes. */
  readonly name: string;
  /** As sent, which may be NaN or infinite; 0 when missing. */
  readonly transactionId: number;
  /** Command object (often null) and what follows it. */
  readonly args: readonly AmfValue[];
}

/** Where a command is sent. */
export interface CommandRoute {
  readonly chunkStreamId: number;
  readonly streamId: number;
  readonly chunkSize: number;
}

const SPEC = "RTMP 1.0 §7.2";
const STRING_MARKER = 0x02;

/** Arguments that must decode, command object included; a fault behind them is ignored (row A4-19). Others: none. */
const ARGUMENTS_NEEDED: ReadonlyMap<string, number> = new Map([
  ["connect", 1],
  ["publish", 2],
  ["play", 2],
  ["play2", 2],
  ["deleteStream", 2],
  ["pause", 2],
]);

/**
 * Decodes the payload of a command message.
 * Shape: type 17 may start with a format byte 0x00, which is skipped; the values after it are AMF0.
 * Peers: Flash with objectEncoding 3 sends type 17.
 * Memory: **owned** result, bounded by the limits of AMF.
 * @throws ProtocolError ERR_AMF_SHORT when empty, ERR_RTMP_COMMAND_NAME when the name is none, and those of AMF
 */
export function decodeCommand(payload: Uint8Array, type: number): Command {
  const start = type === MessageType.CommandAmf3 && payload[0] === 0 ? 1 : 0;
  checkName(payload, start);
  const decoder = new Amf0Decoder(payload, start);
  const name = decoder.readValue();
  if (typeof name !== "string") {
    throw new ProtocolError("ERR_RTMP_COMMAND_NAME", "command without a name", { spec: SPEC });
  }
  const transactionId = decoder.hasMore ? decoder.readValue() : 0;
  return {
    name,
    transactionId: typeof transactionId === "number" ? transactionId : 0,
    args: decodeArguments(decoder, ARGUMENTS_NEEDED.get(name) ?? 0),
  };
}

/**
 * A command in wire form, AMF0, message type 20, timestamp 0.
 * Memory: **owned** by the caller.
 */
export function encodeCommand(route: CommandRoute, ...values: readonly AmfValue[]): Uint8Array {
  const header = {
    chunkStreamId: route.chunkStreamId,
    type: MessageType.CommandAmf0,
    streamId: route.streamId,
    timestamp: 0,
  };
  return encodeMessage(header, encodeAmf0(...values), route.chunkSize);
}

/** The string at `key` of an object value, or ''. */
export function textAt(entries: AmfObject | null, key: string): string {
  const value = entries?.get(key);
  return typeof value === "string" ? value : "";
}

/** The finite number in `value`, or `fallback`. */
export function finiteNumber(value: AmfValue, fallback: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

/** The properties of argument `index`, or null when it is no object. */
export function entriesAt(command: Command, index: number): AmfObject | null {
  return amfEntries(command.args[index]);
}

/**
 * A stream name argument. Peers: some send a number, Wirecast sends `false` when it stops.
 * @returns the name, or undefined when the value is none
 */
export function streamNameOf(value: AmfValue): string | undefined {
  if (typeof value === "number" && Number.isFinite(value)) {
    return String(value);
  }
  return typeof value === "string" ? value : undefined;
}

function checkName(payload: Uint8Array, start: number): void {
  if (payload.length - start < 3) {
    throw new ProtocolError("ERR_AMF_SHORT", "command message is cut short", { spec: SPEC });
  }
  const length = ((payload[start + 1] ?? 0) << 8) | (payload[start + 2] ?? 0);
  if (payload[start] !== STRING_MARKER || length === 0 || length > COMMAND_NAME_BYTES_MAX) {
    throw new ProtocolError("ERR_RTMP_COMMAND_NAME", "command name is no short string", {
      spec: SPEC,
    });
  }
  const end = Math.min(start + 3 + length, payload.length);
  for (let at = start + 3; at < end; at++) {
    const byte = payload[at] ?? 0;
    if (byte < 0x21 || byte > 0x7e) {
      throw new ProtocolError("ERR_RTMP_COMMAND_NAME", "command name is binary", { spec: SPEC });
    }
  }
}

function decodeArguments(decoder: Amf0Decoder, needed: number): AmfValue[] {
  const args: AmfValue[] = [];
  try {
    while (decoder.hasMore) {
      args.push(decoder.readValue());
    }
  } catch (error) {
    // A bound that was passed counts wherever it stands; only plain garbage at the end is harmless.
    const isHarmless = error instanceof ProtocolError && !(error instanceof LimitError);
    if (!isHarmless || args.length < needed) {
      throw error;
    }
  }
  return args;
}
