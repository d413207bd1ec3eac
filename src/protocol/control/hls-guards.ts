/**
 * What gateways know of permission to fetch what playlists of HLS list: which vhosts ask for it, and the secret by which
 * each gateway knows what any of them has given out. So nobody is asked about a segment.
 */
import type { HlsSettings } from "./hls.ts";

/** A vhost whose segments are for those alone who were given a playlist that lists them. */
export interface GuardedVhost {
  readonly name: string;
  readonly hls: HlsSettings;
}

/** Told to a gateway before anything else of HLS, and after each reload. */
export interface HlsGuards {
  readonly kind: "hls-guards";
  /** Of this run of weir. **Memory**: owned. */
  readonly secret: Uint8Array;
  readonly vhosts: readonly GuardedVhost[];
}

/** Group of keys that somebody else gives out: gateways have no file of them. */
export const KEYS_ELSEWHERE = -1;
