/** Connections that a process itself has opened to a port, out of /proc. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const ESTABLISHED = "01";
const HEX = 16;
// Fields of a line in /proc/PID/net/tcp (proc(5)).
const FIELD_REMOTE = 2;
const FIELD_STATE = 3;
const FIELD_INODE = 9;

function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`)) ?? [];
      if (inode !== undefined) {
        inodes.add(inode);
      }
    } catch {
      // Closed meanwhile.
    }
  }
  return inodes;
}

export function upstreamConnections(pid: number, port: number): number {
  const own = socketsOf(pid);
  const lines = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n").slice(1),
  );
  return lines.filter((line) => {
    const fields = line.trim().split(/\s+/);
    const remotePort = Number.parseInt(fields[FIELD_REMOTE]?.split(":")[1] ?? "", HEX);
    const isOurs = own.has(fields[FIELD_INODE] ?? "");
    return isOurs && remotePort === port && fields[FIELD_STATE] === ESTABLISHED;
  }).length;
}
