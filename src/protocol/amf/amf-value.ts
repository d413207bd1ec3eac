/**
 * The values of Action Message Format as weir holds them: plain data, never a prototype of the peer's choice.
 *
 * Objects are Maps so that a key such as `__proto__` is only a key. References are not followed (they decode to
 * null), so a decoded value is a tree and any walk over it ends.
 * Spec: AMF0 §2, AMF3 §3.
 */

/** Properties of an object in the order of the wire; a later duplicate replaces an earlier one. */
export type AmfObject = Map<string, AmfValue>;

/** An associative array (AMF0 §2.10). The announced count is not kept: peers send wrong ones. */
export interface AmfEcmaArray {
  readonly kind: "ecma-array";
  readonly entries: AmfObject;
}

/** An object with a class name (AMF0 §2.18, AMF3 §3.12). The name is data only; nothing is instantiated from it. */
export interface AmfTypedObject {
  readonly kind: "typed-object";
  readonly className: string;
  readonly entries: AmfObject;
}

/** A date (AMF0 §2.13, AMF3 §3.10). */
export interface AmfDate {
  readonly kind: "date";
  /** Milliseconds since 1970-01-01 UTC; may be NaN or infinite, as sent. */
  readonly timeMs: number;
  /** Minutes; reserved by the spec and usually 0. */
  readonly timeZoneMinutes: number;
}

/** An XML document as text (AMF0 §2.17, AMF3 §3.7, §3.9). It is never parsed. */
export interface AmfXml {
  readonly kind: "xml";
  readonly text: string;
}

/** A byte array (AMF3 §3.14). AMF0 has no form for it and writes null. */
export interface AmfBytes {
  readonly kind: "bytes";
  /** **Owned** copy, bounded by the message it came in. */
  readonly bytes: Uint8Array;
}

/** Any decoded value; a tree at most `AMF_DEPTH_MAX` deep. */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | AmfValue[]
  | AmfObject
  | AmfEcmaArray
  | AmfTypedObject
  | AmfDate
  | AmfXml
  | AmfBytes;

/**
 * The properties of an object, an associative array or a typed object, whichever the peer chose to send.
 * Peers: metadata arrives as object (ffmpeg before 0.6, some hardware) or as associative array (all others).
 * @returns the properties, or null when the value has none
 */
export function amfEntries(value: AmfValue): AmfObject | null {
  if (value instanceof Map) {
    return value;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return null;
  }
  return value.kind === "ecma-array" || value.kind === "typed-object" ? value.entries : null;
}
