import assert from "node:assert/strict";
import { test } from "node:test";
import { newFrameRef, newKeyframeRef } from "../../../src/protocol/ring/frame-index.ts";
import { formatRing, RingState } from "../../../src/protocol/ring/ring-layout.ts";
import { MessageMaker } from "./ring-messages.ts";
import { atEachStep, betweenSteps } from "./ring-steps.ts";
import { KEYFRAME_EVERY, memory, SteppedRing, WRAP, type Written } from "./stepped-ring.ts";

/** Small ones, of which the index holds fewer than the data does, and large ones, a few to a ring. */
const SIZES = [
  { name: "small", maker: new MessageMaker(12, 60), laps: [0, 1, 300, 1023, 1100, 2100] },
  { name: "large", maker: new MessageMaker(WRAP / 16, WRAP / 4), laps: [0, 1, 3, 9, 30] },
];

const bytes = new Uint8Array(WRAP);
const STARTS = [
  [0, 0],
  [0x7f_ff_fe_00, 0x7f_ff_ff_fd],
  [-0x2_00, -3],
] as const;

for (const { name, maker } of SIZES) {
  test(`between any two steps of its writer a ring is whole: ${name} messages`, {
    timeout: 60_000,
  }, () => {
    for (const [position, firstFrame] of STARTS) {
      for (const before of [0, 1, 9, 10, 40]) {
        const ring = new SteppedRing(maker, position, firstFrame);
        ring.append(before);
        for (const isKeyframe of [true, false]) {
          const number = ring.next;
          const head = ring.writer.head;
          const whole = ring.written.length;
          ring.note(number, isKeyframe);
          const look = (): void => ring.checkAll(whole + (ring.reader.head === head ? 0 : 1));
          const turns = betweenSteps(() => {
            ring.writer.begin(maker.lengthOf(number));
            maker.put(ring.writer, number);
            ring.writer.commit({ kind: 2, timestamp: number * 40, isKeyframe });
          }, look);
          assert.ok(turns >= 6, `${turns} turns`);
          betweenSteps(() => ring.setHeaders(), look);
        }
      }
    }
  });
}

test("a reader that keeps every frame no more is at no moment one that is behind", {
  timeout: 60_000,
}, () => {
  const ring = new SteppedRing(new MessageMaker(12, 60), 0, 0);
  ring.append(20);
  for (const frame of [20, -1, 18, -1]) {
    betweenSteps(
      () => ring.reader.keep(frame),
      () => assert.equal(ring.writer.isKeeperBehind, false),
    );
    assert.equal(ring.writer.keeperFrame, frame);
  }
});

test("who finds a ring ended finds what follows it", { timeout: 60_000 }, () => {
  const ring = new SteppedRing(new MessageMaker(12, 60), 0, 0);
  ring.append(3);
  betweenSteps(
    () => ring.writer.end(RingState.Moved, 7),
    () => {
      const { state, successorId } = ring.reader;
      assert.ok(state === RingState.Open || successorId === 7);
    },
  );
});

test("a cursor that somebody kept is not safe at any step of the ring's next loan", {
  timeout: 60_000,
}, () => {
  for (const [position] of STARTS) {
    const ring = new SteppedRing(new MessageMaker(12, 60), position, 0);
    ring.append(40);
    const asked = ring.writtenAs(20);
    const { headerVersion } = ring.reader;
    betweenSteps(
      () => formatRing(memory, WRAP),
      (turn) => {
        if (turn > 8) {
          assert.equal(ring.reader.isSafe(asked.position), false);
          assert.equal(ring.reader.wasPassed(asked.position), true);
          assert.equal(ring.reader.read(asked.position, asked.length, bytes, 0), false);
        }
      },
    );
    assert.equal(ring.reader.readHeaders(headerVersion), null);
  }
});

/** A ring before another thread went on with it, and what is asked about. */
interface Moment {
  readonly ring: SteppedRing;
  readonly whole: number;
  readonly frame: number;
  readonly asked: Written;
}

/** What a reader may ask, each with what has to be true of its answer. */
interface Question {
  readonly name: string;
  readonly ask: (moment: Moment) => unknown;
  readonly check: (moment: Moment, answer: unknown) => void;
}

const entry = newFrameRef();
const keyframe = newKeyframeRef();

