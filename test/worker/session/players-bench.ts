/** A shard's players over the rationed transport: connections that speak RTMP, each with its session as the lobby leaves it. */
import assert from "node:assert/strict";
import { RowState } from "../../../src/protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  StreamSettings,
} from "../../../src/protocol/control/calls.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import { ServerSession } from "../../../src/protocol/rtmp/server-session.ts";
import { Players } from "../../../src/worker/session/players.ts";
import type { FanOutEnd } from "../../../src/worker/stream/fan-out-host.ts";
import {
  command,
  concat,
  connect,
  handshakeBytes,
  openHost,
  Recorder,
} from "../../protocol/rtmp/session-harness.ts";
import { type Received, ShardBench } from "../shard-bench.ts";

/** The session of a client that has connected, made streams and asked to play on `messageStream`. */
function sessionOf(messageStream: number): ServerSession {
  const session = new ServerSession(openHost(), { chunkSize: 60_000 } as never);
  const sink = new Recorder();
  const bytes = concat(
    handshakeBytes(),
    connect(),
    ...Array.from({ length: messageStream }, () => command(0, "createStream", 2, null)),
    command(messageStream, "play", 3, null, "s"),
  );
  let at = session.push(bytes, sink);
  session.acceptConnect(sink);
  at += session.push(bytes.subarray(at), sink);
  assert.equal(at, bytes.length);
  session.acceptPlay(messageStream, sink, true);
  return session;
}

export class PlayersBench extends ShardBench {
  readonly players: Players;
  readonly gone: { row: number; reason: EndReason; detail: string }[] = [];
  /** Rows whose play ended while the connection stays. */
  readonly playsEnded: number[] = [];
  readonly questions: AdmissionQuestion[] = [];
  /** The answer to the next question. */
  answerWith: AdmissionAnswer | Error;
  #nextPlayer = 1;

  constructor(settings: Partial<StreamSettings> = {}, wrap?: number) {
    super(wrap === undefined ? { settings } : { settings, wrap });
    this.answerWith = {
      allowed: true,
      streamId: 1,
      key: "v/a/s",
      settings: this.settings,
      lease: null,
      previous: null,
      announcement: 0,
      play: 2,
    };
    this.players = new Players({
      board: this.board,
      rows: this.rows,
      now: () => this.clock,
      fanOut: (streamId) => (streamId === 1 ? this.fanOut : undefined),
      admit: (question) => {
        this.questions.push(question);
        const answer = this.answerWith;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      learn: () => undefined,
      playEnded: (row) => this.playsEnded.push(row),
      share: () => undefined,
      gone: (row, reason, detail) => this.gone.push({ row, reason, detail }),
    });
  }

  override endRow(row: number, reason: FanOutEnd): void {
    this.players.end(row, reason);
  }

  /** A player is given over with bytes that were read already. @returns its row. */
  give(messageStream = 1, rest: Uint8Array = new Uint8Array(0), durationMs = 0): number {
    const row = this.#nextPlayer;
    this.#nextPlayer += 1;
    const session = sessionOf(messageStream);
    this.board.clear(row);
    this.board.leftMs[row] = durationMs;
    this.board.state[row] = RowState.Given;
    assert.ok(session.decoder.save(this.board.readState(row)) >= 0);
    const identity = JSON.stringify(session.snapshotIdentity());
    this.players.adopt({
      kind: "give-player",
      row,
      streamId: 1,
      rest,
      messageStream,
      identity,
      decoder: null,
    });
    return row;
  }

  /** The peer says something; it is heard at the next poll. */
  say(row: number, ...parts: readonly Uint8Array[]): void {
    this.transport.receive(row, concat(...parts));
    this.players.poll();
  }

  /** Room for so many bytes more; what waits goes out. */
  override giveRoom(row: number, bytes: number): void {
    this.transport.of(row).room = bytes;
    this.players.poll();
  }

  /** So many seconds in which nothing else happens. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) {
      this.clock += 1000;
      this.players.checkBlocked();
      this.players.tickSlow();
      this.fanOut.tick();
      this.fanOut.tickSlow();
    }
  }

  /** Decodes and checks that it ends at a boundary. */
  whole(row: number): Received {
    const received = this.received(row);
    assert.equal(received.isCut, false, "ends inside a message");
    return received;
  }
}

export function timesOf(media: readonly Message[]): number[] {
  return media.map(({ timestamp }) => timestamp);
}
