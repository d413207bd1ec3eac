/**
 * The bench's only foreign calls: sockets and epoll without a JavaScript object per connection, so that one
 * core carries thousands of players. Addresses are taken of SharedArrayBuffer memory only (it never moves),
 * and whoever holds an address holds the memory too. Failures are returned as a negative errno.
 */
import { endianness } from "node:os";
import koffi from "koffi";

type Call = (...values: (number | null)[]) => number;

const libc = koffi.load("libc.so.6");
const declare = (prototype: string): Call => libc.func(prototype) as unknown as Call;

const socket = declare("int socket(int, int, int)");
const bind = declare("int bind(int, uintptr_t, uint32_t)");
const listen = declare("int listen(int, int)");
const accept4 = declare("int accept4(int, uintptr_t, uintptr_t, int)");
const connect = declare("int connect(int, uintptr_t, uint32_t)");
const getsockname = declare("int getsockname(int, uintptr_t, uintptr_t)");
const getsockopt = declare("int getsockopt(int, int, int, uintptr_t, uintptr_t)");
const setsockopt = declare("int setsockopt(int, int, int, uintptr_t, uint32_t)");
const send = declare("intptr_t send(int, uintptr_t, size_t, int)");
const recv = declare("intptr_t recv(int, uintptr_t, size_t, int)");
const close = declare("int close(int)");
const epollCreate = declare("int epoll_create1(int)");
const epollControl = declare("int epoll_ctl(int, int, int, uintptr_t)");
const epollWait = declare("int epoll_wait(int, uintptr_t, int, int)");

const AF_INET = 2;
const SOCKET_FLAGS = 1 | 0x8_00 | 0x8_00_00; // SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT_NOSIGNAL = 0x40_40;
/** Of TCP: what was received is dropped and not copied; the address is not looked at. */
const MSG_DONTWAIT_TRUNC = 0x60;
const SOCKADDR_BYTES = 16;
const LISTEN_BACKLOG = 4096;

/** errno values the callers tell apart. */
export const Errno = { EAGAIN: 11, EINPROGRESS: 115, EINTR: 4 } as const;

/** epoll event bits. */
export const EpollEvent = { IN: 1, OUT: 4, ERR: 8, HUP: 16, RDHUP: 0x20_00 } as const;

/** **Owned** memory that native calls may address: it does not move and lives as long as this object. */
export class NativeMemory {
  readonly bytes: Uint8Array;
  /** Address of `bytes[0]`. */
  readonly address: number;

  constructor(sizeBytes: number) {
    const shared = new SharedArrayBuffer(sizeBytes);
    this.bytes = new Uint8Array(shared);
    this.address = Number(koffi.address(Buffer.from(shared)));
  }
}

const scratch = new NativeMemory(64);
const scratchView = new DataView(scratch.bytes.buffer);

const checked = (result: number): number => (result < 0 ? -koffi.errno() : result);

function must(result: number, what: string): number {
  if (result < 0) {
    throw new Error(`${what} failed: errno ${koffi.errno()}`);
  }
  return result;
}

function writeLoopbackAddress(port: number): void {
  scratchView.setUint16(0, AF_INET, endianness() === "LE");
  scratchView.setUint16(2, port);
  scratchView.setUint32(4, 0x7f_00_00_01);
  scratchView.setUint32(8, 0);
  scratchView.setUint32(12, 0);
}

function setOption(fd: number, level: number, option: number, value: readonly number[]): void {
  value.forEach((word, index) => {
    scratchView.setInt32(index * 4, word, true);
  });
  must(setsockopt(fd, level, option, scratch.address, value.length * 4), "setsockopt");
}

/** Listen on a free port of 127.0.0.1. */
export function openListener(): { readonly fd: number; readonly port: number } {
  const fd = must(socket(AF_INET, SOCKET_FLAGS, 0), "socket");
  writeLoopbackAddress(0);
  must(bind(fd, scratch.address, SOCKADDR_BYTES), "bind");
  must(listen(fd, LISTEN_BACKLOG), "listen");
  scratchView.setInt32(32, SOCKADDR_BYTES, true);
  must(getsockname(fd, scratch.address, scratch.address + 32), "getsockname");
  return { fd, port: scratchView.getUint16(2) };
}

