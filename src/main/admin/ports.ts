/** Which ports the control plane opens itself: those of http_server are the gateways', who hand requests on. */
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import { loadTlsMaterial, type TlsMaterial } from "../accept/certificates.ts";
import type { PortUse } from "./listeners.ts";

/** What a configuration asks for. */
export interface PortPlan {
  /** Each address once. */
  readonly uses: readonly PortUse[];
  /** Of the API's own HTTPS. */
  readonly tls: TlsMaterial | null;
}

/** True when gateways have a port of these. */
export function isOnePort(
  { listen }: { readonly listen: readonly ListenEndpoint[] },
  { httpServer }: Pick<Config, "httpServer">,
): boolean {
  return (
    httpServer.enabled &&
    listen.some(({ port }) => httpServer.listen.some((other) => other.port === port))
  );
}

/** The ports of a configuration. @throws ConfigError of a certificate that cannot be used */
export function planPorts(config: Config): PortPlan {
  const { httpApi, exporter } = config;
  // With a port of http_server the API has its HTTPS too.
  const isSecure = httpApi.enabled && httpApi.https.enabled && !isOnePort(httpApi, config);
  const tls = isSecure ? loadTlsMaterial(httpApi.https) : null;
  const wanted: PortUse[] = [
    ...(isSecure ? usesOf(httpApi.https.listen, true, tls) : []),
    ...(httpApi.enabled ? usesOf(httpApi.listen, true, null) : []),
    ...(exporter.enabled ? usesOf(exporter.listen, false, null) : []),
  ];
  const uses = new Map<string, PortUse>();
  for (const use of wanted) {
    const address = addressOf(use.endpoint);
    if (!isOnePort({ listen: [use.endpoint] }, config) && !uses.has(address)) {
      uses.set(address, use);
    }
  }
  return { uses: [...uses.values()], tls };
}

function usesOf(
  endpoints: readonly ListenEndpoint[],
  isApi: boolean,
  tls: TlsMaterial | null,
): PortUse[] {
  return endpoints.map((endpoint) => ({ endpoint, isApi, tls }));
}
