import assert from "node:assert/strict";
import { test } from "node:test";
import { LimitError } from "../../../src/protocol/errors.ts";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import { bigEndian, chunk, collect, control, throwsCode } from "./chunk-wire.ts";

test("A2-07: 64 chunk streams are taken, the 65th is refused", () => {
  const decoder = new ChunkDecoder();
  for (let csid = 2; csid < 66; csid++) {
    assert.equal(collect(decoder, chunk({ fmt: 0, csid, type: 8 })).length, 1);
  }
  assert.equal(collect(decoder, chunk({ fmt: 3, csid: 2 })).length, 1);
  throwsCode(
    () => collect(decoder, chunk({ fmt: 0, csid: 66, type: 8 })),
    "ERR_RTMP_CHUNK_STREAMS",
    LimitError,
  );
});

test("A2-08: an announced length allocates nothing before its bytes arrive", () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 200 }, () => {
    const decoder = new ChunkDecoder({ identified: true });
    for (let csid = 3; csid < 11; csid++) {
      collect(decoder, chunk({ fmt: 0, csid, type: 9, length: 10_000_000, payload: [1] }));
      collect(decoder, new Uint8Array(127), Uint8Array.of());
    }
    return decoder;
  });
  const each = (process.memoryUsage().arrayBuffers - before) / decoders.length;
  assert.ok(each < 64 * 1024, `${each} bytes of buffers a connection`);
});

test("A2-09: partial messages of all chunk streams together are bounded", () => {
  const decoder = new ChunkDecoder();
  const piece = new Uint8Array(2_000_000);
  collect(decoder, control(1, bigEndian(2_000_000, 4)));
  for (let csid = 3; csid < 9; csid++) {
    collect(decoder, chunk({ fmt: 0, csid, type: 9, length: 9_000_000 }), piece);
  }
  throwsCode(
    () => collect(decoder, chunk({ fmt: 0, csid: 9, type: 9, length: 9_000_000 })),
    "ERR_RTMP_PARTIAL_BYTES",
    LimitError,
  );
});

const sizes: readonly (readonly [string, number, boolean, number])[] = [
  ["a command before publish or play", 20, false, 64 * 1024],
  ["a data message before publish or play", 18, false, 64 * 1024],
  ["a command once identified", 20, true, 1024 * 1024],
  ["a data message once identified", 15, true, 1024 * 1024],
  ["a shared object once identified", 19, true, 1024 * 1024],
  ["video before publish", 9, false, 10 * 1024 * 1024],
  ["audio", 8, true, 10 * 1024 * 1024],
  ["an aggregate", 22, true, 10 * 1024 * 1024],
];
for (const [what, type, identified, max] of sizes) {
  test(`A2-10: ${what} is at most ${max} bytes, seen on the header`, () => {
    const fits = chunk({ fmt: 0, csid: 4, type, length: max });
    assert.deepEqual(collect(new ChunkDecoder({ identified }), fits), []);
    throwsCode(
      () =>
        collect(
          new ChunkDecoder({ identified }),
          chunk({ fmt: 0, csid: 4, type, length: max + 1 }),
        ),
      "ERR_RTMP_MESSAGE_SIZE",
      LimitError,
    );
  });
}

test("the larger limits apply from the next message after `identified` is set", () => {
  const decoder = new ChunkDecoder();
  decoder.identified = true;
  assert.deepEqual(collect(decoder, chunk({ fmt: 0, csid: 4, type: 20, length: 100_000 })), []);
});

test("A2-16: an aborted message frees its share of the partial limit", () => {
  const decoder = new ChunkDecoder();
  collect(decoder, control(1, bigEndian(5_000_000, 4)));
  for (let round = 0; round < 5; round++) {
    const half = chunk({ fmt: 0, csid: 4, type: 9, length: 9_000_000 });
    collect(decoder, half, new Uint8Array(5_000_000), control(2, bigEndian(4, 4)));
  }
});

for (const size of [0, 1, 127, 0x80_00_00_00, 0x80_00_10_00, 0xff_ff_ff_ff]) {
  test(`A3-01, A3-02, A3-03: chunk size ${size} is refused`, () => {
    throwsCode(
      () => collect(new ChunkDecoder(), control(1, bigEndian(size, 4))),
      "ERR_RTMP_CHUNK_SIZE",
    );
  });
}

for (const size of [128, 65_536, 0xff_ff_ff, 0xf_ff_ff_ff, 0x7f_ff_ff_ff]) {
  test(`A3-04: chunk size ${size} is taken, clamped to what a message can be`, () => {
    const decoder = new ChunkDecoder();
    collect(decoder, control(1, bigEndian(size, 4)));
    assert.equal(decoder.snapshot().chunkSize, Math.min(size, 0xff_ff_ff));
  });
}

for (const type of [1, 2]) {
  for (const length of [0, 1, 2, 3]) {
    test(`A3-05: a control message of type ${type} with ${length} bytes is refused`, () => {
      const payload = [0, 0, 16, 0].slice(0, length);
      throwsCode(
        () => collect(new ChunkDecoder(), control(type, payload)),
        "ERR_RTMP_CONTROL_SHORT",
      );
    });
  }
}

test("A3-06: bytes after a control message's first four are ignored", () => {
  const decoder = new ChunkDecoder();
  collect(decoder, control(1, [0, 0, 16, 0, 255, 255]));
  assert.equal(decoder.snapshot().chunkSize, 4096);
});

test("assembly buffers are reused and a large idle one is given back", () => {
  const decoder = new ChunkDecoder();
  collect(decoder, control(1, bigEndian(100_000, 4)));
  const buffers = new Set<ArrayBufferLike>();
  const run = (length: number, times: number): void => {
    const wire = chunk({ fmt: 0, csid: 4, type: 9, length, payload: new Uint8Array(length) });
    for (let round = 0; round < times; round++) {
      for (const piece of [wire.subarray(0, 20), wire.subarray(20)]) {
        decoder.push(piece, {
          message({ payload }) {
            buffers.add(payload.buffer);
            return true;
          },
        });
      }
    }
  };
  run(90_000, 50);
  const steady = buffers.size;
  run(90_000, 50);
  assert.equal(buffers.size, steady);
  buffers.clear();
  run(1000, 600);
  assert.equal(buffers.size, 2);
  assert.ok([...buffers].some((buffer) => buffer.byteLength < 2048));
});
