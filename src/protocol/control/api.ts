/** One request to the HTTP API and its answer, as they travel from a gateway to the primary and back. */

/** A request to the API. */
export interface ApiQuestion {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** '' where the request has none. */
  readonly headers: {
    readonly host: string;
    readonly origin: string;
    readonly authorization: string;
    /** `Sec-Fetch-Site`: for whose page a browser asks. */
    readonly fetchSite: string;
  };
  /** Bounded by `API_BODY_BYTES_MAX`. */
  readonly body: string;
  readonly ip: string;
  /** It came over TLS. */
  readonly isSecure: boolean;
}

/** The answer. */
export interface ApiAnswer {
  readonly status: number;
  /** Names in lower case; those that belong to the connection are the sender's. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
