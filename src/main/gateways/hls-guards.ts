/** Which vhosts ask for permission to play by HLS, and what gateways are told so that they ask nobody about a segment. */
import { randomBytes } from "node:crypto";
import type { Config, VhostConfig } from "../../protocol/conf/config.ts";
import type { HlsGuards } from "../../protocol/control/hls-guards.ts";

const SECRET_BYTES = 32;

/** What is known of it for as long as weir runs. */
export class GuardedVhosts {
  readonly #secret: Uint8Array = new Uint8Array(randomBytes(SECRET_BYTES));

  /** What a configuration asks for. */
  news({ vhosts }: Pick<Config, "vhosts">): HlsGuards {
    const guarded = [...vhosts.values()].filter((vhost) => vhost.hls.isSigned && isAsked(vhost));
    return {
      kind: "hls-guards",
      secret: this.#secret,
      vhosts: guarded.map(({ name, hls }) => ({ name, hls })),
    };
  }
}

/** Something that is asked before a playlist is given looks at who wants it. */
export function isAsked({ hls, security, refer, token, hooks }: VhostConfig): boolean {
  // Nobody calls back about a viewer without a session.
  const isCalled = hls.hasSessions && hooks.enabled && hooks.urls.on_play.length > 0;
  const hasPages = refer.enabled && refer.play.length > 0;
  return security.enabled || hasPages || (token.enabled && token.play) || isCalled;
}
