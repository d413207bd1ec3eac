/** The blocks that serve the same over TLS (SRS: `https` of http_server and http_api, `rtmps`). */
import type { ConfigPlace } from "../errors.ts";
import type { ListenEndpoint } from "./endpoint.ts";
import { decodeEndpoints } from "./listening.ts";
import type { SectionReader } from "./section-reader.ts";

/** A server with a certificate. Whether its files can be used is found by who reads them. */
export interface TlsServerConfig {
  readonly enabled: boolean;
  readonly listen: readonly ListenEndpoint[];
  /** File of the private key, as written. */
  readonly key: string;
  /** File of the certificate and those that vouch for it, as written. */
  readonly certificate: string;
  /** For errors about the file. */
  readonly keyAt: ConfigPlace;
  readonly certificateAt: ConfigPlace;
}

/** Decode `https` or `rtmps`. @throws ConfigError */
export function decodeTlsServer(section: SectionReader): TlsServerConfig {
  return {
    enabled: section.isOn("enabled"),
    listen: decodeEndpoints(section),
    key: section.text("key"),
    certificate: section.text("cert"),
    keyAt: section.placeOf("key"),
    certificateAt: section.placeOf("cert"),
  };
}
