/** One stream as a gateway knows it: the rings that its publisher writes, and an outlet for each form that is watched. */
import type { RemuxSettings, RingLease, StreamSettings } from "../../protocol/control/calls.ts";
import { OUTLETS_MAX } from "../../protocol/limits.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import { FanOut } from "../stream/fan-out.ts";
import type { FanOutHost } from "../stream/fan-out-host.ts";
import type { KnownStream } from "../stream/known-streams.ts";
import type { Form } from "./form.ts";
import { makeForm } from "./forms.ts";
import { Tape } from "./tape.ts";

/** An outlet without viewers goes on for so long: the next one starts at once. */
const LINGER_MS = 3000;
/** A request for a stream that is not live is answered in the end, also where RTMP players may wait for ever. */
const HTTP_WAIT_MS = 30_000;

/** A form's tape and its viewers. */
export interface Outlet {
  /** What it is asked for by; one that is spent has its name from before. */
  readonly name: string;
  readonly settings: RemuxSettings;
  readonly form: Form;
  readonly tape: Tape;
  readonly fanOut: FanOut;
  /** Milliseconds, monotonic, since when nobody watches; 0 while somebody does. */
  idleSince: number;
}

/** What a stream asks of its gateway. */
export interface GatewayStreamHost {
  readonly thread: number;
  now(): number;
  /** What an outlet's fan-out works with. */
  fanOutHost(form: Form): FanOutHost;
  /** Viewers of `spent` that have had nothing yet go to `next`; null: all of them are ended. */
  outletSpent(spent: Outlet, next: Outlet | null): void;
  ringReleased(ringId: number): void;
}

interface Source {
  readonly lease: RingLease;
  readonly reader: RingReader;
}

/** A stream on a gateway. */
export class GatewayStream implements KnownStream {
  readonly streamId: number;
  readonly key: string;
  /** Number of the newest announcement of it. */
  announcement = 0;
  readonly #settings: StreamSettings;
  readonly #host: GatewayStreamHost;
  /** Oldest first. */
  readonly #sources: Source[] = [];
  /** Spent ones among them, as long as they have viewers. */
  readonly #outlets = new Set<Outlet>();
  /** Those that newcomers get, by name. */
  readonly #current = new Map<string, Outlet>();

  constructor(streamId: number, key: string, settings: StreamSettings, host: GatewayStreamHost) {
    this.streamId = streamId;
    this.key = key;
    this.#settings = { ...settings };
    this.change(settings);
    this.#host = host;
  }

  /** What a reload changes counts for all viewers at once. */
  change(settings: StreamSettings): void {
    const playWaitMs = settings.playWaitMs > 0 ? settings.playWaitMs : HTTP_WAIT_MS;
    Object.assign(this.#settings, settings, { playWaitMs });
  }

  get skips(): number {
    let skips = 0;
    for (const { fanOut } of this.#outlets) {
      skips += fanOut.skips;
    }
    return skips;
  }

  get isHurried(): boolean {
    for (const { fanOut } of this.#outlets) {
      if (fanOut.isHurried) {
        return true;
      }
    }
    return false;
  }

  /** The outlet of a form, opened when it is asked for first. */
  outletOf(settings: RemuxSettings): Outlet {
    const name = JSON.stringify(settings);
    return this.#current.get(name) ?? this.#open(name, settings);
  }

  /** The publisher's ring that follows those before. */
  openRing(lease: RingLease): void {
    if (this.#sources.some((source) => source.lease.ringId === lease.ringId)) {
      this.#host.ringReleased(lease.ringId);
      return;
    }
    const { keptForm } = this.#settings;
    if (keptForm !== null) {
      // Before the ring is among the sources, which a new outlet opens by itself.
      this.outletOf(keptForm);
    }
    const reader = new RingReader(lease.memory);
    reader.setReader(this.#host.thread, true);
    this.#sources.push({ lease, reader });
    for (const { tape } of this.#outlets) {
      tape.openSource(lease);
    }
    this.advance();
  }

  /** The rings may have moved. */
  advance(): void {
    for (const { tape, fanOut } of this.#outlets) {
      tape.advance();
      fanOut.advance();
    }
    this.#settle();
  }

  tick(): void {
    for (const outlet of this.#outlets) {
      outlet.tape.advance();
      outlet.fanOut.tick();
      if (outlet.form.isSpent && this.#current.get(outlet.name) === outlet) {
        this.#renew(outlet);
      }
    }
  }

  tickSlow(): void {
    const now = this.#host.now();
    const hasKept = this.#settings.keptForm !== null;
    for (const outlet of this.#outlets) {
      const { form, tape, fanOut } = outlet;
      tape.tickSlow();
      fanOut.tickSlow();
      const isWanted = fanOut.players > 0 || (hasKept && form.keepsPast && tape.isLive);
      if (isWanted) {
        outlet.idleSince = 0;
      } else if (outlet.idleSince === 0) {
        outlet.idleSince = now;
      } else if (now - outlet.idleSince > LINGER_MS) {
        this.#close(outlet);
      }
    }
    this.#settle();
  }

  /** The stream is forgotten here. */
  close(): void {
    for (const outlet of this.#outlets) {
      this.#close(outlet);
    }
    for (const source of this.#sources.splice(0)) {
      this.#release(source);
    }
  }

  #open(name: string, settings: RemuxSettings): Outlet {
    const form = makeForm(settings);
    const host = this.#host.fanOutHost(form);
    const fanOut = new FanOut(this.streamId, this.key, this.#settings, host);
    const tape = new Tape(form, { ringOpened: (lease) => fanOut.openRing(lease) });
    const outlet = { name, settings, form, tape, fanOut, idleSince: 0 };
    this.#outlets.add(outlet);
    this.#current.set(name, outlet);
    for (const { lease } of this.#sources) {
      tape.openSource(lease);
    }
    return outlet;
  }

  /** The stream has other tracks than this outlet's viewers were told: they stay with what they were told. */
  #renew(spent: Outlet): void {
    for (const outlet of this.#outlets) {
      if (this.#outlets.size >= OUTLETS_MAX && this.#current.get(outlet.name) !== outlet) {
        this.#host.outletSpent(outlet, null);
        this.#close(outlet);
      }
    }
    this.#host.outletSpent(spent, this.#open(spent.name, spent.settings));
  }

  #close(outlet: Outlet): void {
    const { name, tape, fanOut } = outlet;
    this.#outlets.delete(outlet);
    if (this.#current.get(name) === outlet) {
      this.#current.delete(name);
    }
    tape.close();
    fanOut.close();
  }

  /** Lets go of rings that are no longer written and that every tape has read to the end. */
  #settle(): void {
    for (const source of [...this.#sources]) {
      const isRead = ![...this.#outlets].some(({ tape }) => tape.holds(source.lease.ringId));
      if (source.reader.state !== RingState.Open && isRead) {
        this.#sources.splice(this.#sources.indexOf(source), 1);
        this.#release(source);
      }
    }
  }

  #release({ lease, reader }: Source): void {
    reader.setReader(this.#host.thread, false);
    this.#host.ringReleased(lease.ringId);
  }
}
