/** Looks at the sockets of another process (pidfd_getfd(2)); needs the right to trace it, as a parent has. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import koffi from "koffi";

const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

const libc = koffi.load("libc.so.6");
const cSyscall = libc.func("long syscall(long, long, long, long)");
const cGetsockopt = libc.func("int getsockopt(int, int, int, _Out_ int32_t *, _Inout_ uint32_t *)");
const cClose = libc.func("int close(int)");

/** TCP_NODELAY of each connection that a process holds on one of its listening ports. @throws Error when it may not look */
export function noDelaysOf(pid: number, port: number): boolean[] {
  const inodes = connectionsOn(port);
  const process = cSyscall(SYS_PIDFD_OPEN, pid, 0, 0) as number;
  const found: boolean[] = [];
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    if (inodes.has(linkOf(`/proc/${pid}/fd/${name}`))) {
      const descriptor = cSyscall(SYS_PIDFD_GETFD, process, Number(name), 0) as number;
      if (descriptor < 0) {
        throw new Error(`pidfd_getfd: errno ${koffi.errno()}`);
      }
      const value = [0];
      cGetsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, value, [4]);
      found.push(value[0] !== 0);
      cClose(descriptor);
    }
  }
  cClose(process);
  return found;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Established connections to a local port, as their links in /proc show them. */
function connectionsOn(port: number): Set<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const found = new Set<string>();
  // A listener of both families has its IPv4 connections among those of IPv6.
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].map((table) => readFileSync(table, "utf8"));
  for (const line of tables.join("").split("\n")) {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    if (local.endsWith(`:${hex}`) && state === "01") {
      found.add(`socket:[${inode}]`);
    }
  }
  return found;
}
