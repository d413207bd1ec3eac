/**
 * Who may use the API: name and password, or a token, compared in constant time. An address that guesses is not
 * answered for a while, right or wrong.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ApiAuthConfig } from "../../protocol/conf/config-types.ts";

/** Wrong ones from one address within {@link WINDOW_MS} before it is left alone. */
const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
/** Addresses that are remembered. */
const ADDRESSES_MAX = 10_000;

/** What came of a look at credentials. */
export type Verdict = "allowed" | "refused" | "locked";

interface Failures {
  count: number;
  /** Milliseconds, monotonic. */
  readonly since: number;
}

/** Looks at credentials and remembers who guesses. */
export class Credentials {
  readonly #now: () => number;
  readonly #failures = new Map<string, Failures>();

  /** @param now Milliseconds, monotonic. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param given The header, '' when there is none. That is no guess. */
  check(auth: ApiAuthConfig, given: string, ip: string): Verdict {
    if (!auth.enabled) {
      return "allowed";
    }
    if (this.#isLocked(ip)) {
      return "locked";
    }
    if (given === "") {
      return "refused";
    }
    if (isSame(given, expected(auth)) && hasSecret(auth)) {
      this.#failures.delete(ip);
      return "allowed";
    }
    this.#failed(ip);
    return "refused";
  }

  #isLocked(ip: string): boolean {
    const failures = this.#failures.get(ip);
    if (failures === undefined || failures.count < FAILURES_MAX) {
      return false;
    }
    if (this.#now() - failures.since < WINDOW_MS) {
      return true;
    }
    this.#failures.delete(ip);
    return false;
  }

  #failed(ip: string): void {
    const now = this.#now();
    const known = this.#failures.get(ip);
    if (known !== undefined && now - known.since < WINDOW_MS) {
      known.count += 1;
      return;
    }
    this.#failures.delete(ip);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= ADDRESSES_MAX && oldest !== undefined) {
      this.#failures.delete(oldest);
    }
    this.#failures.set(ip, { count: 1, since: now });
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
