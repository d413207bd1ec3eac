/** Configuration records that ffmpeg's encoders wrote. */
import { readFileSync } from "node:fs";

const FOLDER = new URL("../../../test/fixtures/codec/", import.meta.url);

export function codecFixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.bin`, FOLDER)));
}
