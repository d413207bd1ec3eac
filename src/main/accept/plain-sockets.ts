/**
 * Sockets of the primary where the C library cannot be called: Node's own, under numbers of this module that look like
 * descriptors to everybody else. Results follow the kernel's convention as in native.ts.
 */
import { createServer, type Server, type Socket } from "node:net";
import { TransportError } from "../../protocol/errors.ts";

/** Above any number of the kernel. */
const FIRST = 0x10_00_00_00;
const EAGAIN = -11;
const EBADF = -9;
const ECONNRESET = -104;
/** Bytes that wait in either direction. */
const WAITING_MAX = 64 * 1024;
/** Connections that wait for accept. */
const BACKLOG = 4096;

interface Plain {
  readonly socket: Socket | undefined;
  readonly server: Server | undefined;
  /** Of a server: connections that nobody has asked for. */
  readonly accepted: Socket[];
  /** **Owned**: what was read and not asked for. */
  readonly inbound: Uint8Array[];
  isEnded: boolean;
  isFailed: boolean;
}

const all = new Map<number, Plain>();
let last = FIRST;
let lastAccepted = "";
/** Servers that begin to listen, for {@link plainListening}. */
const openings = new Set<Promise<void>>();
/** Told of everything that may have become ready. */
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) {
    listener();
  }
}

function add(plain: Pick<Plain, "socket" | "server">): number {
  last += 1;
  all.set(last, { ...plain, accepted: [], inbound: [], isEnded: false, isFailed: false });
  return last;
}

function isReady(descriptor: number, events: number): boolean {
  const plain = all.get(descriptor);
  if (plain === undefined || events === 0) {
    return false;
  }
  const { accepted, inbound, isEnded, isFailed, socket } = plain;
  const hasInput = accepted.length + inbound.length > 0 || isEnded || isFailed;
  const hasRoom = socket !== undefined && socket.writableLength === 0;
  return ((events & 1) !== 0 && hasInput) || ((events & 4) !== 0 && (hasRoom || isFailed));
}

function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

/** Listens from now or from a moment later on: whether it does is told by {@link plainListening}. */
export function listenPlainly(host: string, port: number): number {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const plain = all.get(descriptor);
    if (plain === undefined || plain.accepted.length >= BACKLOG) {
      socket.destroy();
      return;
    }
    socket.pause();
    plain.accepted.push(socket);
    tell();
  });
  const descriptor = add({ socket: undefined, server });
  const opening = new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("close", resolve);
    server.on("error", (error: NodeJS.ErrnoException) => {
      const name = host.includes(":") ? `[${host}]` : host;
      const text = `cannot listen on ${name === "" ? "*" : name}:${port}: bind: ${error.code ?? error.message}`;
      reject(new TransportError("ERR_BIND", text, error));
    });
  });
  // Who asks is told; nobody else.
  opening.catch(() => undefined);
  openings.add(opening);
  server.listen({ ...(host === "" ? {} : { host }), port, backlog: BACKLOG });
  return descriptor;
}

/** Waits until all that were asked to listen do. @throws TransportError that names an address that cannot be had */
export async function plainListening(): Promise<void> {
  const all = [...openings];
  openings.clear();
  await Promise.all(all);
}

export function acceptPlain(listening: number): number {
  const socket = all.get(listening)?.accepted.shift();
  if (socket === undefined) {
    return EAGAIN;
  }
  const descriptor = add({ socket, server: undefined });
  const plain = all.get(descriptor);
  lastAccepted = plainAddress(socket.remoteAddress);
  socket.on("data", (bytes: Buffer) => {
    plain?.inbound.push(new Uint8Array(bytes));
    socket.pause();
    tell();
  });
  const ended = (): void => {
    if (plain !== undefined) {
      plain.isEnded = true;
      tell();
    }
  };
  socket.on("end", ended);
  socket.on("close", ended);
  socket.on("drain", tell);
  socket.on("error", () => {
    if (plain !== undefined) {
      plain.isFailed = true;
      tell();
    }
  });
  socket.resume();
  return descriptor;
}

