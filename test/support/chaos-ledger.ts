/** What encoders sent, each frame with bytes of its own, and what somebody who watches got of it. */
import { type Frame, hashPayload } from "./flv-file.ts";
import { splitAnnexB } from "./ts-check.ts";

const STAMP_BYTES = 8;
const AUDIO = 8;

/** One frame that was sent. */
interface Sent {
  readonly session: number;
  /** Among all of the session, and among its own track's. */
  readonly order: number;
  readonly index: number;
  readonly type: number;
}

/** A frame of a clip that is like no other: its last bytes are a number. */
export function stampFrame(frame: Frame, number: number): Frame {
  const payload = Uint8Array.from(frame.payload);
  for (let digit = 0; digit < STAMP_BYTES; digit += 1) {
    // Neither zero nor part of a start code.
    payload[payload.length - 1 - digit] = 0x40 | ((number >>> (4 * digit)) & 15);
  }
  return { ...frame, payload, hash: hashPayload(payload) };
}

/** The last NAL unit of length-prefixed ones; all of it where they are none. */
export function lastUnit(data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  while (at + 4 <= data.length) {
    const end = at + 4 + view.getUint32(at);
    if (end === data.length) {
      return data.subarray(at + 4);
    }
    if (end > data.length) {
      return data;
    }
    at = end;
  }
  return data;
}

/** The last NAL unit of a byte stream. */
export function lastOfAnnexB(data: Uint8Array): Uint8Array {
  return splitAnnexB(data).at(-1) ?? data;
}

/** What containers other than FLV have of a frame. */
function elementOf({ type, payload }: Frame): Uint8Array {
  if (type === AUDIO) {
    return payload.subarray(2);
  }
  const isEnhanced = ((payload[0] ?? 0) & 0x80) !== 0;
  return lastUnit(payload.subarray(isEnhanced ? 8 : 5));
}

/** All frames of one stream's encoders. */
export class Ledger {
  frames = 0;
  session = 0;
  readonly #byHash = new Map<string, Sent>();
  #order = 0;
  readonly #index = { audio: 0, video: 0 };
  /** By session that was ended in order: the last frame. */
  readonly #last = new Map<number, Omit<Sent, "type">>();

  begin(): void {
    this.session += 1;
    this.#order = 0;
    this.#index.audio = 0;
    this.#index.video = 0;
  }

  /** Everything of this session was sent and read. */
  ended(): void {
    const { session } = this;
    this.#last.set(session, { session, order: this.#order - 1, index: -1 });
  }

  note(frame: Frame): void {
    const track = frame.type === AUDIO ? "audio" : "video";
    const { session } = this;
    const sent = { session, order: this.#order, index: this.#index[track], type: frame.type };
    this.#byHash.set(frame.hash, sent);
    this.#byHash.set(`e${hashPayload(elementOf(frame))}`, sent);
    this.#order += 1;
    this.#index[track] += 1;
    this.frames += 1;
  }

  find(hash: string): Sent | undefined {
    return this.#byHash.get(hash);
  }

  /** Frames of a session that was ended in order; undefined where it was cut. */
  lengthOf(session: number): number | undefined {
    const last = this.#last.get(session);
    return last === undefined ? undefined : last.order + 1;
  }
}

/** Something that is not as in an unbroken run. */
export interface Break {
  readonly what: "lost" | "doubled" | "unknown" | "head" | "tail" | "error";
  /** Frames, where they can be counted. */
  readonly count: number;
  readonly text: string;
}

/** Follows the frames that one connection, or one of its tracks, gets. */
export class RunJudge {
  frames = 0;
  readonly #ledger: Ledger;
  readonly #by: "order" | "index";
  readonly #tell: (one: Break) => void;
  #last: Sent | undefined;

  constructor(ledger: Ledger, by: "order" | "index", tell: (one: Break) => void) {
    this.#ledger = ledger;
    this.#by = by;
    this.#tell = tell;
  }

  /** What comes next need not continue. */
  forget(): void {
    this.#last = undefined;
  }

  push(hash: string): void {
    const sent = this.#ledger.find(hash);
    if (sent === undefined) {
      this.#tell({ what: "unknown", count: 1, text: "a frame that nobody sent" });
      return;
    }
    this.frames += 1;
    const last = this.#last;
    this.#last = sent;
    if (last === undefined) {
      return;
    }
    if (last.session === sent.session) {
      this.#within(last[this.#by], sent[this.#by]);
    } else {
      this.#across(last, sent);
    }
  }

  #within(last: number, now: number): void {
    if (now > last + 1) {
      this.#tell({ what: "lost", count: now - last - 1, text: `${now} after ${last}` });
    } else if (now <= last) {
      this.#tell({ what: "doubled", count: 1, text: `${now} after ${last}` });
    }
  }

  #across(last: Sent, now: Sent): void {
    if (now.session < last.session) {
      this.#tell({ what: "doubled", count: 1, text: "a frame of an earlier publish" });
      return;
    }
    const length = this.#ledger.lengthOf(last.session);
    if (this.#by === "order" && length !== undefined && last.order + 1 < length) {
      const text = `${last.order} was the last of ${length}`;
      this.#tell({ what: "tail", count: length - last.order - 1, text });
    }
    if (now[this.#by] > 0) {
      this.#tell({ what: "head", count: now[this.#by], text: `begins with ${now[this.#by]}` });
    }
  }
}
