/** What the lobby and its newcomers work with. */
import type { Config } from "../../protocol/conf/config.ts";
import type { ServerInfo } from "../../protocol/rtmp/server-session.ts";
import type { Clients } from "../coordinator/clients.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Edge } from "../coordinator/edge.ts";
import type { Forwards } from "../coordinator/forwards.ts";
import type { Hooks } from "../hooks/hooks.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Admission } from "./admission.ts";
import type { FileBudget } from "./file-budget.ts";
import type { Poller } from "./poller.ts";

/** The lobby's surroundings. */
export interface LobbyHost {
  config(): Config;
  readonly admission: Admission;
  readonly coordinator: Coordinator;
  readonly edge: Edge;
  readonly forwards: Pick<Forwards, "publishes">;
  readonly clients: Clients;
  readonly hooks: Pick<Hooks, "open">;
  readonly shards: readonly (ShardLink | undefined)[];
  readonly log: Logger;
  readonly serverInfo: Omit<ServerInfo, "id">;
  readonly files: FileBudget;
  readonly poller: Poller;
  /** The lobby is full (true), or has room again (false): accept is delayed meanwhile. */
  crowded(isCrowded: boolean): void;
}
