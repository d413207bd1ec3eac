import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLIENT_KEYS,
  findDigest,
  isSignedReply,
  SERVER_KEYS,
} from "../../../src/protocol/rtmp/digest.ts";
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  ServerHandshake,
} from "../../../src/protocol/rtmp/handshake.ts";
import { cut } from "./chunk-sender.ts";
import { concat, filled, hex, throwsCode } from "./chunk-wire.ts";
import { hmac, testHost } from "./handshake-host.ts";

const nothing = (): void => undefined;

/** C1 of the simple handshake with recognisable content. */
function simpleC0C1(): Uint8Array {
  const c0c1 = concat(Uint8Array.of(3), filled(1536));
  c0c1.set([0, 0, 0, 9, 0, 0, 0, 0], 1);
  return c0c1;
}

function answerTo(c0c1: Uint8Array): Uint8Array {
  const sent: Uint8Array[] = [];
  new ServerHandshake(testHost()).push(c0c1, (bytes) => sent.push(bytes.slice()));
  assert.equal(sent.length, 1);
  return sent[0] ?? new Uint8Array(0);
}

for (const version of [0, 1, 2, 4, 5, 6, 0x16, 0x47, 0xf3, 255]) {
  test(`A1-01…04, A1-15: a first byte ${version} is refused before anything is sent`, () => {
    const server = new ServerHandshake(testHost());
    const written: number[] = [];
    throwsCode(
      () =>
        server.push(concat(Uint8Array.of(version), filled(1536)), (bytes) =>
          written.push(bytes.length),
        ),
      "ERR_RTMP_HANDSHAKE_VERSION",
    );
    assert.deepEqual(written, []);
  });
}

test("A1-02: RTMPE is named in the error", () => {
  const server = new ServerHandshake(testHost());
  assert.throws(() => server.push(Uint8Array.of(6), nothing), /RTMPE/);
});

test("RTMP 1.0 §5.2, B-30: a simple C1 is echoed exactly as S2; S1 has time and version zero", () => {
  const c0c1 = simpleC0C1();
  const answer = answerTo(c0c1);
  assert.equal(answer.length, 3073);
  assert.equal(answer[0], 3);
  assert.equal(hex(answer.subarray(1, 9)), "0000000000000000");
  assert.equal(hex(answer.subarray(1537)), hex(c0c1.subarray(1)));
});

test("A1-14: any time and version in C1 is accepted", () => {
  const c0c1 = concat(Uint8Array.of(3), new Uint8Array(1536).fill(0xff));
  assert.equal(hex(answerTo(c0c1).subarray(1537)), hex(c0c1.subarray(1)));
});

test("A1-10, A1-11: C0 C1 C2 and what follows in one segment; only the handshake is consumed", () => {
  const server = new ServerHandshake(testHost());
  const sent: number[] = [];
  const input = concat(simpleC0C1(), filled(1536, 8), Uint8Array.of(1, 2, 3));
  assert.equal(
    server.push(input, (bytes) => sent.push(bytes.length)),
    3073,
  );
  assert.deepEqual(sent, [3073]);
  assert.ok(server.done);
  assert.equal(server.push(Uint8Array.of(1), nothing), 0);
});

test("F-30 short reads: every cut gives the same answer once, and snapshots at every byte lose nothing", () => {
  const input = concat(simpleC0C1(), filled(1536, 8));
  const expected = hex(answerTo(simpleC0C1()));
  for (const sizes of [[1], [1, 1535, 2], [1536, 1], [1537], [3072, 1], [700]]) {
    let server = new ServerHandshake(testHost());
    const sent: string[] = [];
    let consumed = 0;
    for (const piece of cut(input, sizes)) {
      assert.equal(server.done, false);
      consumed += server.push(piece, (bytes) => sent.push(hex(bytes)));
      server = ServerHandshake.restore(structuredClone(server.snapshot()), testHost());
      assert.equal(sent.length, consumed >= 1537 ? 1 : 0);
    }
    assert.deepEqual(sent, [expected]);
    assert.ok(server.done);
  }
});

