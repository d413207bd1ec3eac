/** The blocks that serve streams over HTTP. */
import type { HttpRemuxConfig, HttpServerConfig, HttpStaticConfig } from "./config-types.ts";
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
