/** What every gateway has to know. */
import type { ShardLink } from "./shard-link.ts";

/** Posts to those that run; one that is replaced later is told by whoever knows what it missed. */
export function postToGateways(
  links: readonly (ShardLink | undefined)[],
  message: Parameters<ShardLink["post"]>[0],
): void {
  for (const link of links) {
    if (link?.role === "gateway") {
      link.post(message);
    }
  }
}
