import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { ClientHandshake, ServerHandshake } from "../../src/protocol/rtmp/handshake.ts";
import { fuzz, randomCut } from "./mutator.ts";

const host = {
  hmac: (key: Uint8Array, data: Uint8Array): Uint8Array =>
    new Uint8Array(createHmac("sha256", key).update(data).digest()),
  random: (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0x5a),
  time: (): number => 0,
};

interface Side {
  readonly done: boolean;
  push(bytes: Uint8Array, write: (bytes: Uint8Array) => void): number;
}

/** Bytes consumed and written, and how it ended. */
function run(side: Side, pieces: readonly Uint8Array[]): string {
  let consumed = 0;
  let written = "";
  const write = (bytes: Uint8Array): void => {
    written += `${bytes.length}:${createHmac("sha256", "").update(bytes).digest("hex")} `;
  };
  try {
    for (const piece of pieces) {
      consumed += side.push(piece, write);
    }
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${error}`);
    assert.match(error.code, /^ERR_RTMP_HANDSHAKE_/);
    return `${error.code} ${written}`;
  }
  assert.ok(consumed <= 3073);
  assert.equal(side.done, consumed === 3073);
  return `${consumed} ${side.done} ${written}`;
}

test("A1-12: any bytes end the handshake of either side or are a protocol error, the same in any cut", {
  timeout: 60_000,
}, () => {
  const ends = new Set<string>();
  fuzz("handshake", 1500, (bytes, random) => {
    const strict = random.below(2) === 0;
    const digest = random.pick(["simple", "scheme0", "scheme1"] as const, "simple");
    const sides: (() => Side)[] = [
      () => new ServerHandshake(host, { strict }),
      () => {
        const client = new ClientHandshake(host, { strict, digest });
        client.start(() => undefined);
        return client;
      },
    ];
    for (const open of sides) {
      const whole = run(open(), [bytes]);
      assert.equal(run(open(), randomCut(random, bytes)), whole);
      ends.add(whole.split(" ")[0] ?? "");
    }
  });
  for (const end of [
    "3073",
    "ERR_RTMP_HANDSHAKE_VERSION",
    "ERR_RTMP_HANDSHAKE_C2",
    "ERR_RTMP_HANDSHAKE_S2",
  ]) {
    assert.ok(ends.has(end), `no input ends in ${end}`);
  }
});
