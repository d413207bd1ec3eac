/**
 * The C library calls of the primary: listening with SO_REUSEPORT, the sockets of the lobby, locking the pid file, and giving
 * pages of unused memory back.
 * They never block, and results follow the kernel's convention, a count or number on success and `-errno` on failure,
 * unless said otherwise.
 *
 * Addresses are taken only of memory that cannot move and is held here for ever. `struct epoll_event` is packed to 12
 * bytes on x86-64 and padded to 16 elsewhere.
 */
import { fstatSync, writeFileSync } from "node:fs";
import { InvariantError, TransportError } from "../../protocol/errors.ts";
import {
  acceptedPlainFrom,
  acceptPlain,
  closePlain,
  endPlainWrites,
  listenPlainly,
  plainInode,
  plainLocalAddress,
  receivePlain,
  sendPlain,
} from "./plain-sockets.ts";
import { AF_INET, AF_INET6, encodeAddress4, encodeAddress6 } from "./socket-address.ts";

const AF_UNIX = 1;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o200_0000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EAGAIN = 11;
const EACCES = 13;
const F_OFD_SETLK = 37;
const F_DUPFD_CLOEXEC = 1030;
const F_WRLCK = 1;
/** struct flock of 64-bit hosts: l_type, l_whence, padding, l_start, l_len, l_pid, padding. */
const FLOCK_BYTES = 32;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SHUT_WR = 1;
const EPOLL_CLOEXEC = 0o200_0000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EVENT_BYTES = process.arch === "x64" ? 12 : 16;
const EVENT_DATA_OFFSET = process.arch === "x64" ? 4 : 8;
const EVENTS_MAX = 512;
const SOCKADDR_BYTES = 28;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o200_0000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x40_00;
const MFD_CLOEXEC = 1;
const MADV_DONTNEED = 4;
/** Ranges are cut to whole pages; elsewhere than on x86-64 they may be larger than usual. */
const PAGE_BYTES = process.arch === "x64" ? 4096 : 64 * 1024;
/** Connections that wait for accept; the host's somaxconn caps it. */
const BACKLOG = 4096;

const koffi = await loadKoffi();
const libc = koffi?.load("libc.so.6");

/** False where koffi does not load: sockets are Node's own then, and stay in the primary. */
export const isNative: boolean = libc !== undefined;

function loadKoffi(): Promise<typeof import("koffi").default | undefined> {
  return import("koffi").then(
    ({ default: loaded }) => loaded,
    () => undefined,
  );
}

function unavailable(): never {
  throw new InvariantError("a native call without koffi");
}

type NativeValue = number | Uint8Array | Int32Array;

function bind(signature: string): (...values: (NativeValue | string)[]) => number {
  return libc === undefined ? unavailable : libc.func(signature);
}

function addressOf(bytes: Uint8Array): number {
  return koffi === undefined ? 0 : Number(koffi.address(bytes));
}

const cSocket = bind("int socket(int, int, int)");
const cSetsockopt = bind("int setsockopt(int, int, int, const void *, uint32_t)");
const cBind = bind("int bind(int, const void *, uint32_t)");
const cListen = bind("int listen(int, int)");
const cFcntl = bind("int fcntl(int, int, int)");
const cFcntlLock = libc?.func("fcntl", "int", ["int", "int", "void *"]) ?? unavailable;
const cSocketPair = bind("int socketpair(int, int, int, uintptr_t)");
const cAccept = bind("int accept4(int, uintptr_t, uintptr_t, int)");
const cSockName = bind("int getsockname(int, uintptr_t, uintptr_t)");
const cRecv = bind("intptr_t recv(int, uintptr_t, size_t, int)");
const cShutdown = bind("int shutdown(int, int)");
const cMemoryFile = bind("int memfd_create(const char *, unsigned int)");
const cEpollCreate = bind("int epoll_create1(int)");
const cEpollCtl = bind("int epoll_ctl(int, int, int, uintptr_t)");
const cEpollWait = bind("int epoll_wait(int, uintptr_t, int, int)");
const cClose = bind("int close(int)");
const cMadvise = bind("int madvise(uintptr_t, size_t, int)");
const cSend = bind("intptr_t send(int, const void *, size_t, int)");

function check(result: number, call: string): number {
  if (result < 0) {
    const errno = koffi?.errno() ?? 0;
    const name =
      Object.entries(koffi?.os.errno ?? {}).find(([, value]) => value === errno)?.[0] ??
      `errno ${errno}`;
    throw new TransportError(`ERR_${call.toUpperCase()}`, `${call}: ${name}`);
  }
  return result;
}

