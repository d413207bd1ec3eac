/**
 * The RTMP handshake of both sides, simple and digest, without I/O (RTMP 1.0 §5.2).
 *
 * C0 and S0 are one byte, the version; C1, S1, C2 and S2 are 1536 bytes. The server answers S0, S1 and S2 at once when
 * C0 and C1 are there, as every client accepts and some need.
 */

import { ProtocolError } from "../errors.ts";
import {
  CLIENT_KEYS,
  DIGEST_BYTES,
  type DigestScheme,
  digestOffset,
  findDigest,
  HANDSHAKE_PACKET_BYTES,
  type Hmac,
  isEqual,
  isSignedReply,
  SERVER_KEYS,
  signPacket,
  signReply,
} from "./digest.ts";

export type { Hmac } from "./digest.ts";

/** What the handshake needs of its host. */
export interface HandshakeHost {
  readonly hmac: Hmac;
  /** `bytes` random bytes, **owned** by the handshake. */
  random(bytes: number): Uint8Array;
  /** Milliseconds; any epoch. */
  time(): number;
}

/** Takes bytes to send. They are **borrowed**: copy or send before returning. */
export type HandshakeWrite = (bytes: Uint8Array) => void;

/** Options of either side. */
export interface HandshakeOptions {
  /** Check the peer's C2 or S2 as well. Default false: SRS and nginx-rtmp do not, and old encoders send wrong ones. */
  readonly strict?: boolean;
}

/** The form of a client's C1. */
export type HandshakeDigest = "simple" | "scheme0" | "scheme1";

/** Options of a client. */
export interface ClientHandshakeOptions extends HandshakeOptions {
  /** Default `simple`, which every server takes. */
  readonly digest?: HandshakeDigest;
}

/** A server handshake between two pushes; structured-cloneable. Memory: **owned** copies, at most 4 KiB. */
export interface ServerHandshakeSnapshot {
  readonly isStrict: boolean;
  /** Bytes of C0, C1 and C2 taken so far. */
  readonly received: number;
  /** The packet in progress. */
  readonly bytes: Uint8Array;
  /** What C2 is compared with in strict mode: S1, or S1's digest; empty until S1 was sent. */
  readonly expected: Uint8Array;
}

/** The only version of plain RTMP (RTMP 1.0 §5.2.2). */
const RTMP_VERSION = 3;
/** RTMPE's version, which weir does not speak. */
const RTMPE_VERSION = 6;
/** In a digest S1: the version of a server that signs. */
const SERVER_VERSION = [4, 5, 0, 1];
/** In a digest C1: the version of a player that signs. */
const CLIENT_VERSION = [128, 0, 7, 2];
/** One version byte, then the first packet. */
const FIRST_BYTES = 1 + HANDSHAKE_PACKET_BYTES;
const ALL_BYTES = FIRST_BYTES + HANDSHAKE_PACKET_BYTES;

/** Takes the peer's version byte and two packets apart, from pieces of any size. */
class PacketReader {
  received: number;
  /** **Owned**; the packet in progress. */
  readonly packet: Uint8Array = new Uint8Array(HANDSHAKE_PACKET_BYTES);

  constructor(received = 0, bytes: Uint8Array | null = null) {
    this.received = received;
    if (bytes !== null) {
      this.packet.set(bytes);
    }
  }

  get done(): boolean {
    return this.received === ALL_BYTES;
  }

  /** Bytes of the packet in progress. */
  get filled(): number {
    if (this.received === 0 || this.done) {
      return 0;
    }
    return (this.received - 1) % HANDSHAKE_PACKET_BYTES;
  }

  /**
   * Takes bytes up to the end of the second packet; a packet that is whole is told.
   * @returns bytes consumed
   * @throws ProtocolError `ERR_RTMP_HANDSHAKE_VERSION`
   */
  push(bytes: Uint8Array, whole: { first: () => void; second: () => void }): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.received === 0) {
        this.#takeVersion(bytes[at++] ?? 0);
        continue;
      }
      at = this.#take(bytes, at);
      if (this.received === FIRST_BYTES) {
        whole.first();
      } else if (this.done) {
        whole.second();
      }
    }
    return at;
  }

  /**
   * Takes bytes up to the next whole packet.
   * @returns the offset after them; a packet is whole when {@link PacketReader.filled} is 0 then
   */
  #take(bytes: Uint8Array, offset: number): number {
    const filled = this.filled;
    const count = Math.min(HANDSHAKE_PACKET_BYTES - filled, bytes.length - offset);
    this.packet.set(bytes.subarray(offset, offset + count), filled);
    this.received += count;
    return offset + count;
  }

  /** @throws ProtocolError `ERR_RTMP_HANDSHAKE_VERSION` */
  #takeVersion(version: number): void {
    if (version !== RTMP_VERSION) {
      const name = version === RTMPE_VERSION ? " (RTMPE)" : "";
      throw new ProtocolError(
        "ERR_RTMP_HANDSHAKE_VERSION",
        `handshake version ${version}${name}, not ${RTMP_VERSION}`,
        { offset: 0, spec: "RTMP 1.0 §5.2.2" },
      );
    }
    this.received = 1;
  }
}

