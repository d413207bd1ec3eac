/** The control plane of a server that runs in the test's own process. */
import { Admin, type AdminOptions } from "../../src/main/admin/admin.ts";
import type { Server } from "../../src/main/server.ts";

const nothing = (): void => undefined;

/** Opens API and exporter; they log nothing and reload nothing. */
export function openAdmin(server: Server): Promise<Admin> {
  const log = { info: nothing, warn: nothing, error: nothing } as unknown as AdminOptions["log"];
  const ids = { version: "0.0.0", serverId: "vid-of-test" };
  const keeper = { counts: new Map(), waiting: 0, refusals: 0 };
  return Admin.open({ server, programs: { keeper }, reloader: () => undefined, log, ...ids });
}
