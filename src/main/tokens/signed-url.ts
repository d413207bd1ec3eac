/**
 * Signed URLs: `?expires=SECONDS&sign=HMAC`, with `bind=ip` when only one address may use it. The signature covers
 * action, vhost, app, stream, time and address, one to a line; it is HMAC-SHA256 in base64url.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { TokenConfig } from "../../protocol/conf/hooks.ts";
import { EXPIRED, type Flaw, MISSING, type Wanted, WRONG } from "./flaw.ts";

/** What a signature covers. */
export type Signable = Pick<Wanted, "action" | "vhost" | "app" | "stream"> & {
  /** Seconds since the epoch. */
  readonly expires: number;
  /** '' for any. */
  readonly ip: string;
};

const DIGEST_BYTES = 32;
const MS_PER_S = 1000;

/** The query of a signed URL, with its question mark. */
export function signedQuery(secret: string, what: Signable): string {
  const bind = what.ip === "" ? "" : "&bind=ip";
  return `?expires=${what.expires}${bind}&sign=${digest(secret, what).toString("base64url")}`;
}

/** @param nowMs Milliseconds since the epoch. @returns undefined when the URL is signed, and not too early or late. */
export function checkSignedUrl(
  { secrets, lifetimeMaxMs, skewMs }: TokenConfig,
  wanted: Wanted,
  nowMs: number,
): Flaw | undefined {
  const query = new URLSearchParams(wanted.param);
  const [time, sign] = [query.get("expires"), query.get("sign")];
  if (time === null || sign === null) {
    return MISSING;
  }
  const given = Buffer.from(sign, "base64url");
  if (!/^\d{1,12}$/.test(time) || given.length !== DIGEST_BYTES) {
    return WRONG;
  }
  const expires = Number(time);
  const what = { ...wanted, expires, ip: query.get("bind") === "ip" ? wanted.ip : "" };
  // Every key is tried, so that the time tells nothing about which one it was.
  const matches = secrets.filter((secret) => timingSafeEqual(digest(secret, what), given));
  if (matches.length === 0) {
    return WRONG;
  }
  const leftMs = expires * MS_PER_S - nowMs;
  const isTooLate = leftMs < -skewMs;
  const isTooLong = lifetimeMaxMs > 0 && leftMs > lifetimeMaxMs + skewMs;
  return isTooLate || isTooLong ? EXPIRED : undefined;
}

function digest(secret: string, { action, vhost, app, stream, expires, ip }: Signable): Buffer {
  const text = [action, vhost, app, stream, String(expires), ip].join("\n");
  return createHmac("sha256", secret).update(text).digest();
}
