/** A stream as FLV: what HTTP-FLV and WebSocket-FLV viewers get. */
import {
  encodeFlvHeader,
  encodeFlvTag,
  encodePreviousTagSize,
  encodeTagHeader,
  FLV_TAG_HEADER_BYTES,
} from "../../protocol/flv/tag.ts";
import type { KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";
import { decodeHeaderSet } from "../stream/header-set.ts";
import { METADATA_TIMESTAMP } from "../stream/metadata.ts";
import type { RingView } from "../stream/ring-view.ts";
import type { Form, MediaMessage } from "./form.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const BACK_POINTER_BYTES = 4;
const BUFFER_BYTES = 64 * 1024;

/** Which tracks are passed and announced (SRS: http_remux). */
export interface FlvTracks {
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Announce of those only what the stream has shown so far. */
  readonly guess: boolean;
}

/** One stream's tags. */
export class FlvForm implements Form {
  readonly contentType = "video/x-flv";
  readonly #tracks: FlvTracks;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #sawAudio = false;
  #sawVideo = false;
  #key = "";
  #bytes: Uint8Array = NOTHING;

  constructor(tracks: FlvTracks) {
    this.#tracks = tracks;
  }

  restart(): void {
    this.#sawAudio = false;
    this.#sawVideo = false;
  }

  mux({ type, timestamp, payload }: MediaMessage): Uint8Array {
    if (!this.#passes(type)) {
      return NOTHING;
    }
    const length = FLV_TAG_HEADER_BYTES + payload.length + BACK_POINTER_BYTES;
    if (length > this.#buffer.length) {
      this.#buffer = new Uint8Array(length * 2);
    }
    const start = encodeTagHeader(this.#buffer, 0, type, timestamp, payload.length);
    this.#buffer.set(payload, start);
    encodePreviousTagSize(this.#buffer, start + payload.length, payload.length);
    return this.#buffer.subarray(0, length);
  }

  encode(
    view: RingView,
    keyframe: KeyframeRef,
    _messageStream: number,
    greet: boolean,
  ): Uint8Array | null {
    const flags = this.#flags();
    const key = `${view.ringId}/${keyframe.frame}/${keyframe.headerVersion}/${flags}/${greet}`;
    if (key === this.#key) {
      return this.#bytes;
    }
    const headers = view.reader.headersAt(keyframe.headerVersion);
    if (headers === null) {
      return null;
    }
    const parts = decodeHeaderSet(headers).map(({ type, payload }) =>
      this.#passes(type)
        ? encodeFlvTag({
            type,
            timestamp: type === MessageType.DataAmf0 ? METADATA_TIMESTAMP : keyframe.timestamp,
            payload,
          })
        : NOTHING,
    );
    const file = greet ? [encodeFlvHeader(this.#header())] : [];
    this.#bytes = Buffer.concat([...file, ...parts]);
    this.#key = key;
    return this.#bytes;
  }

  encodeReplies(): Uint8Array {
    return NOTHING;
  }

  #passes(type: number): boolean {
    if (type === MessageType.Audio) {
      this.#sawAudio = true;
      return this.#tracks.hasAudio;
    }
    if (type === MessageType.Video) {
      this.#sawVideo = true;
      return this.#tracks.hasVideo;
    }
    return true;
  }

  #header(): { hasAudio: boolean; hasVideo: boolean } {
    const { hasAudio, hasVideo, guess } = this.#tracks;
    return {
      hasAudio: hasAudio && (!guess || this.#sawAudio),
      hasVideo: hasVideo && (!guess || this.#sawVideo),
    };
  }

  #flags(): number {
    const { hasAudio, hasVideo } = this.#header();
    return (hasAudio ? 1 : 0) + (hasVideo ? 2 : 0);
  }
}
