/** The blocks that serve streams, the API and metrics over HTTP. */
import { ConfigError } from "../errors.ts";
import type {
  ApiAuthConfig,
  Config,
  ExporterConfig,
  HeartbeatConfig,
  HttpApiConfig,
  HttpRemuxConfig,
  HttpServerConfig,
  HttpStaticConfig,
} from "./config-types.ts";
import { isHttpUrl, isLoopback } from "./endpoint.ts";
import { decodeEndpoints } from "./listening.ts";
import type { SectionReader } from "./section-reader.ts";
import { decodeTlsServer } from "./tls-config.ts";

/** Decode `http_server`. @throws ConfigError */
export function decodeHttpServer(root: SectionReader): HttpServerConfig {
  const server = root.section("http_server");
  return {
    enabled: server.isOn("enabled"),
    listen: decodeEndpoints(server),
    crossdomain: server.isOn("crossdomain"),
    gateways: root.number("gateways"),
    backend: root.choice("http_backend") as HttpServerConfig["backend"],
    dir: server.text("dir"),
    https: decodeTlsServer(server.section("https")),
  };
}

/** Decode `http_api`. @param strict Without credentials it is for the loopback alone. @throws ConfigError */
export function decodeHttpApi(root: SectionReader, strict: boolean): HttpApiConfig {
  const api = root.section("http_api");
  const raw = api.section("raw_api");
  const enabled = api.isOn("enabled");
  const listen = decodeEndpoints(api);
  const https = decodeTlsServer(api.section("https"));
  const all = https.enabled ? [...listen, ...https.listen] : listen;
  if (strict && enabled && !api.section("auth").isOn("enabled") && !all.every(isLoopback)) {
    const message = "under strict on, http_api needs auth where it listens beyond the loopback";
    throw new ConfigError("ERR_CONF_AUTH", message, api.placeOf("listen"));
  }
  return {
    enabled,
    listen,
    crossdomain: api.isOn("crossdomain"),
    jsonp: api.isOn("jsonp"),
    rawApi: { enabled: raw.isOn("enabled"), allowReload: raw.isOn("allow_reload") },
    auth: decodeApiAuth(api.section("auth")),
    https,
  };
}

/** Decode `exporter`, `stats` and `heartbeat`. @throws ConfigError */
export function decodeReports(
  root: SectionReader,
): Pick<Config, "exporter" | "statsDisks" | "heartbeat"> {
  return {
    exporter: decodeExporter(root),
    statsDisks: root.section("stats").list("disk"),
    heartbeat: decodeHeartbeat(root),
  };
}

function decodeExporter(root: SectionReader): ExporterConfig {
  const exporter = root.section("exporter");
  return {
    enabled: exporter.isOn("enabled"),
    listen: decodeEndpoints(exporter),
    label: exporter.text("label"),
    tag: exporter.text("tag"),
  };
}

function decodeHeartbeat(root: SectionReader): HeartbeatConfig {
  const heartbeat = root.section("heartbeat");
  const enabled = heartbeat.isOn("enabled");
  const url = heartbeat.text("url");
  if (enabled && !isHttpUrl(url)) {
    const message = "heartbeat.url is no URL of http or https";
    throw new ConfigError("ERR_CONF_VALUE", message, heartbeat.placeOf("url"));
  }
  return {
    enabled,
    intervalMs: heartbeat.milliseconds("interval"),
    url,
    deviceId: heartbeat.text("device_id"),
    summaries: heartbeat.isOn("summaries"),
    ports: heartbeat.isOn("ports"),
    network: root.section("stats").number("network"),
  };
}

/** Credentials that nobody chose are refused: they would be the same everywhere. */
function decodeApiAuth(auth: SectionReader): ApiAuthConfig {
  const decoded: ApiAuthConfig = {
    enabled: auth.isOn("enabled"),
    type: auth.choice("type") as ApiAuthConfig["type"],
    username: auth.text("username"),
    password: auth.text("password"),
    token: auth.text("token"),
  };
  const missing = decoded.type === "basic" ? "password" : "token";
  if (decoded.enabled && decoded[missing] === "") {
    const message = `http_api.auth is enabled and has no ${missing}`;
    throw new ConfigError("ERR_CONF_AUTH", message, auth.placeOf("enabled"));
  }
  return decoded;
}

/** Decode `http_static` of a vhost. */
export function decodeHttpStatic(files: SectionReader): HttpStaticConfig {
  return { enabled: files.isOn("enabled"), mount: files.text("mount"), dir: files.text("dir") };
}

/** Decode `http_remux` of a vhost. */
export function decodeHttpRemux(remux: SectionReader): HttpRemuxConfig {
  return {
    enabled: remux.isOn("enabled"),
    mount: remux.text("mount"),
    hasAudio: remux.isOn("has_audio"),
    hasVideo: remux.isOn("has_video"),
    guessHasAv: remux.isOn("guess_has_av"),
    dropsUnannounced: remux.isOn("drop_if_not_match"),
    fastCacheMs: Math.round(remux.number("fast_cache") * 1000),
    isLegacyHevc: remux.isOn("hevc_legacy"),
  };
}
