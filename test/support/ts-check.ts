/**
 * Transport streams read with code of the tests' own: packets, tables, PES packets, and every rule broken.
 *
 * Spec: ISO/IEC 13818-1.
 */
import { PcrCheck, type PcrCheckOptions } from "./pcr-check.ts";
import { byteAt, crc32, hasPcrOf, pcrAt, pidAt, timeDistance, timestampAt } from "./ts-bytes.ts";

const PACKET_BYTES = 188;
/** 90 kHz. */
const SECOND = 90_000;

/** One PES packet. Times are as sent: 33 bits of 90 kHz. */
export interface Pes {
  readonly pid: number;
  readonly streamType: number;
  readonly pts: number;
  readonly dts: number;
  readonly pcr: number | null;
  readonly isRandomAccess: boolean;
  readonly isDiscontinuity: boolean;
  /** Index of its first packet. */
  readonly packet: number;
  readonly data: Uint8Array;
}

interface Open {
  readonly head: Omit<Pes, "data">;
  readonly pieces: Uint8Array[];
  /** PES_packet_length's data; 0 when it says nothing. */
  readonly announced: number;
}

export interface TsCheckOptions extends PcrCheckOptions {
  /** PAT and PMT at least this often, by the time of PES packets. */
  readonly tablesMsMax?: number;
}

/** Reads a stream piece by piece; pieces are whole packets. */
export class TsCheck {
  readonly errors: string[] = [];
  readonly pes: Pes[] = [];
  /** All versions of the program map, as [type, pid] rows. */
  readonly maps: { version: number; streams: Map<number, number>; pcrPid: number }[] = [];
  packets = 0;
  tables = 0;
  /** Packets that announce a step. */
  steps = 0;
  readonly clock: PcrCheck;
  /** Times at which the 33-bit clock went round. */
  wraps = 0;
  readonly #tablesMsMax: number;
  readonly #counters = new Map<number, number>();
  readonly #open = new Map<number, Open>();
  readonly #lastDts = new Map<number, number>();
  #pmtPid = -1;
  #lastTables = Number.NaN;

  constructor(options: TsCheckOptions = {}) {
    this.#tablesMsMax = options.tablesMsMax ?? 1500;
    this.clock = new PcrCheck(options);
  }

  /** The current program map's streams: pid to stream type. */
  get streams(): Map<number, number> {
    return this.maps.at(-1)?.streams ?? new Map<number, number>();
  }

  /** Reads a segment of HLS: it must begin with tables, and its first video must be a keyframe. */
  pushSegment(bytes: Uint8Array): void {
    const before = this.pes.length;
    if (pidAt(bytes, 0) !== 0 || pidAt(bytes, PACKET_BYTES) !== this.#pmtPidOr(bytes)) {
      this.#fail("a segment begins without PAT and PMT");
    }
    this.push(bytes);
    this.finish();
    const video = this.pes.slice(before).find((one) => isVideoType(one.streamType));
    if (video !== undefined && !video.isRandomAccess) {
      this.#fail("a segment's first video frame is no keyframe");
    }
  }

  push(bytes: Uint8Array): void {
    if (bytes.length % PACKET_BYTES !== 0) {
      this.#fail(`${bytes.length} bytes are no whole packets`);
    }
    for (let at = 0; at + PACKET_BYTES <= bytes.length; at += PACKET_BYTES) {
      this.#packet(bytes.subarray(at, at + PACKET_BYTES));
      this.packets += 1;
    }
  }

  /** What follows need not continue: EXT-X-DISCONTINUITY, or a segment that was left out. */
  restart(): void {
    this.finish();
    this.#counters.clear();
    this.#lastDts.clear();
    this.#lastTables = Number.NaN;
    this.clock.forget();
  }

  /** No more packets, for now: what is open is whole. */
  finish(): void {
    for (const pid of [...this.#open.keys()]) {
      this.#closePes(pid);
    }
  }

  #pmtPidOr(bytes: Uint8Array): number {
    return this.#pmtPid >= 0 ? this.#pmtPid : (byteAt(bytes, 15) & 0x1f) * 256 + byteAt(bytes, 16);
  }

