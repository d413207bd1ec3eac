/** Numbers that API clients match on. Spec: SRS compatibility §2 "Error codes clients see". */
export const ApiCode = {
  /** A test's own. */
  Test: 100,
  BadRequest: 400,
  ConfigInvalid: 1023,
  RawFailed: 1060,
  RawDisabled: 1061,
  RawNotAllowed: 1062,
  ExporterDisabled: 1090,
  VhostNotFound: 2014,
  StreamNotFound: 2048,
  ClientNotFound: 2049,
} as const;
/** One of the values of {@link ApiCode}. */
export type ApiCode = (typeof ApiCode)[keyof typeof ApiCode];

/** A request that cannot be met, told as SRS does: status 200 and `{"code":N}`. */
export class ApiError extends Error {
  readonly number: ApiCode;
  /** Further fields of the answer. */
  readonly fields: object;

  constructor(number: ApiCode, fields: object = {}) {
    super(`code ${number}`);
    this.name = "ApiError";
    this.number = number;
    this.fields = fields;
  }
}
