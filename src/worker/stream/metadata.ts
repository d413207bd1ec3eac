/**
 * onMetaData as players get it: without `@setDataFrame`, without a duration that a live stream does not have, and with
 * the server's name and version, as SRS does.
 */

import { type AmfObject, amfEntries } from "../../protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../protocol/amf/amf0-decoder.ts";
import { Amf0Encoder } from "../../protocol/amf/amf0-encoder.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { classifyData, FrameClass } from "../../protocol/flv/classify.ts";
import { PRODUCT_NAME, PRODUCT_VERSION } from "../../protocol/product.ts";
import { type Message, MessageType } from "../../protocol/rtmp/message.ts";

/** Metadata of a later time makes ffmpeg invent a data stream; SRS relays the encoder's 0 as well. */
export const METADATA_TIMESTAMP = 0;

const DROPPED = new Set(["duration", "filesize", "server", "server_version"]);
/** Adobe's mark of an encoder whose clock is absolute: the string "true". */
const ABSOLUTE_TIME = "bravo_atc";

/** onMetaData of a publisher. */
export interface StreamMetadata {
  /** AMF0 body to relay. **Owned**. */
  readonly body: Uint8Array;
  /** The encoder says that its timestamps are absolute (`bravo_atc`). */
  readonly isAbsolute: boolean;
}

/** @returns null when the message is not onMetaData, or cannot be read: it is then relayed as it came. */
export function decodeMetadata(message: Message): StreamMetadata | null {
  const { type, payload } = message;
  if (type !== MessageType.DataAmf0 || classifyData(payload) !== FrameClass.Metadata) {
    return null;
  }
  try {
    const [name, ...values] = decodeAmf0(payload);
    const properties = amfEntries(name === "@setDataFrame" ? values[1] : values[0]);
    if (properties === null) {
      return null;
    }
    return { body: encode(properties), isAbsolute: properties.get(ABSOLUTE_TIME) === "true" };
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
  encoder.ecmaArray([...kept, ["server", PRODUCT_NAME], ["server_version", PRODUCT_VERSION]]);
  return encoder.finish();
}