const QUESTIONS: readonly Question[] = [
  {
    name: "frameCount",
    ask: ({ ring }) => ring.reader.frameCount,
    check: ({ ring, whole }, answer) => {
      const counted = ((answer as number) - ring.firstFrame) | 0;
      assert.ok(counted >= whole, `${counted} frames, and there were ${whole} before`);
      assert.ok(counted <= ring.written.length, `${counted} frames of ${ring.written.length}`);
    },
  },
  {
    name: "readFrame",
    ask: ({ ring, frame }) => ring.reader.readFrame(frame, entry),
    check: ({ asked }, isThere) => {
      if (isThere === true) {
        const { position, length, isKeyframe, headerVersion } = entry;
        assert.deepEqual({ position, length, isKeyframe, headerVersion }, asked);
      }
    },
  },
  {
    name: "read",
    ask: ({ ring, asked }) => ring.reader.read(asked.position, asked.length, bytes, 0),
    check: ({ ring, asked, frame }, isRead) => {
      if (isRead === true) {
        assert.deepEqual(ring.maker.decode(bytes.subarray(0, asked.length)), [frame >>> 0]);
      }
    },
  },
  {
    name: "frameAt",
    ask: ({ ring, asked }) => ring.reader.frameAt((asked.position + 1) | 0),
    check: ({ frame }, answer) => assert.ok(answer === -1 || answer === frame >>> 0),
  },
  {
    name: "messageEnd",
    ask: ({ ring, asked }) => ring.reader.messageEnd((asked.position + 1) | 0),
    check: ({ asked }, answer) =>
      assert.ok(answer === null || answer === ((asked.position + asked.length) | 0)),
  },
  {
    name: "newestKeyframe",
    ask: ({ ring }) => ring.reader.newestKeyframe(keyframe),
    check: ({ ring, whole }, isThere) => {
      ring.checkKeyframe(isThere === true, keyframe);
      const number = (keyframe.frame - ring.firstFrame) | 0;
      assert.ok(isThere === false || number > whole - 1 - KEYFRAME_EVERY, "an older one");
    },
  },
  {
    name: "keyframeFrom",
    ask: ({ ring, asked }) => ring.reader.keyframeFrom(asked.position, keyframe),
    check: ({ ring, frame }, isThere) => {
      if (isThere === true) {
        const at = (frame - ring.firstFrame) | 0;
        const first = ring.written.findIndex((one, number) => number >= at && one.isKeyframe);
        assert.equal(keyframe.frame, (ring.firstFrame + first) >>> 0);
        ring.checkKeyframe(true, keyframe);
      }
    },
  },
  {
    name: "resumeAt",
    ask: ({ ring, frame, whole }) => ring.reader.resumeAt(frame, (ring.firstFrame + whole) >>> 0),
    check: ({ ring, frame, whole }, answer) => {
      const end = (ring.firstFrame + whole) >>> 0;
      assert.ok(answer === end || ring.writtenAs(answer as number).isKeyframe);
      assert.ok((((answer as number) - frame) | 0) > 0, "not ahead");
    },
  },
  {
    name: "readHeaders",
    ask: ({ ring, asked }) => ring.reader.readHeaders(asked.headerVersion),
    check: ({ ring, asked }, answer) => {
      if (answer !== null) {
        assert.deepEqual(answer, ring.headers[asked.headerVersion]);
      }
    },
  },
  {
    name: "headersAt",
    ask: ({ ring, asked }) => ring.reader.headersAt(asked.headerVersion),
    check: ({ ring, asked }, answer) => {
      const later = ring.headers.slice(asked.headerVersion).map((one) => one.join());
      assert.ok(answer === null || later.includes((answer as Uint8Array).join()));
    },
  },
];

for (const { name, maker, laps } of SIZES) {
  for (const { name: question, ask, check } of QUESTIONS) {
    test(`a writer that goes on between any two steps of ${question}: ${name} messages`, {
      timeout: 60_000,
    }, () => {
      for (const { before, back, lap, isStuck } of casesOf(laps)) {
        let moment: Moment | undefined;
        const steps = atEachStep({
          prepare: () => {
            const ring = new SteppedRing(maker, 0x7f_ff_fe_00, 0x7f_ff_ff_fd);
            ring.append(before);
            const frame = (ring.next - back) | 0;
            moment = { ring, whole: before, frame, asked: ring.writtenAs(frame) };
          },
          work: () => (moment === undefined ? undefined : ask(moment)),
          other: () => moment?.ring.goOn(lap, isStuck),
          check: (answer) => {
            if (moment !== undefined) {
              check(moment, answer);
            }
          },
        });
        assert.ok(steps > 0);
      }
    });
  }
}

interface Case {
  readonly before: number;
  /** Which message is asked about, counted from the end. */
  readonly back: number;
  /** Messages of the other thread. */
  readonly lap: number;
  readonly isStuck: boolean;
}

function casesOf(laps: readonly number[]): Case[] {
  const asked = [
    { before: 1, back: 1 },
    { before: 12, back: 1 },
    { before: 12, back: 12 },
    { before: 12, back: 5 },
  ];
  return laps.flatMap((lap) =>
    asked.flatMap((one) => [true, false].map((isStuck) => ({ ...one, lap, isStuck }))),
  );
}
