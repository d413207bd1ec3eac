/** What a server with a certificate is configured to when nothing is written. */
import type { TlsServerConfig } from "../../src/protocol/conf/tls-config.ts";

/** @param path Of the block in the table. */
export function tlsDefaults(path: string, port: number): TlsServerConfig {
  const nowhere = { file: "default", line: 0, column: 0 };
  return {
    enabled: false,
    listen: [{ host: "", port }],
    key: "./conf/server.key",
    certificate: "./conf/server.crt",
    keyAt: { ...nowhere, directive: `${path}.key` },
    certificateAt: { ...nowhere, directive: `${path}.cert` },
  };
}