/** A second number for the same socket. The caller owns it. @throws TransportError */
export function duplicate(descriptor: number): number {
  return check(cFcntl(descriptor, F_DUPFD_CLOEXEC, 0), "dup");
}

/** Linux errno values that callers tell apart. */
export const Errno = { Intr: 4, Again: 11 } as const;

/** epoll event bits (epoll_ctl(2)). HangUp: the peer sends no more. */
export const Epoll = { In: 1, Out: 4, HangUp: 0x20_00 } as const;

/** Bytes that one {@link receiveNow} takes at most. */
const INBOX_BYTES = 64 * 1024;
/** **Owned** by this module: what the last {@link receiveNow} read. */
export const inbox: Uint8Array = new Uint8Array(INBOX_BYTES);
const inboxAddress = addressOf(inbox);
/** **Owned**: socket address, then its length. */
const addressBytes = new Uint8Array(256);
const addressView = new DataView(addressBytes.buffer);
const addressAt = addressOf(addressBytes);
const LENGTH_OFFSET = 128;
/** **Owned**: what {@link Readiness.wait} found. */
const eventBytes = new Uint8Array(EVENTS_MAX * EVENT_BYTES);
const eventView = new DataView(eventBytes.buffer);
const eventsAt = addressOf(eventBytes);
/** **Owned**: the event of one epoll_ctl. */
const requestBytes = new Uint8Array(256);
const requestView = new DataView(requestBytes.buffer);
const requestAt = addressOf(requestBytes);

function resultOf(value: number): number {
  return value < 0 ? -(koffi?.errno() ?? 0) : value;
}

/** send(2) of the first `length` bytes, never raising SIGPIPE. @returns bytes taken, or `-errno`. */
export function sendNow(descriptor: number, bytes: Uint8Array, length: number): number {
  if (!isNative) {
    return sendPlain(descriptor, bytes, length);
  }
  return resultOf(cSend(descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** recv(2) into {@link inbox}. @returns bytes, 0 at the peer's end, or `-errno`. */
export function receiveNow(descriptor: number): number {
  if (!isNative) {
    return receivePlain(descriptor, inbox);
  }
  return resultOf(cRecv(descriptor, inboxAddress, INBOX_BYTES, MSG_DONTWAIT));
}

/** The next connection of a listening socket. The caller owns it. @returns its descriptor, or `-errno`. */
export function acceptNow(listening: number): number {
  if (!isNative) {
    return acceptPlain(listening);
  }
  addressView.setUint32(LENGTH_OFFSET, SOCKADDR_BYTES, true);
  return resultOf(cAccept(listening, addressAt, addressAt + LENGTH_OFFSET, SOCK_NONBLOCK_CLOEXEC));
}

/** Address of the peer that the last {@link acceptNow} gave. */
export function acceptedFrom(): string {
  return isNative ? decodeAddress() : acceptedPlainFrom();
}

/** Address that a socket's peer reached; empty when it has none. */
export function localAddress(descriptor: number): string {
  if (!isNative) {
    return plainLocalAddress(descriptor);
  }
  addressView.setUint32(LENGTH_OFFSET, SOCKADDR_BYTES, true);
  return cSockName(descriptor, addressAt, addressAt + LENGTH_OFFSET) < 0 ? "" : decodeAddress();
}

/** Tells the peer that nothing more will come. */
export function endWrites(descriptor: number): void {
  if (isNative) {
    cShutdown(descriptor, SHUT_WR);
  } else {
    endPlainWrites(descriptor);
  }
}

/** IPv4 (also mapped into IPv6) as four numbers, IPv6 in groups with the longest run of zeros left out. */
function decodeAddress(): string {
  const family = addressView.getUint16(0, true);
  if (family === AF_INET) {
    return addressBytes.subarray(4, 8).join(".");
  }
  if (family !== AF_INET6) {
    return "";
  }
  const groups = Array.from({ length: 8 }, (_, index) => addressView.getUint16(8 + index * 2));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xff_ff) {
    return addressBytes.subarray(20, 24).join(".");
  }
  // The URL parser writes IPv6 in its canonical form (RFC 5952).
  const text = groups.map((group) => group.toString(16)).join(":");
  return new URL(`tcp://[${text}]`).host.slice(1, -1);
}

/**
 * Two connected sockets that nobody else sees. The caller owns both.
 * @param bytesMax On the way at most, each way, as the kernel counts them; 0: as usual. @throws TransportError
 */
export function openPair(bytesMax: number = 0): [number, number] {
  check(cSocketPair(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0, addressAt), "socketpair");
  const pair: [number, number] = [addressView.getInt32(0, true), addressView.getInt32(4, true)];
  if (bytesMax > 0) {
    const half = new Int32Array([bytesMax / 2]);
    for (const descriptor of pair) {
      // The kernel takes it twice, for its own use. It cannot fail on a socket just made.
      cSetsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, half, 4);
    }
  }
  return pair;
}

/**
 * A file in memory that others of this process open by name and nobody finds on a disk. It lives until the descriptor is
 * closed. The caller owns it. @throws TransportError
 */
export function openMemoryFile(text: string): {
  readonly descriptor: number;
  readonly path: string;
} {
  const descriptor = check(cMemoryFile("weir", MFD_CLOEXEC), "memfd_create");
  writeFileSync(descriptor, text, "latin1");
  return { descriptor, path: `/proc/self/fd/${descriptor}` };
}

/** Tells of a descriptor that has become readable, until it is told to stop. @returns what stops it. */
export function watchReadable(descriptor: number, heard: () => void): () => void {
  const handle = koffi?.node.poll(descriptor, { readable: true }, heard);
  return () => handle?.close();
}

/** An epoll set. */
export class Readiness {
  /** **Owned** until {@link close}. */
  readonly descriptor: number = check(cEpollCreate(EPOLL_CLOEXEC), "epoll_create1");

  /** Watches a descriptor for events, level-triggered; an error or hang-up is always told. */
  add(descriptor: number, events: number): void {
    this.#control(EPOLL_CTL_ADD, descriptor, events);
  }

  change(descriptor: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, descriptor, events);
  }

  remove(descriptor: number): void {
    this.#control(EPOLL_CTL_DEL, descriptor, 0);
  }

  /** Takes what is ready now. @returns how many, read by {@link ready} before the next call. */
  take(): number {
    return Math.max(0, cEpollWait(this.descriptor, eventsAt, EVENTS_MAX, 0));
  }

  /** Descriptor of one taken event. */
  ready(index: number): number {
    return eventView.getInt32(index * EVENT_BYTES + EVENT_DATA_OFFSET, true);
  }

  close(): void {
    cClose(this.descriptor);
  }

  #control(operation: number, descriptor: number, events: number): void {
    requestView.setUint32(0, events, true);
    requestView.setInt32(EVENT_DATA_OFFSET, descriptor, true);
    cEpollCtl(this.descriptor, operation, descriptor, requestAt);
  }
}

