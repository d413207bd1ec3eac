/**
 * Who may use the API: name and password, or a token, compared in constant time. An address that guesses is not
 * answered for a while, right or wrong.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ApiAuthConfig } from "../../protocol/conf/config-types.ts";
import { Guesses } from "../tokens/guesses.ts";

/** What came of a look at credentials. */
export type Verdict = "allowed" | "refused" | "locked";

/** Looks at credentials and remembers who guesses. */
export class Credentials {
  readonly #guesses: Guesses;
  /** Requests that were refused, by reason, for metrics. */
  readonly refusals: Map<"missing" | "wrong" | "locked", number> = new Map([
    ["missing", 0],
    ["wrong", 0],
    ["locked", 0],
  ]);

  /** @param now Milliseconds, monotonic. */
  constructor(now: () => number) {
    this.#guesses = new Guesses(now);
  }

  /** @param given The header, '' when there is none. That is no guess. */
  check(auth: ApiAuthConfig, given: string, ip: string): Verdict {
    if (!auth.enabled) {
      return "allowed";
    }
    if (this.#guesses.isGuessing(ip)) {
      this.#count("locked");
      return "locked";
    }
    if (given === "") {
      this.#count("missing");
      return "refused";
    }
    if (isSame(given, expected(auth)) && hasSecret(auth)) {
      this.#guesses.forget(ip);
      return "allowed";
    }
    this.#count("wrong");
    this.#guesses.failed(ip);
    return "refused";
  }

  #count(reason: "missing" | "wrong" | "locked"): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}

/** What is told to a client without credentials (`WWW-Authenticate`). */
export function challenge({ type }: ApiAuthConfig): string {
  return type === "basic" ? 'Basic realm="weir"' : 'Bearer realm="weir"';
}

function hasSecret({ type, password, token }: ApiAuthConfig): boolean {
  return (type === "basic" ? password : token) !== "";
}

function expected({ type, username, password, token }: ApiAuthConfig): string {
  return type === "basic"
    ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
    : `Bearer ${token}`;
}

/** Digests are of one length, whatever was given. The scheme's name is written as one likes. */
function isSame(given: string, wanted: string): boolean {
  const plain = given.replace(/^(basic|bearer)\s+/i, (scheme) =>
    scheme.trim().toLowerCase() === "basic" ? "Basic " : "Bearer ",
  );
  return timingSafeEqual(digestOf(plain), digestOf(wanted));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
