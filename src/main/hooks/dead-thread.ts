/** Clients whose thread is gone: their callbacks end with what the thread had counted. */
import type { Board } from "../../protocol/control/board.ts";
import type { HookSession } from "./hook-session.ts";

/** What is looked at of a client. */
interface Lost {
  readonly hooks?: HookSession | undefined;
  readonly shard: number;
  readonly row: number;
}

/** @param boards By thread. */
export function closeHooks(clients: Iterable<Lost>, boards: readonly (Board | undefined)[]): void {
  for (const { hooks, shard, row } of clients) {
    const board = boards[shard];
    hooks?.close({ sent: board?.bytesOut[row] ?? 0, received: board?.bytesIn[row] ?? 0 });
  }
}
