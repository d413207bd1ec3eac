/** Entry of a generator process: obeys its parent's calls, ends with it. */
import { LagRecorder } from "../native/lag-recorder.ts";
import { Reactor } from "../native/reactor.ts";
import type { GeneratorCall, GeneratorReply, PlayCall, PublishCall } from "./calls.ts";
import { Player } from "./player.ts";
import { Publisher } from "./publisher.ts";
import { Tally } from "./tally.ts";

const APP = "live";

const lag = new LagRecorder();
const reactor = new Reactor(lag);
const tally = new Tally();
const publishers: Publisher[] = [];

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

function play(call: PlayCall): void {
  const target = { ...call, role: "play", app: APP } as const;
  tally.connections += call.players;
  schedule({
    count: call.players,
    overMs: call.overMs,
    begin: (_, arrivalUs) => {
      new Player(reactor, target, { tally, arrivalUs });
    },
  });
}

function publish(call: PublishCall): void {
  tally.connections += call.publishers;
  schedule({
    count: call.publishers,
    overMs: call.overMs,
    begin: (index) => {
      const stream = call.publishers === 1 ? call.stream : `${call.stream}${index}`;
      const target = { ...call, stream, role: "publish", app: APP } as const;
      publishers.push(new Publisher(reactor, target, { tally, number: index }));
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
    case "figures":
      return { figures: tally.take(lag, call.isFresh) };
    case "exit":
      reactor.stop();
      process.disconnect?.();
      return { done: true };
    default:
      return { error: "unknown call" };
  }
}

reactor.addTask((timeUs) => {
  let dueUs = Number.POSITIVE_INFINITY;
  for (const publisher of publishers) {
    dueUs = Math.min(dueUs, publisher.pace(timeUs));
  }
  return dueUs;
});

process.on("message", (call: GeneratorCall) => {
  try {
    const reply = obey(call);
    if (process.connected) {
      process.send?.(reply);
    }
  } catch (error) {
    process.send?.({ error: String(error) } satisfies GeneratorReply);
  }
});
process.on("disconnect", () => {
  process.exit(0);
});
reactor.start();
