/**
 * Descriptors of a thread that its event loop hears of at once, without a Node handle for each of them.
 *
 * They are in an epoll set of their own, which is readable itself while any of them is. Node can watch no such
 * descriptor, but it watches datagram sockets: one is opened, and its number is then made to name the epoll set
 * (dup3(2)). The loop finds it readable, its recvmsg(2) fails with ENOTSOCK, and that error is the wake-up; libuv goes
 * on watching after it. One such failure serves all that is ready, so a read costs what recv(2) costs; a stream handle
 * costs three times as much (bench P5).
 *
 * The number belongs to libuv, which closes it at the end of the thread however that comes.
 */
import { createSocket, type Socket } from "node:dgram";
import { InvariantError, TransportError } from "../../protocol/errors.ts";
import { closeDescriptor, EpollSet, openDatagramSocket } from "./native.ts";

/** Events taken in one go; the rest is due in the loop's next turn. */
const EVENTS_PER_WAKE = 256;

/** Who is told that a descriptor is ready. */
export interface ReadyUser {
  /** @param events Bits of `Epoll`. May take itself or others out of the set. */
  ready(events: number): void;
}

/** One thread's set. */
export class ReadySet {
  readonly #epoll = new EpollSet(EVENTS_PER_WAKE);
  /** By descriptor. */
  readonly #users: (ReadyUser | undefined)[] = [];
  readonly #bell: Socket;

  /** @throws TransportError when there is no descriptor left for it. */
  constructor() {
    const descriptor = openDatagramSocket();
    if (descriptor < 0 || this.#epoll.descriptor < 0) {
      throw new TransportError("ERR_SOCKET", "no descriptor for an epoll set");
    }
    this.#bell = createSocket("udp4");
    // Replaced before the loop first looks at it: until then nothing could arrive, as it has no address.
    this.#bell.bind({ fd: descriptor });
    const moved = this.#epoll.moveTo(descriptor);
    if (moved < 0) {
      throw new InvariantError(`an epoll set that cannot be moved: ${moved}`);
    }
    this.#bell.on("error", () => this.#wake());
    this.#bell.unref();
  }

  /** Watches a descriptor, level-triggered. @returns false when the kernel refuses. */
  add(descriptor: number, events: number, user: ReadyUser): boolean {
    if (this.#epoll.add(descriptor, events, descriptor) < 0) {
      return false;
    }
    this.#users[descriptor] = user;
    return true;
  }

  /** Changes what is watched; a hang-up is told in any case. */
  change(descriptor: number, events: number): void {
    this.#epoll.change(descriptor, events, descriptor);
  }

  /** Closes a descriptor of the set. */
  close(descriptor: number): void {
    this.#users[descriptor] = undefined;
    this.#epoll.remove(descriptor);
    closeDescriptor(descriptor);
  }

  #wake(): void {
    const count = this.#epoll.poll();
    for (let index = 0; index < count; index += 1) {
      this.#users[this.#epoll.row(index)]?.ready(this.#epoll.events(index));
    }
  }
}
