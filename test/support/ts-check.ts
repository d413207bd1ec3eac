/**
 * Transport streams read with code of the tests' own: packets, tables, PES packets, and every rule broken.
 *
 * Spec: ISO/IEC 13818-1.
 */

const PACKET_BYTES = 188;
const WRAP = 2 ** 33;
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

/** Distance of two 33-bit times, the shorter way round. */
function timeDistance(from: number, to: number): number {
  const ahead = (((to - from) % WRAP) + WRAP) % WRAP;
  return ahead > WRAP / 2 ? ahead - WRAP : ahead;
}

export interface TsCheckOptions {
  /** PAT and PMT at least this often, by the time of PES packets. */
  readonly tablesMsMax?: number;
  /** PCR at least this often. */
  readonly pcrMsMax?: number;
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
  /** Times at which the 33-bit clock went round. */
  wraps = 0;
  readonly #options: Required<TsCheckOptions>;
  readonly #counters = new Map<number, number>();
  readonly #open = new Map<number, Open>();
  readonly #lastDts = new Map<number, number>();
  #pmtPid = -1;
  #lastTables = Number.NaN;
  #lastPcr = Number.NaN;

  constructor(options: TsCheckOptions = {}) {
    this.#options = { tablesMsMax: 1500, pcrMsMax: 1000, ...options };
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
    this.#lastPcr = Number.NaN;
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
    if (control === 2 && bytes[4] === PACKET_BYTES - 5 && (byteAt(bytes, 5) & 0x80) !== 0) {
      this.#step(pid, counter, bytes.subarray(4));
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
    this.#field(field);
    const payload = bytes.subarray(4 + fieldBytes);
    const isStart = (flags & 0x40) !== 0;
    if (pid === 0 || pid === this.#pmtPid) {
      this.#section(pid, payload, isStart);
    } else {
      this.#media(pid, { payload, isStart, field });
    }
  }

  /** A packet without payload that says that counters and clock make a step: what follows counts on from it. */
  #step(pid: number, counter: number, field: Uint8Array): void {
    this.steps += 1;
    this.#field(field);
    this.#closePes(pid);
    this.#counters.set(pid, (counter + 1) & 15);
    this.#lastTables = Number.NaN;
    this.#lastPcr = Number.NaN;
  }

  #field(field: Uint8Array): void {
    if (field.length < 2) {
      return;
    }
    const pcrBytes = (byteAt(field, 1) & 0x10) === 0 ? 0 : 6;
    for (const byte of field.subarray(2 + pcrBytes)) {
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
    const hasPcr = field.length > 7 && (byteAt(field, 1) & 0x10) !== 0;
    const pcr = hasPcr ? pcrAt(field) : null;
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
    if (isDiscontinuity) {
      this.#lastTables = dts;
      this.#lastPcr = Number.NaN;
    } else if (last !== undefined) {
      if (timeDistance(last, dts) < 0) {
        this.#fail(`dts of pid ${pid} goes back from ${last} to ${dts}`);
      }
      this.wraps += dts < last && timeDistance(last, dts) >= 0 ? 1 : 0;
    }
    if (Number.isNaN(this.#lastTables)) {
      this.#lastTables = dts;
    } else if (timeDistance(this.#lastTables, dts) > (this.#options.tablesMsMax * SECOND) / 1000) {
      this.#fail(`no tables for ${timeDistance(this.#lastTables, dts) / 90} ms`);
    }
    this.#pcr(pid, pcr, dts);
  }

  #pcr(pid: number, pcr: number | null, dts: number): void {
    if (pcr === null) {
      return;
    }
    if (pid !== this.maps.at(-1)?.pcrPid) {
      this.#fail(`PCR on pid ${pid}`);
    }
    if (timeDistance(pcr, dts) < 0) {
      this.#fail("PCR after dts");
    }
    const since = timeDistance(this.#lastPcr, pcr);
    if (since < 0 || since > (this.#options.pcrMsMax * SECOND) / 1000) {
      this.#fail(`${since / 90} ms from PCR to PCR`);
    }
    this.#lastPcr = pcr;
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

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function pidAt(bytes: Uint8Array, at: number): number {
  return ((byteAt(bytes, at + 1) & 0x1f) << 8) | byteAt(bytes, at + 2);
}

function timestampAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(at, at + 5);
  if ((a & 1) !== 1 || (c & 1) !== 1 || (e & 1) !== 1) {
    throw new Error("a timestamp without its marker bits");
  }
  return ((a >> 1) & 7) * 2 ** 30 + ((b << 22) | ((c >> 1) << 15) | (d << 7) | (e >> 1));
}

function pcrAt(field: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = field.subarray(2, 7);
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) * 2 + (e >> 7);
}

/** 0 over a table with its own checksum. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const isOdd = ((crc >>> 31) ^ ((byte >> bit) & 1)) === 1;
      crc = ((crc << 1) ^ (isOdd ? 0x04_c1_1d_b7 : 0)) >>> 0;
    }
  }
  return crc;
}
