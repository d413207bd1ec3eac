/**
 * onMetaData as players get it: without `@setDataFrame`, without a duration that a live stream does not have, and with
 * the server's name, as SRS does.
 */

import { type AmfObject, amfEntries } from "../../protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../protocol/amf/amf0-decoder.ts";
import { Amf0Encoder } from "../../protocol/amf/amf0-encoder.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { type Message, MessageType } from "../../protocol/rtmp/message.ts";

const SERVER_NAME = "weir";
const DROPPED = new Set(["duration", "filesize", "server", "server_version"]);

/**
 * The AMF0 body to relay for a data message that is onMetaData.
 *
 * @returns null when the message is not onMetaData, or cannot be read: it is then relayed as it came.
 */
export function rewriteMetadata(message: Message): Uint8Array | null {
  if (message.type !== MessageType.DataAmf0) {
    return null;
  }
  try {
    const [name, ...values] = decodeAmf0(message.payload);
    const [first, second] = name === "@setDataFrame" ? values : [name, values[0]];
    const properties = amfEntries(second);
    return first === "onMetaData" && properties !== null ? encode(properties) : null;
  } catch (error) {
    if (error instanceof ProtocolError) {
      return null;
    }
    throw error;
  }
}

function encode(properties: AmfObject): Uint8Array {
  const kept = [...properties].filter(([key]) => !DROPPED.has(key));
  const encoder = new Amf0Encoder();
  encoder.string("onMetaData");
  encoder.ecmaArray([...kept, ["server", SERVER_NAME]]);
  return encoder.finish();
}