  #fail(text: string): void {
    this.errors.push(`packet ${this.packets}: ${text}`);
  }

  #packet(bytes: Uint8Array): void {
    if (bytes[0] !== 0x47) {
      this.#fail("no sync byte");
      return;
    }
    const flags = bytes[1] ?? 0;
    const pid = pidAt(bytes, 0);
    const control = (byteAt(bytes, 3) >> 4) & 3;
    const counter = byteAt(bytes, 3) & 15;
    if (control === 2 && bytes[4] === PACKET_BYTES - 5) {
      this.#withoutPayload(pid, counter, bytes.subarray(4));
      return;
    }
    if ((flags & 0x80) !== 0 || byteAt(bytes, 3) >> 6 !== 0 || (control & 1) === 0) {
      this.#fail("error, scrambled, or without payload");
    }
    const expected = this.#counters.get(pid);
    if (expected !== undefined && counter !== expected) {
      this.#fail(`continuity of pid ${pid}: ${counter} instead of ${expected}`);
    }
    this.#counters.set(pid, (counter + 1) & 15);
    const fieldBytes = (control & 2) === 0 ? 0 : 1 + byteAt(bytes, 4);
    if (4 + fieldBytes > PACKET_BYTES - 1) {
      this.#fail(`adaptation field of ${fieldBytes} bytes leaves no payload`);
    }
    const field = bytes.subarray(4, 4 + fieldBytes);
    this.#field(pid, field);
    const payload = bytes.subarray(4 + fieldBytes);
    const isStart = (flags & 0x40) !== 0;
    if (pid === 0 || pid === this.#pmtPid) {
      this.#section(pid, payload, isStart);
    } else {
      this.#media(pid, { payload, isStart, field });
    }
  }

  /** A packet that is all adaptation field: it has the clock, or says that counters and clock make a step, or both. */
  #withoutPayload(pid: number, counter: number, field: Uint8Array): void {
    const isStep = (byteAt(field, 1) & 0x80) !== 0;
    const hasPcr = hasPcrOf(field);
    if (!(isStep || hasPcr)) {
      this.#fail("a packet that says nothing");
    }
    const expected = this.#counters.get(pid);
    // It has the number of the packet before it; a step alone may be to any number.
    if (hasPcr && expected !== undefined && ((counter + 1) & 15) !== expected) {
      this.#fail(`continuity of pid ${pid}: ${counter} without payload before ${expected}`);
    }
    this.#counters.set(pid, (counter + 1) & 15);
    if (isStep && !hasPcr) {
      this.steps += 1;
      this.#closePes(pid);
      this.#lastTables = Number.NaN;
      this.clock.forget();
    }
    if (isStep) {
      this.#lastDts.delete(pid);
    }
    this.#field(pid, field);
  }

  #field(pid: number, field: Uint8Array): void {
    if (field.length < 2) {
      return;
    }
    const hasPcr = hasPcrOf(field);
    if (hasPcr) {
      this.#pcr(pid, pcrAt(field), (byteAt(field, 1) & 0x80) !== 0);
    }
    for (const byte of field.subarray(hasPcr ? 8 : 2)) {
      if (byte !== 0xff) {
        this.#fail("stuffing that is not ff");
        return;
      }
    }
  }

  #section(pid: number, payload: Uint8Array, isStart: boolean): void {
    this.tables += 1;
    const table = payload.subarray(1 + byteAt(payload, 0));
    const length = ((byteAt(table, 1) & 15) << 8) | byteAt(table, 2);
    if (!isStart || crc32(table.subarray(0, 3 + length)) !== 0) {
      this.#fail(`broken table on pid ${pid}`);
      return;
    }
    const body = table.subarray(8, 3 + length - 4);
    if (pid === 0) {
      this.#pmtPid = ((byteAt(body, 2) & 31) << 8) | byteAt(body, 3);
      return;
    }
    this.#lastTables = Number.NaN;
    const version = (byteAt(table, 5) >> 1) & 31;
    const streams = new Map<number, number>();
    for (let at = 4; at + 5 <= body.length; at += 5) {
      streams.set(((byteAt(body, at + 1) & 31) << 8) | byteAt(body, at + 2), body[at] ?? 0);
    }
    const pcrPid = ((byteAt(body, 0) & 31) << 8) | byteAt(body, 1);
    const last = this.maps.at(-1);
    const isSame = JSON.stringify([...streams]) === JSON.stringify([...(last?.streams ?? [])]);
    if (last === undefined || last.version !== version) {
      this.maps.push({ version, streams, pcrPid });
    } else if (!isSame) {
      this.#fail("the program map changed without a new version");
    }
  }

  #media(
    pid: number,
    part: { readonly payload: Uint8Array; readonly isStart: boolean; readonly field: Uint8Array },
  ): void {
    const streamType = this.streams.get(pid);
    if (streamType === undefined) {
      this.#fail(`pid ${pid} is in no program map`);
      return;
    }
    const open = this.#open.get(pid);
    if (!part.isStart) {
      if (open === undefined) {
        this.#fail(`pid ${pid} goes on without a beginning`);
      }
      open?.pieces.push(part.payload);
      return;
    }
    this.#closePes(pid);
    this.#openPes(pid, streamType, part);
  }

  #openPes(
    pid: number,
    streamType: number,
    { payload, field }: { readonly payload: Uint8Array; readonly field: Uint8Array },
  ): void {
    const [a, b, c, streamId = 0] = payload;
    const flags = byteAt(payload, 7);
    const headBytes = byteAt(payload, 8);
    const isVideo = isVideoType(streamType);
    if (a !== 0 || b !== 0 || c !== 1 || streamId !== (isVideo ? 0xe0 : 0xc0)) {
      this.#fail(`pid ${pid}: no PES packet`);
      return;
    }
    const pts = timestampAt(payload, 9);
    const dts = (flags & 0x40) === 0 ? pts : timestampAt(payload, 14);
    const pcr = hasPcrOf(field) ? pcrAt(field) : null;
    const head = {
      ...{ pid, streamType, pts, dts, pcr },
      isRandomAccess: (byteAt(field, 1) & 0x40) !== 0,
      isDiscontinuity: (byteAt(field, 1) & 0x80) !== 0,
      packet: this.packets,
    };
    this.#times(head);
    const said = (byteAt(payload, 4) << 8) | byteAt(payload, 5);
    const announced = said === 0 ? 0 : said - 3 - headBytes;
    if (said === 0 && !isVideo) {
      this.#fail("audio without a PES length");
    }
    this.#open.set(pid, { head, pieces: [payload.subarray(9 + headBytes)], announced });
  }

  #times(head: Omit<Pes, "data">): void {
    const { pid, dts, pts, pcr, isDiscontinuity } = head;
    const last = this.#lastDts.get(pid);
    this.#lastDts.set(pid, dts);
    if (timeDistance(dts, pts) < 0) {
      this.#fail(`pts ${pts} before dts ${dts}`);
    }
    if (pcr !== null && timeDistance(pcr, dts) < 0) {
      this.#fail("PCR after dts");
    }
    if (isDiscontinuity) {
      this.#lastTables = dts;
      this.clock.forgetTracks();
    } else if (last !== undefined) {
      if (timeDistance(last, dts) < 0) {
        this.#fail(`dts of pid ${pid} goes back from ${last} to ${dts}`);
      }
      this.wraps += dts < last && timeDistance(last, dts) >= 0 ? 1 : 0;
    }
    if (Number.isNaN(this.#lastTables)) {
      this.#lastTables = dts;
    } else if (timeDistance(this.#lastTables, dts) > (this.#tablesMsMax * SECOND) / 1000) {
      this.#fail(`no tables for ${timeDistance(this.#lastTables, dts) / 90} ms`);
    }
    this.#note(this.clock.judge(pid, dts));
  }

  #pcr(pid: number, pcr: number, isStep: boolean): void {
    if (pid !== this.maps.at(-1)?.pcrPid) {
      this.#fail(`PCR on pid ${pid}`);
    }
    this.#note(this.clock.push(pcr, isStep));
  }

  #note(error: string | null): void {
    if (error !== null) {
      this.#fail(error);
    }
  }

  #closePes(pid: number): void {
    const open = this.#open.get(pid);
    if (open === undefined) {
      return;
    }
    this.#open.delete(pid);
    const data = Buffer.concat(open.pieces);
    if (open.announced !== 0 && open.announced !== data.length) {
      this.#fail(`PES of ${data.length} bytes announced ${open.announced}`);
    }
    this.pes.push({ ...open.head, data });
  }
}