/** Address of the peer that the last {@link acceptPlain} gave. */
export function acceptedPlainFrom(): string {
  return lastAccepted;
}

export function plainLocalAddress(descriptor: number): string {
  return plainAddress(all.get(descriptor)?.socket?.localAddress);
}

export function sendPlain(descriptor: number, bytes: Uint8Array, length: number): number {
  const plain = all.get(descriptor);
  if (plain?.socket === undefined) {
    return EBADF;
  }
  if (plain.isFailed || plain.socket.destroyed) {
    return ECONNRESET;
  }
  if (plain.socket.writableLength > WAITING_MAX) {
    return EAGAIN;
  }
  plain.socket.write(bytes.slice(0, length));
  return length;
}

/** @param inbox Holds what was read. */
export function receivePlain(descriptor: number, inbox: Uint8Array): number {
  const plain = all.get(descriptor);
  if (plain === undefined || plain.isFailed) {
    return plain === undefined ? EBADF : ECONNRESET;
  }
  const bytes = plain.inbound.shift();
  if (bytes === undefined) {
    return plain.isEnded ? 0 : EAGAIN;
  }
  inbox.set(bytes.subarray(0, inbox.length));
  if (bytes.length > inbox.length) {
    plain.inbound.unshift(bytes.subarray(inbox.length));
    return inbox.length;
  }
  plain.socket?.resume();
  return bytes.length;
}

export function endPlainWrites(descriptor: number): void {
  all.get(descriptor)?.socket?.end();
}

/** Closes in order: what was sent goes out. */
export function closePlain(descriptor: number): void {
  const plain = all.get(descriptor);
  all.delete(descriptor);
  plain?.server?.close();
  for (const socket of plain?.accepted ?? []) {
    socket.destroy();
  }
  plain?.socket?.destroySoon();
}

/** The number itself while it names something, else -1. */
export function plainInode(descriptor: number): number {
  return all.has(descriptor) ? descriptor : -1;
}

/** What is left of a socket that goes to another user in this thread. */
export interface TakenSocket {
  /** Nobody listens to it; paused. */
  readonly socket: Socket;
  /** **Owned**: read and not asked for. */
  readonly late: readonly Uint8Array[];
}

/** Lets a socket go; its number names nothing then. @returns undefined for a number of the kernel. */
export function takePlain(descriptor: number): TakenSocket | undefined {
  const plain = all.get(descriptor);
  if (plain?.socket === undefined) {
    return undefined;
  }
  all.delete(descriptor);
  const { socket, inbound, isEnded } = plain;
  socket.removeAllListeners();
  socket.pause();
  return { socket, late: isEnded ? [...inbound, new Uint8Array(0)] : inbound };
}

/** Watches numbers of this module, level-triggered, as an epoll set does. */
export class PlainReadiness {
  readonly #events = new Map<number, number>();
  readonly #due: () => void;
  #ready: number[] = [];

  /** @param due Told when something may be ready. */
  constructor(due: () => void) {
    this.#due = due;
    listeners.add(due);
  }

  add(descriptor: number, events: number): void {
    this.#events.set(descriptor, events);
    this.#due();
  }

  change(descriptor: number, events: number): void {
    this.add(descriptor, events);
  }

  remove(descriptor: number): void {
    this.#events.delete(descriptor);
  }

  take(): number {
    this.#ready = [...this.#events]
      .filter(([one, events]) => isReady(one, events))
      .map(([one]) => one);
    if (this.#ready.length > 0) {
      // What is not done by then is ready again.
      setImmediate(this.#due);
    }
    return this.#ready.length;
  }

  ready(index: number): number {
    return this.#ready[index] ?? -1;
  }

  close(): void {
    listeners.delete(this.#due);
  }
}
