/** What a server is started with. */
import type { Config } from "../protocol/conf/config.ts";
import type { Logger } from "./log/logger.ts";
import type { SupervisorLimits } from "./shards/supervisor.ts";

/** Everything that a server is given. */
export interface ServerOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly version: string;
  /** Name of this server; without one the configuration's, or any. */
  readonly serverId?: string;
  /** Lets {@link Server.supervisor} inject faults; for tests. */
  readonly allowFaults?: boolean;
  /** The lobby rehearses before it listens: a little later there, and ready for a storm. */
  readonly isRehearsed?: boolean;
  /** Times and counts of {@link Server.supervisor} that differ from its defaults. */
  readonly supervisorLimits?: Partial<SupervisorLimits>;
  /** A thread hangs that cannot be replaced: the process should end, so that its keeper starts another. */
  readonly stuck?: () => void;
}
