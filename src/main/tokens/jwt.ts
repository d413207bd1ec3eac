/**
 * JSON Web Tokens (RFC 7519) with the one algorithm that the operator has named. Claims: `exp` must be there, `nbf`,
 * `iss` and `aud` count as usual; `act` is `publish`, `play` or a list of them; `stream` is `app/name`, or `app/*` for all
 * of an app; `vhost` narrows it to one.
 */
import { createHmac, type KeyObject, timingSafeEqual, verify } from "node:crypto";
import type { TokenConfig } from "../../protocol/conf/hooks.ts";
import { JWT_CHARACTERS_MAX } from "../../protocol/limits.ts";
import { ELSEWHERE, EXPIRED, type Flaw, type Wanted, WRONG } from "./flaw.ts";

const MS_PER_S = 1000;

type Claims = Readonly<Record<string, unknown>> & { readonly alg?: unknown };

/** What a token is checked with. */
export interface JwtRules {
  readonly config: TokenConfig;
  /** Of RS256 and ES256. */
  readonly key: KeyObject | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** @returns undefined when the token allows what is wanted. */
export function checkJwt(token: string, wanted: Wanted, rules: JwtRules): Flaw | undefined {
  const parts = token.split(".");
  const [header = "", payload = "", signature = ""] = parts;
  if (token.length > JWT_CHARACTERS_MAX || parts.length !== 3) {
    return WRONG;
  }
  const head = decodePart(header);
  const { algorithm } = rules.config.jwt;
  // A header that names critical extensions asks to be refused by who does not know them (RFC 7515 §4.1.11).
  if (head === undefined || head.alg !== algorithm || "crit" in head) {
    return WRONG;
  }
  const given = Buffer.from(signature, "base64url");
  if (!isSigned(Buffer.from(`${header}.${payload}`), given, rules)) {
    return WRONG;
  }
  const claims = decodePart(payload);
  return claims === undefined ? WRONG : flawOfClaims(claims, wanted, rules);
}

function isSigned(signed: Buffer, given: Buffer, { config, key }: JwtRules): boolean {
  if (config.jwt.algorithm === "HS256") {
    const own = createHmac("sha256", config.jwt.secret).update(signed).digest();
    return own.length === given.length && timingSafeEqual(own, given);
  }
  if (key === undefined) {
    return false;
  }
  return config.jwt.algorithm === "RS256"
    ? verify("sha256", signed, key, given)
    : verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, given);
}

function flawOfClaims(
  claims: Claims,
  wanted: Wanted,
  { config, nowMs }: JwtRules,
): Flaw | undefined {
  const { exp, nbf, iss, aud } = claims;
  const { skewMs, jwt } = config;
  if (typeof exp !== "number" || (nbf !== undefined && typeof nbf !== "number")) {
    return WRONG;
  }
  if (exp * MS_PER_S + skewMs < nowMs || (nbf ?? 0) * MS_PER_S - skewMs > nowMs) {
    return EXPIRED;
  }
  const isOurs =
    (jwt.issuer === "" || iss === jwt.issuer) &&
    (jwt.audience === "" || listOf(aud).includes(jwt.audience));
  return isOurs && covers(claims, wanted) ? undefined : ELSEWHERE;
}

function covers({ act, stream, vhost }: Claims, wanted: Wanted): boolean {
  const { app, stream: name } = wanted;
  const isStream = stream === `${app}/${name}` || stream === `${app}/*`;
  const isVhost = vhost === undefined || vhost === wanted.vhost;
  return isStream && isVhost && listOf(act).includes(wanted.action);
}

/** A claim that may stand alone or in a list. */
function listOf(claim: unknown): readonly unknown[] {
  return Array.isArray(claim) ? claim : [claim];
}

/** undefined when it is no object in JSON in base64url. */
function decodePart(part: string): Claims | undefined {
  try {
    const value = JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as unknown;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
