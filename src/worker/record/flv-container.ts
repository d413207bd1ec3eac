/**
 * Recordings as FLV: the messages as they were published, a tag for each.
 *
 * Spec: FLV 10.1 Annex E. The file's flags, duration and size are known at its end and stand at its beginning.
 */
import { type AmfValue, amfEntries } from "../../protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../protocol/amf/amf0-decoder.ts";
import { Amf0Encoder } from "../../protocol/amf/amf0-encoder.ts";
import { ByteWriter } from "../../protocol/bytes/byte-writer.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { FlvStreamWriter } from "../../protocol/flv/flv-stream-writer.ts";
import {
  encodeFlvHeader,
  FLV_HEADER_BYTES,
  FLV_TAG_HEADER_BYTES,
  FlvTagType,
} from "../../protocol/flv/tag.ts";
import type { FilePatch } from "../jobs/recordings.ts";
import type { Container } from "./container.ts";

const WORTH_BYTES: number = 1024 * 1024;
const SECOND_MS = 1000;
/** Marker and length of `onMetaData`, marker and count of the array. */
const METADATA_HEAD_BYTES = 3 + 10 + 5;
/** Where the numbers stand: behind the names' lengths, the names and the markers. */
const DURATION_AT: number =
  FLV_HEADER_BYTES + FLV_TAG_HEADER_BYTES + METADATA_HEAD_BYTES + 2 + "duration".length + 1;
const FILE_SIZE_AT: number = DURATION_AT + 8 + 2 + "filesize".length + 1;
const OWN_NAMES: ReadonlySet<string> = new Set(["duration", "filesize"]);

/** One file. */
export class FlvContainer implements Container {
  readonly isSpent = false;
  readonly heldBytes = 0;
  readonly worthBytes: number = WORTH_BYTES;
  readonly #writer = new FlvStreamWriter({ dropsUnannounced: false });
  readonly #bytes = new ByteWriter();
  #isOpen = false;
  #metadata: Uint8Array | null = null;
  #hasAudio = false;
  #hasVideo = false;

  get readyBytes(): number {
    return this.#bytes.length;
  }

  /** The newest metadata before all else counts; what comes later is passed over, as SRS does. */
  header(type: number, timestamp: number, payload: Uint8Array): void {
    if (type !== FlvTagType.Script) {
      this.frame(type, timestamp, payload);
    } else if (!this.#isOpen) {
      this.#metadata = new Uint8Array(payload);
    }
  }

  frame(type: number, timestamp: number, payload: Uint8Array): void {
    if (!this.#isOpen) {
      this.#open();
    }
    this.#hasAudio ||= type === FlvTagType.Audio;
    this.#hasVideo ||= type === FlvTagType.Video;
    this.#writer.writeTag(type, timestamp, payload, this.#bytes);
  }

  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.written);
    this.#bytes.truncate(0);
    return taken;
  }

  end(): void {
    // Each tag is whole by itself.
  }

  patches({ bytes, durationMs }: { bytes: number; durationMs: number }): FilePatch[] {
    const header = encodeFlvHeader({ hasAudio: this.#hasAudio, hasVideo: this.#hasVideo });
    return [
      { position: 0, bytes: header },
      { position: DURATION_AT, bytes: encodeNumber(durationMs / SECOND_MS) },
      { position: FILE_SIZE_AT, bytes: encodeNumber(bytes) },
    ];
  }

  #open(): void {
    this.#isOpen = true;
    // What the file has is known at its end; until then players look for both.
    this.#writer.writeHeader({ hasAudio: true, hasVideo: true }, this.#bytes);
    this.#writer.writeTag(FlvTagType.Script, 0, encodeMetadata(this.#metadata), this.#bytes);
  }
}

function encodeMetadata(published: Uint8Array | null): Uint8Array {
  const kept = propertiesOf(published).filter(([name]) => !OWN_NAMES.has(name));
  const encoder = new Amf0Encoder();
  encoder.string("onMetaData");
  encoder.ecmaArray([["duration", 0], ["filesize", 0], ...kept]);
  return encoder.finish();
}

function propertiesOf(body: Uint8Array | null): (readonly [string, AmfValue])[] {
  try {
    const [, values] = body === null ? [] : decodeAmf0(body);
    return [...(amfEntries(values) ?? [])];
  } catch (error) {
    if (error instanceof ProtocolError) {
      return [];
    }
    throw error;
  }
}

function encodeNumber(value: number): Uint8Array {
  return new ByteWriter(8).float64(value).finish();
}
