/**
 * Directives of earlier SRS versions rewritten to the form of SRS 7, before anything is validated,
 * so that old configurations keep working. Spec: SRS compatibility §0 "Legacy rewriting".
 */
import type { Directive } from "./grammar.ts";

/** Rewritten directives and one sentence for each rewriting. */
export interface Rewritten {
  readonly directives: readonly Directive[];
  readonly warnings: readonly string[];
}

/** Rewrite a whole configuration. The given tree is left as it is. */
export function rewriteLegacy(directives: readonly Directive[]): Rewritten {
  const warnings: string[] = [];
  return { directives: directives.map((directive) => rewriteRoot(directive, warnings)), warnings };
}

/** Block and name of a directive. */
type Place = readonly [block: string, name: string];

/** A vhost's flat directive to the block and name it has now. */
const MOVED: ReadonlyMap<string, Place> = new Map<string, Place>([
  ...[
    "time_jitter",
    "mix_correct",
    "atc",
    "atc_auto",
    "mw_latency",
    "gop_cache",
    "gop_cache_max_frames",
    "queue_length",
    "send_min_interval",
    "reduce_sequence_header",
  ].map((name) => [name, ["play", name]] as const),
  ...["mode", "origin", "token_traverse", "vhost", "debug_srs_upnode"].map(
    (name) => [name, ["cluster", name]] as const,
  ),
  ["publish_1stpkt_timeout", ["publish", "firstpkt_timeout"]],
  ["publish_normal_timeout", ["publish", "normal_timeout"]],
  ["refer", ["refer", "all"]],
  ["refer_play", ["refer", "play"]],
  ["refer_publish", ["refer", "publish"]],
]);

/** A vhost's former block to the block and names its children have now. */
const UNFOLDED: ReadonlyMap<
  string,
  readonly (readonly [child: string, block: string, name: string])[]
> = new Map([
  [
    "mr",
    [
      ["enabled", "publish", "mr"],
      ["latency", "publish", "mr_latency"],
    ],
  ],
  [
    "nack",
    [
      ["enabled", "rtc", "nack"],
      ["no_copy", "rtc", "nack_no_copy"],
    ],
  ],
  ["twcc", [["enabled", "rtc", "twcc"]]],
]);

/** Children that are gone, by block. */
const DROPPED: ReadonlyMap<string, readonly string[]> = new Map([
  ["http_remux", ["hstrs"]],
  ["rtc_server", ["perf_stat", "queue_length"]],
  [
    "stream_caster",
    [
      "tcp_enable",
      "rtp_port_min",
      "rtp_port_max",
      "wait_keyframe",
      "rtp_idle_timeout",
      "audio_enable",
      "auto_create_channel",
    ],
  ],
  [
    "sip",
    [
      "serial",
      "realm",
      "ack_timeout",
      "keepalive_timeout",
      "invite_port_fixed",
      "query_catalog_interval",
      "auto_play",
    ],
  ],
]);

function rewriteRoot(directive: Directive, warnings: string[]): Directive {
  switch (directive.name) {
    case "http_stream":
      return renamed(directive, "http_server", warnings);
    case "srt_server":
      return withChildren(
        directive,
        directive.children.map((child) =>
          child.name === "tlpkdrop" ? renamed(child, "tlpktdrop", warnings) : child,
        ),
      );
    case "rtc_server":
      return dropChildren(directive, warnings);
    case "stream_caster":
      return rewriteCaster(dropChildren(directive, warnings), warnings);
    case "vhost":
      return rewriteVhost(directive, warnings);
    default:
      return directive;
  }
}

function rewriteCaster(caster: Directive, warnings: string[]): Directive {
  let result = withChildren(
    caster,
    caster.children
      .filter((child) => child.name !== "host")
      .map((child) => (child.name === "sip" ? dropChildren(child, warnings) : child)),
  );
  for (const host of caster.children.filter((child) => child.name === "host")) {
    warnings.push(told(host, "sip.candidate"));
    result = inBlock(result, "sip", { ...host, name: "candidate" });
  }
  return result;
}

