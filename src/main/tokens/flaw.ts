/** Why a token does not let anybody in. */

/** What somebody wants to do with which stream. */
export interface Wanted {
  readonly action: "publish" | "play";
  /** Of the vhost that serves it. */
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
  readonly ip: string;
  /** Query with its question mark, or ''. */
  readonly param: string;
}

/** What is wrong; the text goes to the client and says nothing of keys. */
export interface Flaw {
  readonly code: string;
  readonly text: string;
}

/** There is none. */
export const MISSING: Flaw = { code: "ERR_TOKEN_MISSING", text: "A token is missing." };
/** It is no token, or not one of ours. */
export const WRONG: Flaw = { code: "ERR_TOKEN_WRONG", text: "The token is not valid." };
/** Its time is over, or has not come. */
export const EXPIRED: Flaw = { code: "ERR_TOKEN_TIME", text: "The token is not valid now." };
/** It is for something else. */
export const ELSEWHERE: Flaw = {
  code: "ERR_TOKEN_SCOPE",
  text: "The token is for something else.",
};
