/** Headers by which a receiver knows that a callback is weir's, that it is fresh, and that it has had it before. */
import { createHmac } from "node:crypto";

/** What is signed. */
export interface Signed {
  /** Unique for each callback to each URL; the same for its repetitions. */
  readonly key: string;
  /** Rises within a session. */
  readonly sequence: number;
  /** The body, or the URL of a request without one. */
  readonly content: string;
  /** '' signs nothing. */
  readonly secret: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** `Idempotency-Key`, `X-Weir-Sequence` and, with a secret, `X-Weir-Signature: t=…,v1=…` over `t.key.content`. */
export function signatureHeaders({
  key,
  sequence,
  content,
  secret,
  nowMs,
}: Signed): Record<string, string> {
  const headers: Record<string, string> = {
    "idempotency-key": key,
    "x-weir-sequence": String(sequence),
  };
  if (secret !== "") {
    const seconds = Math.floor(nowMs / 1000);
    const digest = createHmac("sha256", secret)
      .update(`${seconds}.${key}.${content}`)
      .digest("hex");
    headers["x-weir-signature"] = `t=${seconds},v1=${digest}`;
  }
  return headers;
}
