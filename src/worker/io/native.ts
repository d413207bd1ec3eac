/**
 * The only module of the workers that calls the C library. It owns every address, its scratch memory and its checks;
 * nobody else sees an address except as the opaque {@link MemoryBase} of a SharedArrayBuffer.
 *
 * Three traps shape it: a small typed array may live on V8's heap and move, so addresses are taken only of memory
 * backed by a SharedArrayBuffer; an address keeps nothing alive, so {@link MemoryBase} holds the buffer with it;
 * `struct epoll_event` is packed to 12 bytes on x86-64 and padded to 16 elsewhere.
 *
 * Where koffi does not load nothing here may be called but {@link threadCpuMs}: connections are relayed then.
 *
 * Results follow the kernel's convention: a count or 0 on success, `-errno` on failure. Nothing here throws.
 */
import { InvariantError } from "../../protocol/errors.ts";
import type { RowMemory } from "./row-transport.ts";

/** Linux errno values that callers tell apart. */
export const Errno = { Intr: 4, Again: 11, Pipe: 32, ConnReset: 104 } as const;

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x40_00;
const MSG_MORE = 0x80_00;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
const SEND_MORE_FLAGS = SEND_FLAGS | MSG_MORE;

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SO_RCVLOWAT = 18;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;
const TCP_NOTSENT_LOWAT = 25;
const SIOCOUTQ = 0x54_11;

const EPOLL_CLOEXEC = 0x8_00_00;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EVENT_BYTES = process.arch === "x64" ? 12 : 16;
const EVENT_DATA_OFFSET = process.arch === "x64" ? 4 : 8;

const koffi = await loadKoffi();
const libc = koffi?.load("libc.so.6");

/** @returns undefined where it does not load. */
function loadKoffi(): Promise<typeof import("koffi").default | undefined> {
  return import("koffi").then(
    ({ default: loaded }) => loaded,
    () => undefined,
  );
}

function unavailable(): never {
  throw new InvariantError("a native call without koffi");
}

function bind(signature: string): (...values: number[]) => number {
  return libc === undefined ? unavailable : libc.func(signature);
}

function errno(): number {
  return koffi === undefined ? unavailable() : koffi.errno();
}

const cSend = bind("intptr_t send(int, uintptr_t, size_t, int)");
const cRecv = bind("intptr_t recv(int, uintptr_t, size_t, int)");
const cClose = bind("int close(int)");
const cEpollCreate = bind("int epoll_create1(int)");
const cEpollCtl = bind("int epoll_ctl(int, int, int, uintptr_t)");
const cEpollWait = bind("int epoll_wait(int, uintptr_t, int, int)");
const cSetsockopt = bind("int setsockopt(int, int, int, uintptr_t, uint32_t)");
const cIoctl = bind("int ioctl(int, unsigned long, uintptr_t)");

/** A SharedArrayBuffer together with where it starts in memory: the buffer is held so that the address stays valid. */
export type MemoryBase = RowMemory;

/** The memory base of a SharedArrayBuffer; stable for the buffer's life. */
export function memoryBase(buffer: SharedArrayBuffer): MemoryBase {
  const address = koffi === undefined ? 0 : Number(koffi.address(Buffer.from(buffer)));
  return { buffer, address };
}

const optionMemory = memoryBase(new SharedArrayBuffer(4096));
const option = new Int32Array(optionMemory.buffer);

function resultOf(value: number): number {
  return value < 0 ? -errno() : value;
}

/**
 * send(2), never blocking and never raising SIGPIPE.
 *
 * @param offset Byte offset into the memory; `offset + length` must lie inside it.
 * @param more More bytes follow at once: the kernel may hold a partial segment (MSG_MORE).
 * @returns Bytes taken, or `-errno`.
 */
export function send(
  descriptor: number,
  memory: MemoryBase,
  offset: number,
  length: number,
  more: boolean,
): number {
  const flags = more ? SEND_MORE_FLAGS : SEND_FLAGS;
  const sent: number = cSend(descriptor, memory.address + offset, length, flags);
  return sent < 0 ? -errno() : sent;
}

/** recv(2), never blocking. @returns bytes, 0 at the peer's end, or `-errno`. */
export function receive(descriptor: number, memory: MemoryBase, length: number): number {
  const received: number = cRecv(descriptor, memory.address, length, MSG_DONTWAIT);
  return received < 0 ? -errno() : received;
}

/** close(2). Only for descriptors that this thread's rows own. */
export function closeDescriptor(descriptor: number): number {
  return resultOf(cClose(descriptor));
}

function setOption(descriptor: number, level: number, name: number, value: number): number {
  option[0] = value;
  return resultOf(cSetsockopt(descriptor, level, name, optionMemory.address, 4));
}

