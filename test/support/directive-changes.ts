/** Every directive that is in effect, changed: made from the table, so that a new one is tested as well. */
import assert from "node:assert/strict";
import { type DecodedConfig, decodeConfig } from "../../src/protocol/conf/config.ts";
import type { DirectiveSpec } from "../../src/protocol/conf/directive-spec.ts";
import { visitDirectives } from "../../src/protocol/conf/directives.ts";

/** A configuration without and with one directive at another value than its default; the vhost is `v`. */
export interface DirectiveChange {
  /** In the table, e.g. `vhost.play.gop_cache`. */
  readonly path: string;
  readonly spec: DirectiveSpec;
  readonly before: DecodedConfig;
  readonly after: DecodedConfig;
}

/** Lists and texts that take no word as it comes. */
const WORDS: Readonly<Record<string, string>> = {
  listen: "1940",
  allow: "play all",
  deny: "play all",
  hook_fail_open: "on_play",
  address_exempt: "10.0.0.0/8",
  memory_limit: "50%",
  // Of exec.
  publish: "./program [stream]",
};

/** A value of a directive that is not its default, as it is written in its block. */
function otherValue({ type, fallback, words, min, max, name }: DirectiveSpec): string {
  switch (type) {
    case "on-unless-off":
    case "off-unless-on":
      return fallback === "on" ? "off" : "on";
    case "integer":
    case "decimal":
      return String(Number(fallback) + 1 <= max ? Number(fallback) + 1 : min);
    case "choice":
      return words.find((word) => word !== fallback && word !== "") ?? assert.fail(name);
    case "list":
      return WORDS[name] ?? "a.b";
    default:
      return WORDS[name] ?? "other";
  }
}

/** Blocks and other directives that make a directive count. */
const AROUND: Readonly<Record<string, string>> = {
  auto_reload_for_docker: "in_docker on;",
};
/** Directives of these blocks count only beside `enabled on`. */
const SWITCHED: readonly string[] = ["vhost.hls.", "vhost.dvr."];
/** Refused whatever the value: nothing can be reloaded to it. */
const REFUSED: readonly string[] = ["is_full", "vhost.cluster.mode"];
/** Refused alone: written with what it needs. */
const TOGETHER: Readonly<Record<string, string>> = {
  "vhost.token.enabled": "vhost v { token { enabled on; secret other; } }",
  "vhost.ingest.enabled":
    "vhost v { ingest { enabled on; input { url x; } ffmpeg x; engine { output rtmp://x/y/z; } } }",
  "http_server.https.enabled": "http_server { enabled on; https { enabled on; } }",
  "http_api.https.enabled": "http_api { enabled on; https { enabled on; } }",
  "http_api.auth.enabled": "http_api { auth { enabled on; password x; } }",
};
/** Another place for a directive that counts only while the first one is empty. */
const ELSEWHERE: readonly string[] = ["rtmp.listen", "rtmp.chunk_size"];
/** In effect through another directive, which is tested itself. */
const OFF: readonly string[] = ["disable_daemon_for_docker"];

/** In its blocks, and switched on where it counts only then. */
function write(path: string, value: string | null): string {
  const names = path.split(".");
  const name = names.pop();
  const isSwitched = name !== "enabled" && SWITCHED.some((block) => path.startsWith(block));
  const leaf = `${value === null ? "" : `${name} ${value};`} ${isSwitched ? "enabled on;" : ""}`;
  return names.reduceRight((inner, name) => {
    const label = name === "vhost" ? "vhost v" : name;
    return `${label} { ${inner} }`;
  }, leaf);
}

/** One change for each directive in effect, but those that cannot be told by themselves. */
export function directiveChanges(): DirectiveChange[] {
  const changes: DirectiveChange[] = [];
  const options = { include: (): string => "", environment: {} };
  visitDirectives((path, spec) => {
    const isSkipped = [...REFUSED, ...ELSEWHERE, ...OFF].includes(path);
    if (spec.type === "block" || spec.status === "accepted" || isSkipped) {
      return;
    }
    const rest = `${AROUND[path] ?? ""} listen 1935; daemon off; vhost v {}`;
    const before = decodeConfig(`${write(path, null)} ${rest}`, "x.conf", options);
    // The first one of a name counts.
    const written = TOGETHER[path] ?? write(path, otherValue(spec));
    const after = decodeConfig(`${written} ${rest}`, "x.conf", options);
    changes.push({ path, spec, before, after });
  });
  return changes;
}
