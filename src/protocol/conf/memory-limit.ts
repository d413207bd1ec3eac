/** `memory_limit`: what the process may use before it turns clients away. */
import { ConfigError } from "../errors.ts";
import type { SectionReader } from "./section-reader.ts";

/** One of the two is more than 0; both are 0 where there is no limit. */
export interface MemoryLimit {
  readonly bytes: number;
  /** Of the memory of the host or of its control group, 1 for all of it. */
  readonly share: number;
}

const SHAPE = /^(\d{1,15})(%?)$/;
const PERCENT = 100;

/** @throws ConfigError when it is no number of bytes, no share from 1 % to 100 % and not `off` */
export function decodeMemoryLimit(root: SectionReader): MemoryLimit {
  const word = root.text("memory_limit");
  if (word === "off") {
    return { bytes: 0, share: 0 };
  }
  const [, digits, unit] = SHAPE.exec(word) ?? [];
  const amount = Number(digits ?? 0);
  if (amount === 0 || (unit === "%" && amount > PERCENT)) {
    const place = root.placeOf("memory_limit");
    const text = `memory_limit is "${word}", a number of bytes, 1% to 100% or off is allowed`;
    throw new ConfigError("ERR_CONF_VALUE", text, place);
  }
  return unit === "%" ? { bytes: 0, share: amount / PERCENT } : { bytes: amount, share: 0 };
}