/** Sends small segments at once instead of waiting for the peer's acknowledgement. */
export function setNoDelay(descriptor: number, on: boolean): number {
  return setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

/** Bytes that must have arrived for the socket to be readable (SO_RCVLOWAT); its end and its errors are told at once. */
export function setReceiveLimit(descriptor: number, bytes: number): number {
  return setOption(descriptor, SOL_SOCKET, SO_RCVLOWAT, bytes);
}

/** Unsent bytes above which the socket takes no more: keeps lag out of the kernel (TCP_NOTSENT_LOWAT). */
export function setUnsentLimit(descriptor: number, bytes: number): number {
  return setOption(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

/** The kernel gives a peer up so much later than weir, which knows why and says so. Milliseconds. */
export const KERNEL_LATER_MS = 2000;

/** Time that sent data may stay unacknowledged before the kernel drops the connection (TCP_USER_TIMEOUT). */
export function setUserTimeout(descriptor: number, ms: number): number {
  return setOption(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

/** How a connection on which nothing is sent is found dead. Seconds. */
export interface KeepAlive {
  readonly idleSeconds: number;
  readonly intervalSeconds: number;
  readonly probes: number;
}

/** Probes a silent peer, so that one that is gone without a word is noticed while nothing is sent to it. */
export function setKeepAlive(descriptor: number, keepAlive: KeepAlive): number {
  setOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, keepAlive.idleSeconds);
  setOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, keepAlive.intervalSeconds);
  setOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, keepAlive.probes);
  return setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/** Makes the next close a reset that drops queued bytes: for a stream position that was overwritten. */
export function setResetOnClose(descriptor: number): number {
  option[0] = 1;
  option[1] = 0;
  return resultOf(cSetsockopt(descriptor, SOL_SOCKET, SO_LINGER, optionMemory.address, 8));
}

/** Bytes in the socket that the peer has not acknowledged yet (SIOCOUTQ), or `-errno`. */
export function unacknowledgedBytes(descriptor: number): number {
  const failed: number = cIoctl(descriptor, SIOCOUTQ, optionMemory.address);
  return failed < 0 ? -errno() : (option[0] ?? 0);
}

/** An epoll set and the buffer its events are read into. */
export class EpollSet {
  readonly descriptor: number;
  readonly #events: MemoryBase;
  readonly #view: DataView;
  readonly #capacity: number;
  readonly #request: MemoryBase;
  readonly #requestView: DataView;

  /** @param capacity Most events taken by one {@link wait}. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#events = memoryBase(new SharedArrayBuffer(capacity * EVENT_BYTES));
    this.#view = new DataView(this.#events.buffer);
    this.#request = memoryBase(new SharedArrayBuffer(64));
    this.#requestView = new DataView(this.#request.buffer);
    this.descriptor = resultOf(cEpollCreate(EPOLL_CLOEXEC));
  }

  #control(operation: number, descriptor: number, events: number, row: number): number {
    this.#requestView.setUint32(0, events, true);
    this.#requestView.setUint32(EVENT_DATA_OFFSET, row, true);
    this.#requestView.setUint32(EVENT_DATA_OFFSET + 4, 0, true);
    return resultOf(cEpollCtl(this.descriptor, operation, descriptor, this.#request.address));
  }

  /** Watches a descriptor, level-triggered; its events carry `row`. */
  add(descriptor: number, events: number, row: number): number {
    return this.#control(EPOLL_CTL_ADD, descriptor, events, row);
  }

  /** Changes what is watched. */
  change(descriptor: number, events: number, row: number): number {
    return this.#control(EPOLL_CTL_MOD, descriptor, events, row);
  }

  /** Stops watching; needed before close, since a duplicate elsewhere would keep the watch alive. */
  remove(descriptor: number): number {
    return this.#control(EPOLL_CTL_DEL, descriptor, 0, 0);
  }

  /** Events that are due now; never waits. @returns how many, read by {@link row} and {@link events}. */
  poll(): number {
    const count: number = cEpollWait(this.descriptor, this.#events.address, this.#capacity, 0);
    return Math.max(count, 0);
  }

  /** The row of event `index` of the last {@link poll}. */
  row(index: number): number {
    return this.#view.getUint32(index * EVENT_BYTES + EVENT_DATA_OFFSET, true);
  }

  /** The event bits of event `index` of the last {@link poll}. */
  events(index: number): number {
    return this.#view.getUint32(index * EVENT_BYTES, true);
  }

  /** Closes the set itself. */
  close(): void {
    closeDescriptor(this.descriptor);
  }
}

const CLOCK_THREAD_CPUTIME_ID = 3;
const cClockGettime = bind("int clock_gettime(int, uintptr_t)");
const timeMemory = memoryBase(new SharedArrayBuffer(4096));
const time = new BigInt64Array(timeMemory.buffer);

/** Processor time that this thread has used, in milliseconds. */
export function threadCpuMs(): number {
  if (libc === undefined) {
    return performance.eventLoopUtilization().active;
  }
  cClockGettime(CLOCK_THREAD_CPUTIME_ID, timeMemory.address);
  return Number(time[0] ?? 0n) * 1000 + Number(time[1] ?? 0n) / 1e6;
}