const forms: readonly ClientHandshakeOptions[] = [
  { digest: "simple" },
  { digest: "scheme0" },
  { digest: "scheme1" },
  {},
];
for (const options of forms) {
  for (const sizes of [[10_000], [1], [1000, 37]]) {
    test(`F-30: client ${options.digest ?? "by default"} and server agree strictly in pieces of ${sizes}`, () => {
      const client = new ClientHandshake(testHost(2), { ...options, strict: true });
      let server = new ServerHandshake(testHost(3), { strict: true });
      const toServer: Uint8Array[] = [];
      const toClient: Uint8Array[] = [];
      client.start((bytes) => toServer.push(bytes.slice()));
      const c1 = toServer[0]?.slice(1) ?? new Uint8Array(0);
      for (let turn = 0; turn < 3; turn++) {
        for (const piece of cut(concat(...toServer.splice(0)), sizes)) {
          assert.equal(
            server.push(piece, (bytes) => toClient.push(bytes.slice())),
            piece.length,
          );
          server = ServerHandshake.restore(server.snapshot(), testHost(3));
        }
        for (const piece of cut(concat(...toClient.splice(0)), sizes)) {
          assert.equal(
            client.push(piece, (bytes) => toServer.push(bytes.slice())),
            piece.length,
          );
        }
      }
      assert.ok(client.done && server.done);
      const scheme = findDigest(c1, CLIENT_KEYS, hmac)?.scheme;
      assert.equal(
        scheme,
        { simple: undefined, scheme0: 0, scheme1: 1 }[options.digest ?? "simple"],
      );
    });
  }
}

for (const digest of ["scheme0", "scheme1"] as const) {
  test(`B-29: a ${digest} C1 is answered in its scheme, S2 signed for its digest`, () => {
    const sent: Uint8Array[] = [];
    new ClientHandshake(testHost(2), { digest }).start((bytes) => sent.push(bytes.slice()));
    const c0c1 = sent[0] ?? new Uint8Array(0);
    const answer = answerTo(c0c1);
    const s1 = findDigest(answer.subarray(1, 1537), SERVER_KEYS, hmac);
    const c1 = findDigest(c0c1.subarray(1), CLIENT_KEYS, hmac);
    assert.equal(s1?.scheme, c1?.scheme);
    assert.equal(hex(answer.subarray(1, 9)), "0102030404050001");
    assert.ok(c1 !== null && isSignedReply(answer.subarray(1537), SERVER_KEYS, c1.digest, hmac));
  });

  test(`A1-12, F-30 ComplexToSimpleHandshake: a ${digest} C1 with one wrong bit gets the simple answer`, () => {
    const sent: Uint8Array[] = [];
    new ClientHandshake(testHost(2), { digest }).start((bytes) => sent.push(bytes.slice()));
    const c0c1 = sent[0] ?? new Uint8Array(0);
    c0c1[1500] = (c0c1[1500] ?? 0) ^ 0x40;
    assert.equal(hex(answerTo(c0c1).subarray(1537)), hex(c0c1.subarray(1)));
  });

  test(`a ${digest} client of a server that only echoes answers with the echo`, () => {
    const client = new ClientHandshake(testHost(2), { digest });
    const sent: Uint8Array[] = [];
    client.start((bytes) => sent.push(bytes.slice()));
    const s1 = filled(1536, 77);
    client.push(concat(Uint8Array.of(3), s1, filled(1536)), (bytes) => sent.push(bytes.slice()));
    assert.ok(client.done);
    assert.equal(hex(sent[1] ?? new Uint8Array(0)), hex(s1));
  });
}

test("A1-13: a wrong C2 is accepted, and refused in strict mode", () => {
  const input = concat(simpleC0C1(), filled(1536, 99));
  const lenient = new ServerHandshake(testHost());
  lenient.push(input, nothing);
  assert.ok(lenient.done);
  const strict = new ServerHandshake(testHost(), { strict: true });
  throwsCode(() => strict.push(input, nothing), "ERR_RTMP_HANDSHAKE_C2");
});

test("a wrong S2 is accepted, and refused in strict mode", () => {
  const input = concat(Uint8Array.of(3), filled(3072));
  for (const digest of ["simple", "scheme1"] as const) {
    const lenient = new ClientHandshake(testHost(), { digest });
    lenient.start(nothing);
    lenient.push(input, nothing);
    assert.ok(lenient.done);
    const strict = new ClientHandshake(testHost(), { digest, strict: true });
    strict.start(nothing);
    throwsCode(() => strict.push(input, nothing), "ERR_RTMP_HANDSHAKE_S2");
  }
});

test("a server of another version is refused by the client", () => {
  const client = new ClientHandshake(testHost());
  client.start(nothing);
  throwsCode(() => client.push(Uint8Array.of(4), nothing), "ERR_RTMP_HANDSHAKE_VERSION");
});
