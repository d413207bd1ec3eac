/** What an endpoint of the API is. */
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import type { Schema } from "./schema.ts";

/** A request that has found its endpoint. */
export interface RouteRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** What stands for `{id}`, '' where there is none. */
  readonly id: string;
  /** Who asks, for the log. */
  readonly who: string;
  readonly question: ApiQuestion;
}

/** One endpoint. */
export interface Route {
  /** `{id}` at the end stands for one segment. */
  readonly path: string;
  readonly methods: readonly string[];
  /** One sentence for the document. */
  readonly about: string;
  /** Parameters of the query. */
  readonly parameters?: readonly string[];
  /** Of the answer, beyond the envelope. */
  readonly fields: Schema;
  /** True for a request that changes something; absent: DELETE does, others do not. */
  changes?(request: RouteRequest): boolean;
  /**
   * @returns the fields.
   * @throws ApiError
   */
  answer(request: RouteRequest): object | Promise<object>;
}

/** An endpoint whose answer is no JSON in the envelope. */
export interface PlainRoute {
  readonly path: string;
  readonly methods: readonly string[];
  readonly about: string;
  readonly type: string;
  reply(request: RouteRequest): ApiAnswer;
}

/** Methods of an endpoint that changes nothing. */
export const READ: readonly string[] = ["GET"];
/** Methods of an endpoint that takes what comes, as SRS's do. */
export const ANY: readonly string[] = ["GET", "POST", "PUT", "DELETE"];
