/** What transport streams carry, against what was put in. */
import assert from "node:assert/strict";
import { type KeptFrame, splitNalLengths } from "./mux-source.ts";
import { splitAdts, splitAnnexB, type TsCheck } from "./ts-check.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** What was put in, unit by unit, without what the container adds. */
export function assertVideoPayload(
  judge: TsCheck,
  frames: readonly KeptFrame[],
  isAvc: boolean,
): void {
  const added = isAvc ? [7, 8, 9] : [32, 33, 34, 35];
  const typeOf = (unit: Uint8Array) => (isAvc ? (unit[0] ?? 0) & 31 : ((unit[0] ?? 0) >> 1) & 63);
  const strip = (units: Uint8Array[]) =>
    units.filter((unit) => !added.includes(typeOf(unit))).map(hex);
  const video = judge.pes.filter((one) => one.pid === 0x1_00);
  assert.equal(video.length, frames.length);
  for (const [index, frame] of frames.entries()) {
    const pes = video[index];
    assert.ok(pes);
    const units = splitAnnexB(pes.data);
    assert.deepEqual(strip(units), strip(splitNalLengths(frame.data)), `frame ${index}`);
    assert.equal(typeOf(units[0] ?? new Uint8Array(0)), isAvc ? 9 : 35, "no delimiter first");
    assert.equal(pes.isRandomAccess, frame.isKeyframe);
    assert.deepEqual([pes.dts, pes.pts], [frame.dtsMs * 90, frame.ptsMs * 90]);
    assert.equal(pes.pcr, pes.dts);
    const types = units.map(typeOf);
    const sets = isAvc ? [7, 8] : [32, 33, 34];
    assert.ok(!frame.isKeyframe || sets.every((set) => types.includes(set)), "no parameter sets");
  }
}

/** Every audio frame's bytes. */
export function assertAudioPayload(
  judge: TsCheck,
  frames: readonly KeptFrame[],
  isAdts: boolean,
): void {
  const audio = judge.pes.filter((one) => one.pid === 0x1_01);
  const got = audio.flatMap((one) => (isAdts ? splitAdts(one.data) : [one.data])).map(hex);
  const sent = frames.map((frame) => hex(frame.data));
  assert.deepEqual(isAdts ? got : got.join(""), isAdts ? sent : sent.join(""));
}
