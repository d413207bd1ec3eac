/**
 * Who may stay after a reload. As in SRS, rules are asked when somebody connects, publishes or plays, and sessions of a
 * vhost that is removed or disabled go on; `strict on` asks them again of everybody who is connected.
 */
import { checkRefer } from "../../protocol/access/refer.ts";
import { checkSecurity } from "../../protocol/access/security.ts";
import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import type { Client, Clients } from "../coordinator/clients.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";

/** A client that has to go. */
interface Unwelcome {
  readonly client: Client;
  readonly why: string;
}

/** Who is connected, and where. */
export interface Connected {
  readonly clients: Clients;
  readonly links: readonly (ShardLink | undefined)[];
  readonly log: Logger;
}

/** Ends those whom `config` would not admit any more; nobody unless it is strict. */
export function endUnwelcome(config: Config, { clients, links, log }: Connected): void {
  for (const { client, why } of noLongerAllowed(config, clients)) {
    log.info(client.id, `${client.type} is ended: ${why}`);
    const ending = links[client.shard]?.kick(client.row, "no longer allowed");
    ending?.catch((error: unknown) => log.warn(client.id, String(error)));
  }
}

function noLongerAllowed(config: Config, clients: Clients): Unwelcome[] {
  if (!config.strict) {
    return [];
  }
  const unwelcome: Unwelcome[] = [];
  for (const client of clients) {
    const why = reasonAgainst(config, client);
    if (why !== undefined) {
      unwelcome.push({ client, why });
    }
  }
  return unwelcome;
}

function reasonAgainst(config: Config, client: Client): string | undefined {
  const { ip, request, plays, published } = client;
  const uses = [
    ...[...published].map((entry) => ({ entry, action: "publish" as const })),
    ...plays.map(({ entry }) => ({ entry, action: "play" as const })),
  ];
  for (const { entry, action } of uses) {
    const name = entry.key.slice(0, entry.key.indexOf("/"));
    // A stream of the default vhost stays there, whatever name its client used.
    const vhost = config.vhosts.has(name) ? resolveVhost(config, name) : undefined;
    if (vhost === undefined) {
      return `no vhost ${name}`;
    }
    if (checkSecurity(vhost.security, action, ip) !== undefined) {
      return `its address may not ${action}`;
    }
    const { pageUrl } = request;
    if (!(checkRefer(vhost.refer, "all", pageUrl) && checkRefer(vhost.refer, action, pageUrl))) {
      return "its page may not be served";
    }
  }
  return undefined;
}
