/** The block `forward` of a vhost: where its streams are sent on to. */
import { ConfigError } from "../errors.ts";
import { FORWARD_DESTINATIONS_MAX } from "../limits.ts";
import { decodeOriginAddress, isHttpUrl, type OriginAddress, shownAddress } from "./endpoint.ts";
import type { ReaderContext, SectionReader } from "./section-reader.ts";

/** Forwards of a vhost. */
export interface ForwardConfig {
  readonly enabled: boolean;
  /** Each once. */
  readonly destinations: readonly OriginAddress[];
  /** Who is asked for the destinations of each stream instead; '' for nobody. */
  readonly backend: string;
}

/**
 * @param name Of the vhost. @param isEdge It is one: nothing is forwarded there.
 * @throws ConfigError for a destination or backend that cannot be, where they count
 */
export function decodeForward(
  section: SectionReader,
  { name, isEdge, context }: { name: string; isEdge: boolean; context: ReaderContext },
): ForwardConfig {
  const enabled = section.isOn("enabled");
  const written = section.list("destination");
  const destinations = new Map<string, OriginAddress>();
  for (const word of written) {
    const address = decodeOriginAddress(word);
    if (address !== undefined) {
      destinations.set(`${address.host} ${address.port}`, address);
    } else if (enabled) {
      refuse(section, "destination", `"${shownAddress(word)}" is not host, host:port or [v6]:port`);
    }
  }
  if (enabled && destinations.size > FORWARD_DESTINATIONS_MAX) {
    refuse(section, "destination", `names more than ${FORWARD_DESTINATIONS_MAX} servers`);
  }
  // SRS asks the first one.
  const [backend = ""] = section.list("backend");
  if (enabled && backend !== "" && !isHttpUrl(backend)) {
    refuse(section, "backend", `"${shownAddress(backend)}" is no URL of http or https`);
  }
  if (enabled && isEdge) {
    context.warnings.add(`forward of vhost ${name} has no effect: an edge sends to its origins`);
  } else if (enabled && backend === "" && destinations.size === 0) {
    context.warnings.add(`forward of vhost ${name} names no destination`);
  }
  return { enabled, destinations: [...destinations.values()], backend };
}

function refuse(section: SectionReader, name: string, text: string): never {
  const place = section.placeOf(name);
  throw new ConfigError("ERR_CONF_FORWARD", `${place.directive} ${text}`, place);
}
