/** The kernel floor of ingest: accept, epoll, `recv` into one buffer, thrown away. */
import {
  acceptConnection,
  EpollEvent,
  NativeMemory,
  openListener,
  receiveBytes,
} from "../native/libc.ts";
import { Reactor } from "../native/reactor.ts";

const RECEIVE_BYTES = 64 * 1024;

export class ReceiveFloor {
  readonly port: number;
  readonly #listener: number;
  readonly #reactor: Reactor = new Reactor();
  readonly #inbox: NativeMemory = new NativeMemory(RECEIVE_BYTES);

  constructor() {
    const { fd, port } = openListener();
    this.#listener = fd;
    this.port = port;
    this.#reactor.add(fd, EpollEvent.IN, this);
    this.#reactor.start();
  }

  ready(): void {
    for (
      let fd = acceptConnection(this.#listener);
      fd >= 0;
      fd = acceptConnection(this.#listener)
    ) {
      const publisher = fd;
      const drain = (): void => {
        if (receiveBytes(publisher, this.#inbox.address, RECEIVE_BYTES) === 0) {
          this.#reactor.modify(publisher, 0);
          this.#reactor.forget(publisher);
        }
      };
      this.#reactor.add(publisher, EpollEvent.IN, { ready: drain });
    }
  }
}
