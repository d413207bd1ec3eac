/** Any PES packet, cut into transport packets, is read back as it was. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PacketBuffer, TS_PACKET_BYTES } from "../../../src/protocol/mpegts/packet-buffer.ts";
import {
  closePes,
  openPes,
  PesHead,
  wrapTime90k,
  writeClockPacket,
} from "../../../src/protocol/mpegts/pes-packets.ts";
import { encodePat, encodePmt, TsStreamType } from "../../../src/protocol/mpegts/tables.ts";
import { TsCheck } from "../../support/ts-check.ts";

const LIMIT = { timeout: 20_000 };
const MAP = { video: TsStreamType.Avc, audio: TsStreamType.AdtsAac, version: 0 };

function writePes(head: PesHead, data: Uint8Array): Uint8Array {
  const target = new PacketBuffer(1);
  const at = openPes(target, head, data.length);
  target.bytes.set(data, at);
  head.counter = closePes(target, head, data.length);
  return target.take();
}

function makeHead(over: Partial<PesHead>): PesHead {
  return Object.assign(new PesHead(), { pid: 0x1_00, streamId: 0xe0 }, over);
}

describe("PES packets", () => {
  test("every size from 0 to 1200 bytes, with each adaptation field", LIMIT, () => {
    for (const [hasPcr, isRandomAccess] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      const judge = new TsCheck({ pcrMsMax: 1e9, tablesMsMax: 1e9 });
      judge.push(encodePat());
      judge.push(encodePmt(MAP));
      const head = makeHead({ hasPcr, isRandomAccess });
      for (let size = 0; size <= 1200; size += 1) {
        head.dts90k = size * 3600;
        head.pts90k = head.dts90k + (size % 3) * 3600;
        const data = Uint8Array.from({ length: size }, (_, index) => (index * 7 + size) & 255);
        const bytes = writePes(head, data);
        assert.ok(
          bytes.length - size <= TS_PACKET_BYTES + 19 + 4 * (bytes.length / TS_PACKET_BYTES) + 8,
        );
        judge.push(bytes);
        judge.finish();
        const pes = judge.pes.at(-1);
        assert.deepEqual(judge.errors, [], `size ${size}`);
        assert.ok(Buffer.from(data).equals(pes?.data ?? Buffer.alloc(0)), `size ${size}`);
        assert.deepEqual([pes?.pts, pes?.dts], [head.pts90k, head.dts90k]);
        assert.equal(pes?.pcr, hasPcr ? head.dts90k : null);
        assert.equal(pes?.isRandomAccess, isRandomAccess);
      }
    }
  });

  test("any time, beyond 33 bits and below zero", LIMIT, () => {
    const time = fc.integer({ min: -(2 ** 34), max: 2 ** 45 });
    fc.assert(
      fc.property(
        time,
        fc.integer({ min: 0, max: 900_000 }),
        fc.boolean(),
        (dts, offset, hasPcr) => {
          const judge = new TsCheck();
          judge.push(encodePat());
          judge.push(encodePmt(MAP));
          const head = makeHead({ dts90k: dts, pts90k: dts + offset, hasPcr, counter: 9 });
          judge.push(writePes(head, new Uint8Array(400)));
          judge.finish();
          assert.deepEqual(judge.errors, []);
          const pes = judge.pes[0];
          const modulus = 2n ** 33n;
          const wrap = (value: number) => Number(((BigInt(value) % modulus) + modulus) % modulus);
          assert.deepEqual([pes?.dts, pes?.pts], [wrap(dts), wrap(dts + offset)]);
          assert.equal(pes?.pcr ?? wrap(dts), wrap(dts));
          assert.equal(wrapTime90k(dts), wrap(dts));
        },
      ),
      { examples: [[-(2 ** 33), 0, false]] },
    );
  });

  test("a length that 16 bits do not hold is left out", LIMIT, () => {
    const judge = new TsCheck();
    judge.push(encodePat());
    judge.push(encodePmt(MAP));
    const head = makeHead({ hasPcr: true });
    const data = new Uint8Array(300_000).fill(0xa5);
    const bytes = writePes(head, data);
    judge.push(bytes);
    judge.finish();
    assert.deepEqual(judge.errors, []);
    assert.equal(judge.pes[0]?.data.length, data.length);
    assert.equal(
      bytes.subarray(16, 18).every((byte) => byte === 0),
      true,
    );
    assert.equal(head.counter, (bytes.length / TS_PACKET_BYTES) & 15);
  });
});

describe("the judge of transport streams", () => {
  const stream = (stepMs = 40): Uint8Array[] => {
    const head = makeHead({ hasPcr: true });
    const pieces = [encodePat(), encodePmt(MAP)];
    for (let frame = 0; frame < 5; frame += 1) {
      head.dts90k = frame * stepMs * 90;
      head.pts90k = head.dts90k;
      pieces.push(writePes(head, new Uint8Array(1000).fill(frame)));
    }
    return pieces;
  };
  const errorsOf = (pieces: readonly Uint8Array[]): string[] => {
    const judge = new TsCheck();
    for (const piece of pieces) {
      judge.push(piece);
    }
    judge.finish();
    return judge.errors;
  };

  test("finds what is broken", LIMIT, () => {
    assert.deepEqual(errorsOf(stream()), []);
    const lost = stream();
    lost.splice(3, 1);
    assert.match(errorsOf(lost).join(), /continuity/);
    const cut = stream().map((piece) => (piece.length > 188 ? piece.subarray(0, -188) : piece));
    assert.match(errorsOf(cut).join(), /announced/);
    const swapped = stream();
    swapped.splice(3, 0, ...swapped.splice(4, 1));
    assert.match(errorsOf(swapped).join(), /goes back/);
    const damaged = stream();
    (damaged[1] ?? new Uint8Array(0))[20] = 0;
    assert.match(errorsOf(damaged).join(), /broken table/);
    assert.match(errorsOf(stream().slice(2)).join(), /no program map/);
    assert.match(errorsOf(stream(120)).join(), /120 ms from PCR to PCR/);
    const sound = makeHead({ pid: 0x1_01, streamId: 0xc0 });
    const silent = [0, 60, 120].map((ms) => {
      sound.dts90k = ms * 90;
      sound.pts90k = sound.dts90k;
      return writePes(sound, new Uint8Array(9));
    });
    const paused = [...stream().slice(0, 3), ...silent];
    assert.match(errorsOf(paused).join(), /no PCR for 120 ms of pid 257/);
    const clock = makeHead({ counter: 6 });
    const packet = new PacketBuffer(1);
    writeClockPacket(packet, clock, 100 * 90);
    const told = packet.take();
    assert.deepEqual(errorsOf([...paused.slice(0, -1), told, ...paused.slice(-1)]), []);
    const counted = told.slice();
    counted[3] = 0x29;
    assert.match(errorsOf([...stream().slice(0, 3), counted]).join(), /continuity .* without/);
    const late = [...paused.slice(0, -1), told, ...stream().slice(3, 4)];
    assert.match(errorsOf(late).join(), /-60 ms from PCR to PCR/);
  });
});
