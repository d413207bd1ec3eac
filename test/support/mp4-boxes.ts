/** Boxes of an MP4 file, read with code of the tests' own. */

const CONTAINERS = new Set([
  "moov",
  "trak",
  "mdia",
  "minf",
  "stbl",
  "dinf",
  "mvex",
  "moof",
  "traf",
]);

export interface Box {
  /** Names from the outermost on, e.g. `moof/traf/trun`. */
  readonly path: string;
  readonly body: Buffer;
}

/** All boxes, depth first. @throws Error where a size does not fit. */
export function readBoxes(bytes: Uint8Array, parent = ""): Box[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const boxes: Box[] = [];
  for (let at = 0; at < buffer.length; ) {
    const size = buffer.readUInt32BE(at);
    const name = buffer.toString("latin1", at + 4, at + 8);
    if (size < 8 || at + size > buffer.length || !/^[\w ]{4}$/.test(name)) {
      throw new Error(`box ${parent}${name} of ${size} bytes at ${at}`);
    }
    const body = buffer.subarray(at + 8, at + size);
    boxes.push({ path: `${parent}${name}`, body });
    if (CONTAINERS.has(name)) {
      boxes.push(...readBoxes(body, `${parent}${name}/`));
    }
    at += size;
  }
  return boxes;
}

/** One track's run in a fragment. */
export interface Run {
  readonly trackId: number;
  readonly start: bigint;
  readonly samples: readonly {
    readonly duration: number;
    readonly isKey: boolean;
    readonly offset: number;
    readonly data: Buffer;
  }[];
}

/** The runs of a fragment that weir wrote: one per track. */
export function readRuns(fragment: Uint8Array): Run[] {
  const buffer = Buffer.from(fragment.buffer, fragment.byteOffset, fragment.length);
  const boxes = readBoxes(fragment);
  const bodies = (name: string) => boxes.filter((box) => box.path === name).map((box) => box.body);
  const heads = bodies("moof/traf/tfhd");
  const starts = bodies("moof/traf/tfdt");
  return bodies("moof/traf/trun").map((run, index) => {
    const flags = run.readUInt32BE(0) & 0xff_ff_ff;
    const count = run.readUInt32BE(4);
    let data = run.readInt32BE(8);
    let at = 12;
    const samples = Array.from({ length: count }, () => {
      const duration = run.readUInt32BE(at);
      const size = run.readUInt32BE(at + 4);
      at += 8;
      const isVideo = (flags & 0x4_00) !== 0;
      const isKey = !isVideo || (run.readUInt32BE(at) & 0x1_00_00) === 0;
      const offset = isVideo ? run.readInt32BE(at + 4) : 0;
      at += isVideo ? 8 : 0;
      data += size;
      return { duration, isKey, offset, data: buffer.subarray(data - size, data) };
    });
    if (at !== run.length) {
      throw new Error("a run with bytes left over");
    }
    const trackId = heads[index]?.readUInt32BE(4) ?? 0;
    return { trackId, start: starts[index]?.readBigUInt64BE(4) ?? -1n, samples };
  });
}
