/** Players' connections whose room a test rations to the byte; what they took is kept per row. */
import {
  RowEvent,
  type RowMemory,
  type RowTransport,
  SEND_FAILED,
} from "../../src/worker/io/row-transport.ts";

interface FakeRow {
  /** Bytes that it still takes. */
  room: number;
  isBroken: boolean;
  wantsRoom: boolean;
  end: "open" | "closed" | "reset";
  readonly taken: Uint8Array[];
  readonly inbound: Uint8Array[];
  isEnded: boolean;
  unsentBytes: number;
}

export class FakeTransport implements RowTransport {
  readonly #rows = new Map<number, FakeRow>();
  #events: { row: number; bits: number }[] = [];
  /** Bytes that no peer has acknowledged. */
  unacknowledgedBytes = 0;
  /** Runs after each send: what another thread may do meanwhile. */
  afterSend: (() => void) | undefined;
  /** Rows can be watched. */
  canWatch = true;

  /** The row as it is now, or was last. */
  of(row: number): FakeRow {
    let fake = this.#rows.get(row);
    if (fake === undefined) {
      fake = {
        room: Number.POSITIVE_INFINITY,
        isBroken: false,
        wantsRoom: false,
        end: "open",
        taken: [],
        inbound: [],
        isEnded: false,
        unsentBytes: 0,
      };
      this.#rows.set(row, fake);
    }
    return fake;
  }

  /** Everything that the row took, in order. */
  bytes(row: number): Uint8Array {
    return new Uint8Array(Buffer.concat(this.of(row).taken));
  }

  /** The peer sends. */
  receive(row: number, bytes: Uint8Array): void {
    this.of(row).inbound.push(bytes);
  }

  memory(buffer: SharedArrayBuffer): RowMemory {
    return { buffer, address: 0 };
  }

  begin(): void {
    // Nothing outlives a test.
  }

  end(): void {
    // As above.
  }

  open(row: number, { unsentBytes }: { unsentBytes: number }): boolean {
    this.#rows.delete(row);
    this.of(row).unsentBytes = unsentBytes;
    return this.canWatch;
  }

  tune(): void {
    // Nothing depends on it here.
  }

  release(row: number): void {
    this.of(row).wantsRoom = false;
  }

  limitUnsent(row: number, bytes: number): void {
    this.of(row).unsentBytes = bytes;
  }

  send(row: number, { buffer }: RowMemory, offset: number, length: number): number {
    const fake = this.of(row);
    if (offset < 0 || length <= 0 || offset + length > buffer.byteLength || fake.end !== "open") {
      throw new Error(`send of ${length} bytes at ${offset} on row ${row}, ${fake.end}`);
    }
    if (fake.isBroken) {
      return SEND_FAILED;
    }
    const sent = Math.min(length, fake.room);
    fake.room -= sent;
    if (sent > 0) {
      fake.taken.push(
        new Uint8Array(buffer.slice(offset, offset + sent) as unknown as ArrayBuffer),
      );
    }
    this.afterSend?.();
    return sent;
  }

  watchRoom(row: number, on: boolean): void {
    this.of(row).wantsRoom = on;
  }

  poll(): number {
    this.#events = [...this.#rows]
      .filter(([, { end }]) => end === "open")
      .map(([row, { wantsRoom, room, inbound, isEnded }]) => {
        const hasRoom = wantsRoom && room > 0;
        const hasInput = inbound.length > 0 || isEnded;
        return { row, bits: (hasRoom ? RowEvent.Out : 0) | (hasInput ? RowEvent.In : 0) };
      })
      .filter(({ bits }) => bits !== 0);
    return this.#events.length;
  }

  eventRow(index: number): number {
    return this.#events[index]?.row ?? -1;
  }

  eventBits(index: number): number {
    return this.#events[index]?.bits ?? 0;
  }

  read(row: number): Uint8Array | null {
    const fake = this.of(row);
    return fake.inbound.shift() ?? (fake.isEnded ? new Uint8Array(0) : null);
  }

  unacknowledged(): number {
    return this.unacknowledgedBytes;
  }

  close(row: number, reset: boolean): void {
    this.of(row).end = reset ? "reset" : "closed";
  }
}
