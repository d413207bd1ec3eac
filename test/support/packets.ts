/** Packets as ffprobe sees them, and what must be true of those that came through a server. */
import assert from "node:assert/strict";
import { runCommand } from "./process.ts";

/** One packet of a clip or a live stream, headers not counted. */
export interface Packet {
  readonly kind: "audio" | "video";
  /** Milliseconds, as FLV and RTMP carry them. */
  readonly pts: number;
  readonly dts: number;
  readonly size: number;
  readonly isKey: boolean;
  /** MD5 of the payload. */
  readonly hash: string;
}

interface ProbedPacket {
  readonly codec_type: string;
  readonly pts?: number;
  readonly dts?: number;
  readonly size: string;
  readonly flags: string;
  readonly data_hash: string;
}

export interface ProbeOptions {
  readonly timeoutMs: number;
  /** Stop after this much media time; all of it otherwise. */
  readonly seconds?: number;
}

/** Audio and video packets of a file or a live URL, in the order they came. */
export async function probePackets(source: string, options: ProbeOptions): Promise<Packet[]> {
  const interval = options.seconds === undefined ? [] : ["-read_intervals", `%+${options.seconds}`];
  const result = await runCommand(
    "ffprobe",
    [
      ...["-v", "error", ...interval, "-show_data_hash", "md5", "-of", "json"],
      ...["-show_entries", "packet=codec_type,pts,dts,size,flags,data_hash", source],
    ],
    { timeoutMs: options.timeoutMs },
  );
  assert.equal(result.code, 0, `ffprobe ${source}: ${result.stderr.slice(-2000)}`);
  const probed = JSON.parse(result.stdout) as { packets?: ProbedPacket[] };
  return (probed.packets ?? []).flatMap((packet) => decodePacket(packet));
}

function decodePacket(packet: ProbedPacket): Packet[] {
  const { codec_type: kind, pts, dts } = packet;
  if ((kind !== "audio" && kind !== "video") || pts === undefined || dts === undefined) {
    return [];
  }
  const isKey = packet.flags.startsWith("K");
  return [{ kind, pts, dts, size: Number(packet.size), isKey, hash: packet.data_hash }];
}

/** The packets of one kind. */
export function ofKind(packets: readonly Packet[], kind: Packet["kind"]): Packet[] {
  return packets.filter((packet) => packet.kind === kind);
}

export interface PassedOptions {
  /** At least so many packets of each kind of the source must have come. */
  readonly countMin: number;
  /** Milliseconds a timestamp may be off (peers that keep time in other units); 0 by default. */
  readonly tolerance?: number;
  /** The receiver must have got the source's last packets too. */
  readonly toEnd?: boolean;
}

/**
 * Asserts that what came in comes out: for each kind of the source, `received` is a run of the source's packets
 * without a gap (same bytes, same size, same distances of pts and dts), the video's first a keyframe,
 * and all of it shifted in time by one and the same amount.
 */
export function assertPassed(
  source: readonly Packet[],
  received: readonly Packet[],
  options: PassedOptions,
): void {
  const tolerance = options.tolerance ?? 0;
  let shift: number | undefined;
  for (const kind of ["video", "audio"] as const) {
    const sent = ofKind(source, kind);
    const got = ofKind(received, kind);
    if (sent.length === 0) {
      assert.equal(got.length, 0, `${kind} packets out of nothing`);
      continue;
    }
    assert.ok(got.length >= options.countMin, `only ${got.length} ${kind} packets came`);
    const start = sent.findIndex((packet) => packet.hash === got[0]?.hash);
    assert.ok(start >= 0, `the first ${kind} packet that came is none of the source's`);
    assert.ok(kind === "audio" || got[0]?.isKey, "the first video packet is no keyframe");
    shift ??= (got[0]?.dts ?? 0) - (sent[start]?.dts ?? 0);
    assertRun(sent.slice(start), got, { kind, shift, tolerance });
    if (options.toEnd === true) {
      assert.equal(got.length, sent.length - start, `${kind}: the end is missing`);
    }
  }
}

function assertRun(
  sent: readonly Packet[],
  got: readonly Packet[],
  { kind, shift, tolerance }: { kind: string; shift: number; tolerance: number },
): void {
  for (const [index, packet] of got.entries()) {
    const wanted = sent[index];
    const where = `${kind} packet ${index} of ${got.length} that came`;
    assert.ok(wanted, `${where} is after the source's end`);
    assert.equal(packet.hash, wanted.hash, `${where}: lost, doubled or changed`);
    assert.equal(packet.size, wanted.size, `${where}: size`);
    assert.equal(packet.isKey, wanted.isKey, `${where}: keyframe flag`);
    const offBy = Math.abs(packet.dts - shift - wanted.dts);
    assert.ok(offBy <= tolerance, `${where}: dts off by ${offBy} ms`);
    const ptsOffBy = Math.abs(packet.pts - shift - wanted.pts);
    assert.ok(ptsOffBy <= tolerance, `${where}: pts off by ${ptsOffBy} ms`);
  }
}