/**
 * The server's side: reads C0 C1, writes S0 S1 S2 in one piece, reads C2.
 *
 * A C1 signed in either scheme is answered in that scheme, any other by the simple form: S1 with time and version
 * zero, S2 an exact copy of C1.
 * Spec: RTMP 1.0 §5.2. Memory: one packet of 1536 bytes; 32 or 1536 more in strict mode.
 * Peers: encoders that send C0 C1 C2 and commands in one segment.
 */
export class ServerHandshake {
  readonly #host: HandshakeHost;
  readonly #isStrict: boolean;
  readonly #reader: PacketReader;
  #expected: Uint8Array;

  constructor(host: HandshakeHost, options: HandshakeOptions = {}) {
    this.#host = host;
    this.#isStrict = options.strict ?? false;
    this.#reader = new PacketReader();
    this.#expected = new Uint8Array(0);
  }

  /** C2 was read; what follows are chunks. */
  get done(): boolean {
    return this.#reader.done;
  }

  /**
   * Takes bytes up to the end of C2; calls `write` at most once in a handshake.
   * @returns bytes consumed
   * @throws ProtocolError `ERR_RTMP_HANDSHAKE_VERSION` before anything is written; `ERR_RTMP_HANDSHAKE_C2` in
   * strict mode
   */
  push(bytes: Uint8Array, write: HandshakeWrite): number {
    const first = (): void => this.#answer(write);
    return this.#reader.push(bytes, { first, second: () => this.#checkC2() });
  }

  /** The whole state, for another thread. */
  snapshot(): ServerHandshakeSnapshot {
    return {
      isStrict: this.#isStrict,
      received: this.#reader.received,
      bytes: this.#reader.packet.slice(0, this.#reader.filled),
      expected: this.#expected.slice(),
    };
  }

  /** A handshake that goes on where the snapshot was taken. */
  static restore(snapshot: ServerHandshakeSnapshot, host: HandshakeHost): ServerHandshake {
    const handshake = new ServerHandshake(host, { strict: snapshot.isStrict });
    handshake.#reader.received = snapshot.received;
    handshake.#reader.packet.set(snapshot.bytes);
    handshake.#expected = snapshot.expected.slice();
    return handshake;
  }

  #answer(write: HandshakeWrite): void {
    const { hmac } = this.#host;
    const c1 = this.#reader.packet;
    const answer = this.#host.random(ALL_BYTES);
    answer[0] = RTMP_VERSION;
    const s1 = answer.subarray(1, FIRST_BYTES);
    const s2 = answer.subarray(FIRST_BYTES, ALL_BYTES);
    const found = isUnversioned(c1) ? null : findDigest(c1, CLIENT_KEYS, hmac);
    if (found === null) {
      s1.fill(0, 0, 8);
      s2.set(c1);
      this.#expect(s1, 0, HANDSHAKE_PACKET_BYTES);
    } else {
      encodeTime(s1, this.#host.time());
      s1.set(SERVER_VERSION, 4);
      signPacket(s1, found.scheme, SERVER_KEYS, hmac);
      signReply(s2, SERVER_KEYS, found.digest, hmac);
      this.#expect(s1, digestOffset(s1, found.scheme), DIGEST_BYTES);
    }
    write(answer);
  }

  #expect(s1: Uint8Array, offset: number, length: number): void {
    if (this.#isStrict) {
      this.#expected = s1.slice(offset, offset + length);
    }
  }

  /** A simple C2 repeats S1; its second time field is the client's own (RTMP 1.0 §5.2.4). */
  #checkC2(): void {
    if (!this.#isStrict) {
      return;
    }
    const c2 = this.#reader.packet;
    const expected = this.#expected;
    const isRight =
      expected.length === DIGEST_BYTES
        ? isSignedReply(c2, CLIENT_KEYS, expected, this.#host.hmac)
        : isEcho(c2, expected);
    if (!isRight) {
      throw new ProtocolError("ERR_RTMP_HANDSHAKE_C2", "C2 does not answer S1", {
        offset: FIRST_BYTES,
        spec: "RTMP 1.0 §5.2.4",
      });
    }
  }
}

