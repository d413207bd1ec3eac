/** Requests to the API, with the credentials that were asked for. They last as long as the tab. */

/** How the API wants to be asked. */
export type AuthKind = "basic" | "bearer";

/** The API wants credentials, or others. */
export class SignInError extends Error {
  readonly kind: AuthKind;

  constructor(kind: AuthKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The API answered, and said no. */
export class ApiError extends Error {
  /** SRS's code, or the status. */
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

const STORED = "weir-authorization";
const TIMEOUT_MS = 12_000;

const MEANINGS: ReadonlyMap<number, string> = new Map([
  [404, "The API is not here: it is off, or has a port of its own."],
  [503, "The server is too busy to answer."],
  [1060, "The reload failed."],
  [1061, "Not allowed: raw_api is off, or does not allow reloads."],
  [2048, "There is no such stream any more."],
  [2049, "There is no such client any more."],
]);

/** Remembers credentials for this tab. */
export function signIn(kind: AuthKind, name: string, secret: string): void {
  const value =
    kind === "basic" ? `Basic ${encodeBase64(`${name}:${secret}`)}` : `Bearer ${secret}`;
  sessionStorage.setItem(STORED, value);
}

/** Forgets them. */
export function signOut(): void {
  sessionStorage.removeItem(STORED);
}

/** True when there are credentials that can be forgotten. */
export function isSignedIn(): boolean {
  return sessionStorage.getItem(STORED) !== null;
}

/** Asks the API. @throws SignInError, ApiError, TypeError when nobody answers */
export async function ask<Fields>(path: string, method: "GET" | "DELETE" = "GET"): Promise<Fields> {
  const stored = sessionStorage.getItem(STORED);
  const response = await fetch(path, {
    method,
    // Otherwise the browser would ask for credentials by itself.
    credentials: "omit",
    headers: stored === null ? {} : { authorization: stored },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status === 401) {
    const challenge = response.headers.get("www-authenticate") ?? "";
    const kind = /^bearer/i.test(challenge) ? "bearer" : "basic";
    throw new SignInError(kind, stored === null ? "" : "These credentials are not accepted.");
  }
  if (response.status === 429) {
    throw new SignInError("basic", "Too many wrong attempts. Try again in a minute.");
  }
  if (!response.ok) {
    throw refused(response.status, null);
  }
  const answer = (await response.json()) as Fields & { code: number; data?: unknown };
  if (answer.code !== 0) {
    throw refused(answer.code, answer.data);
  }
  return answer;
}

/** What went wrong, in words. */
export function wordsOf(error: unknown): string {
  if (error instanceof ApiError || error instanceof SignInError) {
    return error.message;
  }
  return "The server does not answer.";
}

function refused(code: number, data: unknown): ApiError {
  return new ApiError(code, MEANINGS.get(code) ?? `The API answers with code ${code}.`, data);
}

function encodeBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
