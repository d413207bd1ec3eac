/** Who knows what is going on, as the rooms of the primary share it. */
import type { Admission } from "./accept/admission.ts";
import type { Clients } from "./coordinator/clients.ts";
import type { Coordinator } from "./coordinator/coordinator.ts";
import type { Edge } from "./coordinator/edge.ts";
import type { Forwards } from "./coordinator/forwards.ts";
import type { Hooks } from "./hooks/hooks.ts";
import type { Logger } from "./log/logger.ts";

/** What most rooms ask. */
export interface Directory {
  readonly admission: Admission;
  readonly coordinator: Coordinator;
  readonly clients: Clients;
  readonly edge: Edge;
  readonly forwards: Forwards;
  readonly hooks: Hooks;
  readonly log: Logger;
  /** A viewer at a gateway was refused. */
  refused(reason: string): void;
}
