/** Tables against bytes that servers of the field have written for years. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodePat, encodePmt, TsStreamType } from "../../../src/protocol/mpegts/tables.ts";

const LIMIT = { timeout: 5000 };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const stuffed = (text: string): string => text.padEnd(188 * 2, "f");

describe("program tables", () => {
  test("PAT (ISO/IEC 13818-1 §2.4.4.3)", LIMIT, () => {
    assert.equal(hex(encodePat()), stuffed("474000100000b00d0001c100000001f0012e701905"));
  });

  test("PMT of H.264 and AAC (§2.4.4.8)", LIMIT, () => {
    const map = { video: TsStreamType.Avc, audio: TsStreamType.AdtsAac, version: 0 };
    const expected = "475001100002b0170001c10000e100f0001be100f0000fe101f0002f44b99b";
    assert.equal(hex(encodePmt(map)), stuffed(expected));
  });

  test("PMT of audio alone: the clock is with the audio; the version is said", LIMIT, () => {
    const map = { video: TsStreamType.None, audio: TsStreamType.Mpeg1Audio, version: 31 };
    const packet = hex(encodePmt(map));
    assert.equal(
      packet.slice(0, 52),
      "475001100002b0120001ff0000e101f00003e101f000".padEnd(44) + packet.slice(44, 52),
    );
    assert.equal(packet.slice(52), "f".repeat(188 * 2 - 52));
  });
});
