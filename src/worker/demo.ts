/** Entry of the demo thread: publishes the bundled clip as live/demo, over and over, until the process ends. */
import { readFileSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { classifyAudio, classifyVideo, FrameClass } from "../protocol/flv/classify.ts";
import { FlvTagDecoder, FlvTagType } from "../protocol/flv/tag.ts";
import type { Message } from "../protocol/rtmp/message.ts";
import { OutboundPublisher } from "./io/outbound-socket.ts";

const CLIP = new URL("../../../assets/demo.flv", import.meta.url);
const TURN_MS = 10;
const RETRY_MS = 2000;
const FRAME_MS = 40;

interface ClipTag {
  readonly type: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

function readClip(): ClipTag[] {
  const tags: ClipTag[] = [];
  new FlvTagDecoder().push(new Uint8Array(readFileSync(CLIP)), {
    tag: ({ type, timestamp, payload }) => tags.push({ type, timestamp, payload: payload.slice() }),
  });
  return tags;
}

function isHeader({ type, payload }: ClipTag): boolean {
  if (type === FlvTagType.Script) {
    return true;
  }
  return type === FlvTagType.Video
    ? classifyVideo(payload) === FrameClass.VideoHeader
    : classifyAudio(payload) === FrameClass.AudioHeader;
}

const { port } = workerData as { port: number };
const clip = readClip();
const headers = clip.filter(isHeader);
const frames = clip.filter((tag) => !isHeader(tag));
const loopMs = (frames.at(-1)?.timestamp ?? 0) + FRAME_MS;

function toMessage({ type, payload }: ClipTag, timestamp: number): Message {
  return {
    chunkStreamId: type === FlvTagType.Audio ? 7 : 6,
    type,
    streamId: 1,
    timestamp,
    payload,
  };
}

function publish(): void {
  let next = 0;
  let began = 0;
  let timer: NodeJS.Timeout | undefined;
  const publisher = new OutboundPublisher(
    { url: `rtmp://127.0.0.1:${port}/live/demo` },
    {
      ready: () => {
        began = performance.now();
        for (const header of headers) {
          publisher.send(toMessage(header, 0));
        }
        timer = setInterval(turn, TURN_MS);
      },
      closed: () => {
        clearInterval(timer);
        setTimeout(publish, RETRY_MS);
      },
    },
  );
  const turn = (): void => {
    const now = performance.now() - began;
    for (;;) {
      const frame = frames[next % frames.length];
      const timestamp = (frame?.timestamp ?? 0) + Math.floor(next / frames.length) * loopMs;
      if (frame === undefined || timestamp > now) {
        return;
      }
      publisher.send(toMessage(frame, timestamp));
      next += 1;
    }
  };
}

publish();
