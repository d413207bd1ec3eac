/**
 * What someone needs who begins to read a transport stream in its middle, or goes on at a later place of it: the tables,
 * and a word about counters that jump. Nothing of it disturbs the counters of what follows.
 *
 * Spec: ISO/IEC 13818-1 §2.4.3.3 (continuity_counter), §2.4.3.5 (discontinuity_indicator).
 */
import { type PacketBuffer, TS_PACKET_BYTES } from "./packet-buffer.ts";
import { TsPid } from "./tables.ts";

/** A place between two packets of a stream. **Memory**: owned by the caller and reused. */
export class TsPlace {
  pat: Uint8Array = new Uint8Array(0);
  /** Empty while no map was ever made. */
  pmt: Uint8Array = new Uint8Array(0);
  /** continuity_counter of the next packet of each PID, 0–15. */
  patCounter = 0;
  pmtCounter = 0;
  videoCounter = 0;
  audioCounter = 0;
}

const ADAPTATION_ONLY = 0x20;
const PAYLOAD_ONLY = 0x10;
const DISCONTINUITY = 0x80;
const FIELD_BYTES = TS_PACKET_BYTES - 5;

/**
 * Append the tables as they are at `place`, numbered so that the next ones follow them.
 *
 * **Shape**: two packets; none while no map was made.
 */
export function writeJoin(place: TsPlace, target: PacketBuffer): void {
  if (place.pmt.length === 0) {
    return;
  }
  const start = target.reserve(2);
  target.bytes.set(place.pat, start);
  target.bytes[start + 3] = PAYLOAD_ONLY | before(place.patCounter);
  target.bytes.set(place.pmt, start + TS_PACKET_BYTES);
  target.bytes[start + TS_PACKET_BYTES + 3] = PAYLOAD_ONLY | before(place.pmtCounter);
}

/**
 * Append, for a reader that left out what came before `place`, a packet without payload on each PID that says that
 * counters and clock make a step, then the tables.
 *
 * **Shape**: six packets.
 */
export function writeSkip(place: TsPlace, target: PacketBuffer): void {
  writeStep(TsPid.Pat, place.patCounter - 1, target);
  writeStep(TsPid.Pmt, place.pmtCounter - 1, target);
  writeStep(TsPid.Video, place.videoCounter, target);
  writeStep(TsPid.Audio, place.audioCounter, target);
  writeJoin(place, target);
}

/** A packet without payload has the number of the one before what follows it. */
function writeStep(pid: number, next: number, target: PacketBuffer): void {
  const start = target.reserve(1);
  const { bytes } = target;
  bytes[start] = 0x47;
  bytes[start + 1] = pid >> 8;
  bytes[start + 2] = pid;
  bytes[start + 3] = ADAPTATION_ONLY | before(next);
  bytes[start + 4] = FIELD_BYTES;
  bytes[start + 5] = DISCONTINUITY;
  bytes.fill(0xff, start + 6, start + TS_PACKET_BYTES);
}

function before(counter: number): number {
  return (counter - 1) & 15;
}
