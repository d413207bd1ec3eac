/**
 * Ports for servers under test. weir shares its ports with whoever listens on them as well (SO_REUSEPORT), so two tests
 * that chose the same one would not fail: each would get a part of the other's connections.
 *
 * Each test process claims blocks of ports that no other one has. They lie below those that the kernel gives to outgoing
 * connections. A claim is a name of the abstract socket namespace: taken by one process of the host at a time, and given
 * back by the kernel however that ends.
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

const PORTS_FROM = 10_000;
const PORTS_TO = 32_768;
const BLOCK_PORTS = 32;

/** Claims, kept until the process ends. */
const claims: Server[] = [];
let next = 0;
let end = 0;
let queue: Promise<unknown> = Promise.resolve();

/** A port that nobody listens on, and that no other test process is given while this one lives. Never given twice. */
export function claimPort(): Promise<number> {
  const port = queue.then(takePort);
  queue = port.catch(() => undefined);
  return port;
}

async function takePort(): Promise<number> {
  for (;;) {
    if (next === end) {
      next = await claimBlock();
      end = next + BLOCK_PORTS;
    }
    const port = next;
    next += 1;
    // Servers of others do not share: this binds without SO_REUSEPORT.
    const server = await listen({ port, host: "0.0.0.0" });
    if (server !== null) {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      return port;
    }
  }
}

/** @returns its first port. */
async function claimBlock(): Promise<number> {
  const blocks = Math.floor((Math.min(PORTS_TO, firstOutgoingPort()) - PORTS_FROM) / BLOCK_PORTS);
  for (let tried = 0; tried < blocks; tried += 1) {
    const port = PORTS_FROM + ((process.pid + tried) % blocks) * BLOCK_PORTS;
    const claim = await listen({ path: `\0weir-test-ports-${port}` });
    if (claim !== null) {
      claims.push(claim.unref());
      return port;
    }
  }
  throw new Error(`no ports left between ${PORTS_FROM} and those of outgoing connections`);
}

function firstOutgoingPort(): number {
  return Number.parseInt(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"), 10);
}

/** @returns null when the place is taken. */
function listen(where: { port: number; host: string } | { path: string }): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(null) : reject(error),
    );
    server.listen(where, () => resolve(server));
  });
}