function isVideoType(streamType: number): boolean {
  return streamType === 0x1b || streamType === 0x24;
}

/** NAL units of a byte stream, start codes of three or four bytes. */
export function splitAnnexB(data: Uint8Array): Uint8Array[] {
  const starts: number[] = [];
  for (let at = 0; at + 2 < data.length; at += 1) {
    if (data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1) {
      starts.push(at + 3);
    }
  }
  return starts.map((start, index) => {
    const next = starts[index + 1];
    let end = next === undefined ? data.length : next - 3;
    while (next !== undefined && data[end - 1] === 0) {
      end -= 1;
    }
    return data.subarray(start, end);
  });
}

/** Frames of an ADTS stream without their headers. @throws Error where a header is none. */
export function splitAdts(data: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < data.length; ) {
    const [a = 0, b = 0, , d = 0, e = 0, f = 0] = data.subarray(at, at + 7);
    const length = ((d & 3) << 11) | (e << 3) | (f >> 5);
    if (a !== 0xff || b !== 0xf1 || length <= 7 || at + length > data.length) {
      throw new Error(`no ADTS header at ${at}`);
    }
    frames.push(data.subarray(at + 7, at + length));
    at += length;
  }
  return frames;
}

/** The same of a body that may end inside a frame. */
export function splitWholeAdts(data: Uint8Array): Uint8Array[] {
  let end = 0;
  while (end + 7 <= data.length) {
    const length =
      ((byteAt(data, end + 3) & 3) << 11) |
      (byteAt(data, end + 4) << 3) |
      (byteAt(data, end + 5) >> 5);
    if (length <= 7 || end + length > data.length) {
      break;
    }
    end += length;
  }
  return splitAdts(data.subarray(0, end));
}