/**
 * Locks a whole open file for writing. The lock is the open file's: it ends when the descriptor is closed, at the latest
 * with the process, and no other use of the same file in this process lets it go.
 * @returns false when another process holds it. @throws TransportError
 */
export function lockFile(descriptor: number): boolean {
  const lock = new Uint8Array(FLOCK_BYTES);
  new DataView(lock.buffer).setInt16(0, F_WRLCK, true);
  const result = cFcntlLock(descriptor, F_OFD_SETLK, lock);
  const isHeld = result < 0 && [EAGAIN, EACCES].includes(koffi?.errno() ?? 0);
  if (!isHeld) {
    check(result, "fcntl");
  }
  return !isHeld;
}

/**
 * Gives the pages of memory back to the system but its first `keptBytes`: what nobody needs any more reads as zero or as
 * it was, and takes no memory until it is written again.
 */
export function forgetMemory(memory: SharedArrayBuffer, keptBytes: number): void {
  if (koffi === undefined) {
    return;
  }
  const start = Number(koffi.address(Buffer.from(memory)));
  const from = Math.ceil((start + keptBytes) / PAGE_BYTES) * PAGE_BYTES;
  const end = Math.floor((start + memory.byteLength) / PAGE_BYTES) * PAGE_BYTES;
  if (end > from) {
    cMadvise(from, end - from, MADV_DONTNEED);
  }
}

/** Closes a descriptor that this thread owns. */
export function closeDescriptor(descriptor: number): void {
  if (isNative) {
    cClose(descriptor);
  } else {
    closePlain(descriptor);
  }
}

/** The inode behind a descriptor, or -1 when the number names nothing. */
export function inodeOf(descriptor: number): number {
  if (!isNative) {
    return plainInode(descriptor);
  }
  try {
    return fstatSync(descriptor).ino;
  } catch {
    return -1;
  }
}

function setOption(descriptor: number, level: number, name: number, value: number): void {
  check(cSetsockopt(descriptor, level, name, new Int32Array([value]), 4), "setsockopt");
}

function openSocket(family: number, address: Uint8Array): number {
  const descriptor = check(cSocket(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), "socket");
  try {
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family === AF_INET6) {
      setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    // Accepted sockets inherit it.
    setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
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
  if (!isNative) {
    return listenPlainly(host, port);
  }
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
