/** What a vhost's viewers by HTTP get, as its gateways are told. */
import type { VhostConfig } from "../../protocol/conf/config.ts";
import { mountFormat } from "../../protocol/conf/mount.ts";
import type { RemuxSettings } from "../../protocol/control/calls.ts";

/** @returns null where nothing is served, or the mount's end names no form. */
export function remuxOf({ httpRemux }: VhostConfig): RemuxSettings | null {
  const { enabled, mount, ...settings } = httpRemux;
  const format = enabled ? mountFormat(mount) : null;
  return format === null ? null : { format, ...settings };
}

/** The form that is made of each stream from its publish on, so that the first viewer gets the past too; null: none. */
export function keptFormOf(vhost: VhostConfig): RemuxSettings | null {
  const remux = remuxOf(vhost);
  const isAudio = remux?.format === "mp3" || remux?.format === "aac";
  return isAudio && remux.fastCacheMs > 0 ? remux : null;
}
