/** The C library calls of the primary: listening with SO_REUSEPORT, and duplicating descriptors for hand-off. */
import { fstatSync } from "node:fs";
import koffi from "koffi";
import { TransportError } from "../../protocol/errors.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o200_0000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const F_DUPFD_CLOEXEC = 1030;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x40_00;
/** Connections that wait for accept; the host's somaxconn caps it. */
export const BACKLOG = 4096;

const libc = koffi.load("libc.so.6");
const cSocket = libc.func("int socket(int, int, int)");
const cSetsockopt = libc.func("int setsockopt(int, int, int, const void *, uint32_t)");
const cBind = libc.func("int bind(int, const void *, uint32_t)");
const cListen = libc.func("int listen(int, int)");
const cFcntl = libc.func("int fcntl(int, int, int)");
const cClose = libc.func("int close(int)");
const cSend = libc.func("intptr_t send(int, const void *, size_t, int)");

function check(result: number, call: string): number {
  if (result < 0) {
    const errno = koffi.errno();
    const name =
      Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    throw new TransportError(`ERR_${call.toUpperCase()}`, `${call}: ${name}`);
  }
  return result;
}

/** A second number for the same socket. The caller owns it. @throws TransportError */
export function duplicate(descriptor: number): number {
  return check(cFcntl(descriptor, F_DUPFD_CLOEXEC, 0), "dup");
}

/**
 * send(2) of the first `length` bytes, never blocking and never raising SIGPIPE.
 * @returns bytes taken, or -1 when none were.
 */
export function sendNow(descriptor: number, bytes: Uint8Array, length: number): number {
  return cSend(descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/** Closes a descriptor that this thread owns. */
export function closeDescriptor(descriptor: number): void {
  cClose(descriptor);
}

/** The inode behind a descriptor, or -1 when the number names nothing. */
export function inodeOf(descriptor: number): number {
  try {
    return fstatSync(descriptor).ino;
  } catch {
    return -1;
  }
}

function setOption(descriptor: number, level: number, name: number, value: number): void {
  check(cSetsockopt(descriptor, level, name, new Int32Array([value]), 4), "setsockopt");
}

function encodeAddress4(host: string, port: number): Uint8Array {
  const address = new Uint8Array(16);
  new DataView(address.buffer).setUint16(0, AF_INET, true);
  new DataView(address.buffer).setUint16(2, port);
  address.set(host.split(".").map(Number), 4);
  return address;
}

/** Groups of an IPv6 literal, `::` filled up. */
function groupsOf(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const parse = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...new Array<number>(Math.max(0, zeros)).fill(0), ...after];
}

function encodeAddress6(host: string, port: number): Uint8Array {
  const address = new Uint8Array(28);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  for (const [index, group] of groupsOf(host).entries()) {
    view.setUint16(8 + index * 2, group);
  }
  return address;
}

function openSocket(family: number, address: Uint8Array): number {
  const descriptor = check(cSocket(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), "socket");
  try {
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family === AF_INET6) {
      setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    check(cBind(descriptor, address, address.length), "bind");
    check(cListen(descriptor, BACKLOG), "listen");
    return descriptor;
  } catch (error) {
    cClose(descriptor);
    throw error;
  }
}

/**
 * A listening socket that other processes may share the port with (SO_REUSEPORT), as SRS's users do.
 *
 * @param host IP literal; '' for every address of both families, or of IPv4 where the host has no IPv6.
 * @throws TransportError
 */
export function listenShared(host: string, port: number): number {
  if (host.includes(":")) {
    return openSocket(AF_INET6, encodeAddress6(host, port));
  }
  if (host !== "") {
    return openSocket(AF_INET, encodeAddress4(host, port));
  }
  try {
    return openSocket(AF_INET6, encodeAddress6("::", port));
  } catch (error) {
    if (error instanceof TransportError && error.code === "ERR_SOCKET") {
      return openSocket(AF_INET, encodeAddress4("0.0.0.0", port));
    }
    throw error;
  }
}