/**
 * The client's side: writes C0 C1, reads S0 S1, writes C2, reads S2.
 *
 * A signed C1 is followed by a signed C2 when the server's S1 is signed too, else by the plain echo.
 * Spec: RTMP 1.0 §5.2. Memory: two packets of 1536 bytes.
 */
export class ClientHandshake {
  readonly #host: HandshakeHost;
  readonly #isStrict: boolean;
  readonly #scheme: DigestScheme | null;
  readonly #reader: PacketReader = new PacketReader();
  /** **Owned**; C1 as sent, for the check of S2. */
  #c1: Uint8Array = new Uint8Array(0);
  #isServerSigned = false;

  constructor(host: HandshakeHost, options: ClientHandshakeOptions = {}) {
    this.#host = host;
    this.#isStrict = options.strict ?? false;
    this.#scheme = schemes[options.digest ?? "simple"];
  }

  /** S2 was read; what follows are chunks. */
  get done(): boolean {
    return this.#reader.done;
  }

  /** Writes C0 and C1 in one piece. Call once, before any push. */
  start(write: HandshakeWrite): void {
    const first = this.#host.random(FIRST_BYTES);
    first[0] = RTMP_VERSION;
    const c1 = first.subarray(1);
    encodeTime(c1, this.#host.time());
    if (this.#scheme === null) {
      c1.fill(0, 4, 8);
    } else {
      c1.set(CLIENT_VERSION, 4);
      signPacket(c1, this.#scheme, CLIENT_KEYS, this.#host.hmac);
    }
    this.#c1 = c1.slice();
    write(first);
  }

  /**
   * Takes bytes up to the end of S2; writes C2 as soon as S1 is there.
   * @returns bytes consumed
   * @throws ProtocolError `ERR_RTMP_HANDSHAKE_VERSION`; `ERR_RTMP_HANDSHAKE_S2` in strict mode
   */
  push(bytes: Uint8Array, write: HandshakeWrite): number {
    const first = (): void => this.#answer(write);
    return this.#reader.push(bytes, { first, second: () => this.#checkS2() });
  }

  #answer(write: HandshakeWrite): void {
    const { hmac } = this.#host;
    const s1 = this.#reader.packet;
    const found = this.#scheme === null ? null : findDigest(s1, SERVER_KEYS, hmac);
    if (found === null) {
      write(s1);
      return;
    }
    this.#isServerSigned = true;
    const c2 = this.#host.random(HANDSHAKE_PACKET_BYTES);
    signReply(c2, CLIENT_KEYS, found.digest, hmac);
    write(c2);
  }

  #checkS2(): void {
    if (this.#isStrict && !this.#isRightS2()) {
      throw new ProtocolError("ERR_RTMP_HANDSHAKE_S2", "S2 does not answer C1", {
        offset: FIRST_BYTES,
        spec: "RTMP 1.0 §5.2.4",
      });
    }
  }

  #isRightS2(): boolean {
    const s2 = this.#reader.packet;
    if (this.#scheme === null || !this.#isServerSigned) {
      return isEcho(s2, this.#c1);
    }
    const offset = digestOffset(this.#c1, this.#scheme);
    const digest = this.#c1.subarray(offset, offset + DIGEST_BYTES);
    return isSignedReply(s2, SERVER_KEYS, digest, this.#host.hmac);
  }
}

const schemes: Readonly<Record<HandshakeDigest, DigestScheme | null>> = {
  simple: null,
  scheme0: 0,
  scheme1: 1,
};

/**
 * Whether a C1 is of the simple form without looking for a digest: its version is zero (RTMP 1.0 §5.2.3). Every client
 * that signs names its version, and looking costs two HMACs of the whole packet.
 */
function isUnversioned(packet: Uint8Array): boolean {
  return packet[4] === 0 && packet[5] === 0 && packet[6] === 0 && packet[7] === 0;
}

/** Whether a packet repeats another but for the second time field, which is its sender's. */
function isEcho(packet: Uint8Array, original: Uint8Array): boolean {
  return (
    isEqual(packet.subarray(0, 4), original.subarray(0, 4)) &&
    isEqual(packet.subarray(8), original.subarray(8))
  );
}

/** The first field of C1 and S1, modulo 2^32 (RTMP 1.0 §5.2.3). */
function encodeTime(packet: Uint8Array, timeMs: number): void {
  const time = timeMs >>> 0;
  packet[0] = time >>> 24;
  packet[1] = time >>> 16;
  packet[2] = time >>> 8;
  packet[3] = time;
}
