/** Entry of a generator process: obeys its parent's calls, ends with it. */
import { rtmpPackaging } from "../media/packaging.ts";
import { videoIntervalUs } from "../media/stream-shape.ts";
import { SyntheticStream } from "../media/synthetic-stream.ts";
import { nowUs } from "../native/clock.ts";
import { DueQueue } from "../native/due-queue.ts";
import { LagRecorder } from "../native/lag-recorder.ts";
import { Reactor } from "../native/reactor.ts";
import { PUBLISH_CHUNK_SIZE } from "../rtmp/dialogue.ts";
import type { GeneratorCall, GeneratorReply, PlayCall, PublishCall } from "./calls.ts";
import { HlsPlayer, pollWhenDue } from "./hls-player.ts";
import type { MediaTarget } from "./media-client.ts";
import { Player } from "./player.ts";
import { Publisher } from "./publisher.ts";
import { SegmentSizes } from "./segment-check.ts";
import { Tally } from "./tally.ts";

const SLOW_TURN_US = 100_000;
/** One HLS viewer of so many reads every frame. */
const CHECKED_EVERY = 16;

const lag = new LagRecorder();
const reactor = new Reactor(lag);
const tally = new Tally();
const publishers: Publisher[] = [];
const players: Player[] = [];
const slowPlayers: Player[] = [];
const pingers: Player[] = [];
const polls = new DueQueue<HlsPlayer>();
const segmentSizes = new Map<string, SegmentSizes>();

interface Arrivals {
  readonly count: number;
  readonly overMs: number;
  readonly begin: (index: number, dueUs: number) => void;
}

/** Open-loop: an arrival is begun when it is due, whatever became of the earlier ones. */
function schedule(arrivals: Arrivals): void {
  let begun = 0;
  let firstUs = -1;
  reactor.addTask((timeUs) => {
    if (begun >= arrivals.count) {
      return Number.POSITIVE_INFINITY;
    }
    firstUs = firstUs < 0 ? timeUs : firstUs;
    const dueOf = (index: number): number =>
      firstUs + (index * arrivals.overMs * 1000) / arrivals.count;
    while (begun < arrivals.count && dueOf(begun) <= timeUs) {
      arrivals.begin(begun, dueOf(begun));
      begun++;
    }
    return dueOf(begun);
  });
}

const streamOf = (name: string, index: number, count: number): string =>
  count === 1 ? name : `${name}${index % count}`;

function openHlsPlayer(target: MediaTarget, index: number, arrivalUs: number): void {
  const { stream } = target;
  const sizes = segmentSizes.get(stream) ?? new SegmentSizes();
  segmentSizes.set(stream, sizes);
  const isWhole = index % CHECKED_EVERY === 0;
  tally.counts.viewers++;
  tally.counts.viewersChecked += isWhole ? 1 : 0;
  // It adds itself to those that poll.
  new HlsPlayer(reactor, target, { tally, arrivalUs, isWhole, sizes, polls });
}

function openPlayer(call: PlayCall, index: number, arrivalUs: number): void {
  const stream = streamOf(call.stream, index, call.streams);
  const target = { ...call, stream, role: "play" } as const;
  if (call.wire === "hls") {
    openHlsPlayer(target, index, arrivalUs);
    return;
  }
  const player = new Player(reactor, target, { tally, arrivalUs, habits: call });
  players.push(player);
  if (call.pingEveryMs > 0) {
    pingers.push(player);
  }
  if (call.readBytesPerSecond >= 0) {
    slowPlayers.push(player);
  }
}

function play(call: PlayCall): void {
  tally.counts.connections += call.players;
  schedule({
    count: call.players,
    overMs: call.overMs,
    begin: (index, dueUs) => openPlayer(call, index, dueUs),
  });
}

function publish(call: PublishCall): void {
  tally.counts.connections += call.publishers;
  const plan = {
    tally,
    stream: new SyntheticStream(call.shape, rtmpPackaging(PUBLISH_CHUNK_SIZE)),
    videoIntervalUs: videoIntervalUs(call.shape),
    restartEveryMs: call.restartEveryMs,
  };
  schedule({
    count: call.publishers,
    overMs: call.overMs,
    begin: (index) => {
      const stream = streamOf(call.stream, index, call.publishers);
      const target = { ...call, stream, role: "publish" } as const;
      publishers.push(new Publisher(reactor, target, plan, index));
    },
  });
}

function obey(call: GeneratorCall): GeneratorReply {
  switch (call.call) {
    case "play":
      play(call);
      return { done: true };
    case "publish":
      publish(call);
      return { done: true };
    case "progress":
      return { progress: tally.progress() };
    case "figures": {
      const timeUs = nowUs();
      for (const player of players) {
        player.overdue(timeUs);
      }
      return { figures: tally.take(lag) };
    }
    default:
      return { error: "unknown call" };
  }
}

/** Let each do what is due. @returns when the next is. */
function earliest<One>(all: readonly One[], act: (one: One) => number): number {
  let dueUs = Number.POSITIVE_INFINITY;
  for (const one of all) {
    dueUs = Math.min(dueUs, act(one));
  }
  return dueUs;
}

/** Loops over all of a kind no more often than something of it is due. */
function addTaskOver<One>(
  all: readonly One[],
  act: (one: One, timeUs: number) => number,
  laterUs: number,
): void {
  let nextUs = 0;
  reactor.addTask((timeUs) => {
    if (timeUs >= nextUs) {
      // Newcomers must not wait for what was due before they came.
      nextUs = Math.min(
        earliest(all, (one) => act(one, timeUs)),
        timeUs + laterUs,
      );
    }
    return all.length === 0 ? Number.POSITIVE_INFINITY : nextUs;
  });
}

reactor.addTask((timeUs) => earliest(publishers, (publisher) => publisher.pace(timeUs)));
addTaskOver(pingers, (player, timeUs) => player.pingWhenDue(timeUs), 10_000);
reactor.addTask((timeUs) => pollWhenDue(polls, timeUs));
addTaskOver(
  slowPlayers,
  (player, timeUs) => {
    player.readSlowly();
    return timeUs + SLOW_TURN_US;
  },
  SLOW_TURN_US,
);

process.on("message", (call: GeneratorCall) => {
  let reply: GeneratorReply;
  try {
    reply = obey(call);
  } catch (error) {
    reply = { error: String(error) };
  }
  if (process.connected) {
    process.send?.(reply);
  }
});
for (const end of ["disconnect", "SIGTERM"] as const) {
  // By itself, so that a profile of it is written when Node was told to.
  process.on(end, () => {
    process.exit(0);
  });
}
reactor.start();
