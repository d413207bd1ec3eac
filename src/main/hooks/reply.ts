/** What an answer to a callback says, by SRS's rules: status 200 or 201 and `0`, or an object with the whole number 0 as `code`. */
import type { HttpAnswer } from "./http-call.ts";

/**
 * `allowed`; `refused`: the server has said no; `failed`: it has said nothing that counts. SRS treats the last two alike.
 * Codes are SRS's.
 */
export type Reply =
  | { readonly kind: "allowed" }
  | { readonly kind: "refused"; readonly code: number; readonly text: string }
  | {
      readonly kind: "failed";
      readonly code: number | string;
      readonly text: string;
      /** Another time the answer may be another one. */
      readonly isTransient: boolean;
    };

const BAD_STATUS = 4005;
const BAD_BODY = 3008;
const BAD_CODE = 3064;

const ALLOWED: Reply = { kind: "allowed" };

/** Judges an answer. Its text is the server's and is not repeated. */
export function judgeReply({ status, body }: HttpAnswer): Reply {
  if (status !== 200 && status !== 201) {
    // 4xx is an answer: it would be the same again. A redirect is not followed and answers nothing.
    const isTransient = status >= 500 || status === 408 || status === 429;
    const isAnswer = status >= 400 && !isTransient;
    const text = `status ${status}`;
    return isAnswer ? refused(BAD_STATUS, text) : failed(BAD_STATUS, text, isTransient);
  }
  if (body === "0") {
    return ALLOWED;
  }
  const value = decodeJson(body);
  if (value === undefined || value === null || typeof value !== "object" || Array.isArray(value)) {
    const isNumber = Number.isInteger(value);
    const text = body === "" ? "empty answer" : "answer is neither 0 nor an object";
    return isNumber ? refused(BAD_BODY, text) : failed(BAD_BODY, text);
  }
  const { code } = value as { readonly code?: unknown };
  if (!Number.isInteger(code)) {
    return failed(BAD_CODE, "answer has no whole number as code");
  }
  return code === 0 ? ALLOWED : refused(BAD_CODE, `code ${String(code)}`);
}

/** No answer that counts. */
export function failed(code: number | string, text: string, isTransient: boolean = false): Reply {
  return { kind: "failed", code, text, isTransient };
}

function refused(code: number, text: string): Reply {
  return { kind: "refused", code, text };
}

/** undefined when it is no JSON. */
function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
