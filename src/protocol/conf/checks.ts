/**
 * What a configuration must not combine. Spec: SRS compatibility §0 "Semantic checks"; those that need the host
 * (open files, local addresses) are made by the primary.
 */
import { ConfigError, type ConfigPlace } from "../errors.ts";
import { decodeListenEndpoint } from "./endpoint.ts";
import { placeOfDirective } from "./grammar.ts";
import type { SectionReader } from "./section-reader.ts";

/** @throws ConfigError `ERR_CONF_CONFLICT` or `ERR_CONF_FULL`. */
export function checkConfig(root: SectionReader, isInDocker: boolean): void {
  if (root.isOn("is_full")) {
    throw new ConfigError(
      "ERR_CONF_FULL",
      "is_full marks a listing of all directives; never use it as a configuration",
      root.placeOf("is_full"),
    );
  }
  const isForeground = isInDocker && root.isOn("disable_daemon_for_docker");
  if (root.isOn("asprocess") && root.isOn("daemon") && !isForeground) {
    throw conflict(root.placeOf("asprocess"), "asprocess conflicts with daemon");
  }
  root.section("heartbeat").number("interval");
  root.section("stats").number("network");
  checkHttp(root);
  checkPorts(root);
  for (const { name, reader } of root.sections("vhost")) {
    checkVhost(name, reader);
  }
}

function checkHttp(root: SectionReader): void {
  const api = root.section("http_api");
  const server = root.section("http_server");
  for (const [name, reader] of [
    ["http_api", api],
    ["http_server", server],
  ] as const) {
    const https = reader.section("https");
    if (https.isOn("enabled") && !reader.isOn("enabled")) {
      throw conflict(https.placeOf("enabled"), `${name}.https needs ${name}.enabled`);
    }
  }
  const isOnePort = first(api) === first(server);
  const apiHttps = api.section("https");
  const isOneTlsPort = first(apiHttps) === first(server.section("https"));
  if (isOnePort && apiHttps.isSet("listen") && !isOneTlsPort) {
    throw conflict(
      apiHttps.placeOf("listen"),
      "http_api and http_server share a port, so their https must too",
    );
  }
  if (!isOnePort && isOneTlsPort) {
    throw conflict(
      apiHttps.placeOf("listen"),
      "http_api and http_server share their https port, so both ports must be shared",
    );
  }
}

/** Sockets share ports (SO_REUSEPORT), so nothing else would tell: some clients would reach the wrong server. */
function checkPorts(root: SectionReader): void {
  const rtmp = (root.isSet("listen") ? root : root.section("rtmp")).list("listen");
  for (const name of ["http_api", "http_server", "exporter"]) {
    const section = root.section(name);
    // Others would be compared in vain, however many there are.
    const listen = section.isOn("enabled") ? section.list("listen") : [];
    const taken = listen.find((text) => rtmp.some((own) => isOneAddress(text, own)));
    if (taken !== undefined) {
      const text = `${name}.listen ${taken} is an address of RTMP's listen`;
      throw conflict(section.placeOf("listen"), text);
    }
  }
}

function isOneAddress(left: string, right: string): boolean {
  const [one, other] = [decodeListenEndpoint(left), decodeListenEndpoint(right)];
  const isOneHost = one?.host === other?.host || one?.host === "" || other?.host === "";
  return one !== undefined && one.port === other?.port && isOneHost;
}

function first(section: SectionReader): string {
  return section.list("listen")[0] ?? "";
}

function checkVhost(name: string, vhost: SectionReader): void {
  const [remux, ...more] = vhost.sections("http_remux");
  const [second] = more;
  if (second !== undefined) {
    throw conflict(
      placeOfDirective(second.directive, "vhost.http_remux"),
      `vhost ${name} has more than one http_remux`,
    );
  }
  const isTs = remux?.reader.isOn("enabled") && remux.reader.text("mount").endsWith(".ts");
  const hls = vhost.section("hls");
  if (isTs && hls.isOn("enabled")) {
    throw conflict(hls.placeOf("enabled"), `hls conflicts with http_remux to .ts in vhost ${name}`);
  }
  const publish = vhost.section("publish");
  if (vhost.section("forward").isOn("enabled") && publish.number("kickoff_for_idle") > 0) {
    throw conflict(
      publish.placeOf("kickoff_for_idle"),
      `kickoff_for_idle conflicts with forward in vhost ${name}`,
    );
  }
  const ids = new Set<string>();
  for (const ingest of vhost.sections("ingest")) {
    if (ids.has(ingest.name)) {
      throw conflict(
        placeOfDirective(ingest.directive, "vhost.ingest"),
        `ingest ${ingest.name} stands twice in vhost ${name}`,
      );
    }
    ids.add(ingest.name);
  }
}

function conflict(place: ConfigPlace, message: string): ConfigError {
  return new ConfigError("ERR_CONF_CONFLICT", message, place);
}