function rewriteVhost(vhost: Directive, warnings: string[]): Directive {
  const kept = vhost.children.filter((child) => !isMoved(child) && !UNFOLDED.has(child.name));
  let result = withChildren(
    vhost,
    kept.map((child) => rewriteVhostBlock(child, warnings)),
  );
  for (const child of vhost.children) {
    for (const [block, moved] of placesOf(child)) {
      warnings.push(told(child, `${block}.${moved.name}`));
      if (block === "refer") {
        result = inBlock(result, block, { ...moved, name: "enabled", args: ["on"] });
      }
      result = inBlock(result, block, moved);
    }
  }
  return result;
}

function isMoved(child: Directive): boolean {
  return MOVED.has(child.name) && !child.isBlock;
}

/** Where a former directive of a vhost belongs now, block and directive; nothing when it may stay. */
function placesOf(child: Directive): [block: string, moved: Directive][] {
  const moved = isMoved(child) ? MOVED.get(child.name) : undefined;
  if (moved !== undefined) {
    return [[moved[0], { ...child, name: moved[1] }]];
  }
  return (UNFOLDED.get(child.name) ?? []).flatMap(([from, block, name]) =>
    child.children
      .filter((inner) => inner.name === from)
      .map((inner): [string, Directive] => [block, { ...inner, name }]),
  );
}

function rewriteVhostBlock(child: Directive, warnings: string[]): Directive {
  switch (child.name) {
    case "http":
      return renamed(child, "http_static", warnings);
    case "http_remux":
      return dropChildren(child, warnings);
    case "forward":
      return child.isBlock || child.args.length === 0 ? child : unfoldForward(child, warnings);
    case "rtc":
      return rewriteRtc(child, warnings);
    default:
      return child;
  }
}

function unfoldForward(forward: Directive, warnings: string[]): Directive {
  warnings.push(told(forward, "forward.destination"));
  const enabled = { ...forward, name: "enabled", args: ["on"] };
  const destination = { ...forward, name: "destination" };
  return { ...forward, args: [], isBlock: true, children: [enabled, destination] };
}

/** `aac transcode` and `bframe keep` became switches. */
function rewriteRtc(rtc: Directive, warnings: string[]): Directive {
  const switches: Readonly<Record<string, readonly [name: string, on: string]>> = {
    aac: ["rtmp_to_rtc", "transcode"],
    bframe: ["keep_bframe", "keep"],
  };
  const children = rtc.children.map((child) => {
    const [name, on] = switches[child.name] ?? [];
    if (name === undefined) {
      return child;
    }
    warnings.push(told(child, `rtc.${name}`));
    return { ...child, name, args: [child.args[0] === on ? "on" : "off"] };
  });
  return withChildren(rtc, children);
}

/** Put `child` first into the first block of that name, where it outranks a later one, as in SRS. */
function inBlock(parent: Directive, name: string, child: Directive): Directive {
  const index = parent.children.findIndex(
    (candidate) => candidate.name === name && candidate.isBlock,
  );
  const block = parent.children[index];
  if (block === undefined) {
    const created = { ...child, name, args: [], isBlock: true, children: [child] };
    return withChildren(parent, [...parent.children, created]);
  }
  const others = block.children.filter((candidate) => candidate.name !== child.name);
  const children = [...parent.children];
  children[index] = withChildren(block, [child, ...others]);
  return withChildren(parent, children);
}

function dropChildren(parent: Directive, warnings: string[]): Directive {
  const gone = DROPPED.get(parent.name) ?? [];
  const children = parent.children.filter((child) => !gone.includes(child.name));
  for (const child of parent.children.filter((candidate) => gone.includes(candidate.name))) {
    warnings.push(
      `${child.file}:${child.line}: ${parent.name}.${child.name} is obsolete and ignored`,
    );
  }
  return withChildren(parent, children);
}

function renamed(directive: Directive, name: string, warnings: string[]): Directive {
  warnings.push(told(directive, name));
  return { ...directive, name };
}

function withChildren(directive: Directive, children: readonly Directive[]): Directive {
  return { ...directive, children };
}

function told(directive: Directive, now: string): string {
  return `${directive.file}:${directive.line}: ${directive.name} is read as ${now}, its name today`;
}
