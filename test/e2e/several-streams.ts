/** A server with two shards, a clip, and what tests of connections with several streams do and look at. */
import assert from "node:assert/strict";
import {
  type InProcess,
  openDescriptors,
  startInProcess,
  waitDescriptors,
} from "../main/accept/in-process.ts";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { assertJoined, assertMessageRun } from "../support/message-run.ts";
import { MultiPeer, type PeerStream } from "../support/multi-peer.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";

/** A server under test with the clients of one test. */
export class SeveralStreams {
  readonly weir: InProcess;
  readonly frames: readonly Frame[];
  readonly #descriptors: readonly string[];
  /** What a test has opened: one that fails leaves nothing to the next. */
  readonly #opened: { close(): void }[] = [];

  private constructor(weir: InProcess, frames: readonly Frame[]) {
    this.weir = weir;
    this.frames = frames;
    this.#descriptors = openDescriptors();
  }

  /** Players of a stream that never comes are told after two seconds. */
  static async start(): Promise<SeveralStreams> {
    const frames = readFlv(await makeClip(makeScratch(), "clip", { seconds: 4 }));
    const weir = await startInProcess({
      workers: 2,
      directives: "player_stall 6000;",
      vhost: "play { play_wait 2000; }",
    });
    return new SeveralStreams(weir, frames);
  }

  stop(): Promise<void> {
    return this.weir.close();
  }

  closeOpened(): void {
    for (const one of this.#opened.splice(0)) {
      one.close();
    }
  }

  url(name: string): string {
    return `rtmp://127.0.0.1:${this.weir.port}/live/${name}`;
  }

  /** A connection that has said connect. */
  async connect(): Promise<MultiPeer> {
    return this.#track(await MultiPeer.connect(this.weir.port));
  }

  /** A connection that has said nothing. */
  open(): MultiPeer {
    return this.#track(MultiPeer.raw(this.weir.port));
  }

  /** The clip on a connection of its own. */
  async publish(name: string): Promise<ClipPublisher> {
    const peer = this.#track(new RtmpPeer(this.url(name), "publish"));
    return this.#track(new ClipPublisher(await peer.waitReady(), this.frames));
  }

  /** The clip on one stream of a connection. */
  clipOn(stream: PeerStream): ClipPublisher<PeerStream> {
    return this.#track(new ClipPublisher(stream, this.frames));
  }

  /** A player of one stream. */
  watch(name: string): Promise<RtmpPeer> {
    return this.#track(new RtmpPeer(this.url(name), "play")).waitReady();
  }

  /** Players that the primary counts for a stream. */
  playersOf(name: string): number {
    const entry = this.weir.server.coordinator.find(`__defaultVhost__/live/${name}`);
    return entry?.players.reduce((sum, count) => sum + count, 0) ?? 0;
  }

  async waitPlayers(name: string, count: number): Promise<void> {
    const isSo = (): boolean => this.playersOf(name) === count;
    await waitUntil(`${count} players of ${name}`, isSo, 3000).catch((error) => {
      throw new Error(`${String(error)}: counted ${this.playersOf(name)}`);
    });
  }

  /** Nothing is left of any connection, stream or ring, and no descriptor either. */
  async waitEmpty(): Promise<void> {
    const { clients, coordinator, lobby, pool } = this.weir.server;
    const left = (): number[] => [clients.size, coordinator.size, lobby.size, pool.lentCount];
    await waitUntil("all is gone", () => left().every((one) => one === 0), 8000).catch((error) => {
      throw new Error(`${String(error)}: clients, streams, newcomers, rings: ${left().join(" ")}`);
    });
    await waitDescriptors(this.#descriptors, 5000);
  }

  /** The messages of a play, from a keyframe on, without a gap. */
  assertWhole(stream: PeerStream | RtmpPeer, atLeast: number): void {
    assertJoined(stream.received);
    const count = assertMessageRun(this.frames, stream.received);
    assert.ok(count >= atLeast, `only ${count} messages`);
  }

  #track<T extends { close(): void }>(one: T): T {
    this.#opened.push(one);
    return one;
  }
}