/** @returns the new descriptor, or a negative errno. */
export function acceptConnection(listener: number): number {
  const fd = checked(accept4(listener, 0, 0, 0x8_00 | 0x8_00_00));
  if (fd >= 0) {
    setOption(fd, IPPROTO_TCP, TCP_NODELAY, [1]);
  }
  return fd;
}

/** Begin a connection to 127.0.0.1; it is made when the descriptor turns writable. */
export function connectLoopback(port: number): number {
  const fd = must(socket(AF_INET, SOCKET_FLAGS, 0), "socket");
  setOption(fd, IPPROTO_TCP, TCP_NODELAY, [1]);
  writeLoopbackAddress(port);
  const result = checked(connect(fd, scratch.address, SOCKADDR_BYTES));
  if (result < 0 && result !== -Errno.EINPROGRESS) {
    close(fd);
    throw new Error(`connect to port ${port} failed: errno ${-result}`);
  }
  return fd;
}

/** @returns the socket's pending error, 0 for none. */
export function socketError(fd: number): number {
  scratchView.setInt32(0, 0, true);
  scratchView.setInt32(32, 4, true);
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, scratch.address, scratch.address + 32), "getsockopt");
  return scratchView.getInt32(0, true);
}

/** @returns bytes taken by the kernel, or a negative errno. */
export function sendBytes(fd: number, address: number, sizeBytes: number): number {
  return checked(send(fd, address, sizeBytes, MSG_DONTWAIT_NOSIGNAL));
}

/** @returns bytes received, 0 at the end of the stream, or a negative errno. */
export function receiveBytes(fd: number, address: number, sizeBytes: number): number {
  return checked(recv(fd, address, sizeBytes, MSG_DONTWAIT_NOSIGNAL));
}

/** Take so many bytes out of the socket unseen. @returns as {@link receiveBytes}. */
export function discardBytes(fd: number, sizeBytes: number): number {
  return checked(recv(fd, 0, sizeBytes, MSG_DONTWAIT_TRUNC));
}

/** Close with a reset: nothing lingers in TIME_WAIT, so runs do not eat each other's ports. */
export function resetConnection(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_LINGER, [1, 0]);
  close(fd);
}

/** One epoll set and its event array. */
export class EpollSet {
  readonly #fd: number;
  readonly #events: NativeMemory;
  readonly #words: Int32Array;
  readonly #one: NativeMemory = new NativeMemory(16);
  readonly #oneWords: Int32Array = new Int32Array(this.#one.bytes.buffer);
  readonly #eventsMax: number;
  /** `struct epoll_event` is packed to 12 bytes on x86-64 and 16 bytes elsewhere. */
  readonly #stride: number = process.arch === "x64" ? 3 : 4;

  constructor(eventsMax: number) {
    this.#fd = must(epollCreate(0x8_00_00), "epoll_create1");
    this.#eventsMax = eventsMax;
    this.#events = new NativeMemory(eventsMax * 16);
    this.#words = new Int32Array(this.#events.bytes.buffer);
  }

  add(fd: number, events: number): void {
    this.#control(1, fd, events);
  }

  modify(fd: number, events: number): void {
    this.#control(3, fd, events);
  }

  /** @returns number of events, read by {@link descriptorAt} and {@link eventsAt}. */
  wait(timeoutMs: number): number {
    const count = checked(epollWait(this.#fd, this.#events.address, this.#eventsMax, timeoutMs));
    return Math.max(count, 0);
  }

  descriptorAt(index: number): number {
    return this.#words[index * this.#stride + this.#stride - 2] ?? -1;
  }

  eventsAt(index: number): number {
    return this.#words[index * this.#stride] ?? 0;
  }

  #control(operation: number, fd: number, events: number): void {
    this.#oneWords[0] = events;
    this.#oneWords[this.#stride - 2] = fd;
    must(epollControl(this.#fd, operation, fd, this.#one.address), "epoll_ctl");
  }
}
