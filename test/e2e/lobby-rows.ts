/** Inputs of the lobby, right and wrong, and what has to come of each: rows of the bad-input table. */
import { createHmac, randomBytes } from "node:crypto";
import type { AmfValue } from "../../src/protocol/amf/amf-value.ts";
import { ClientHandshake } from "../../src/protocol/rtmp/handshake.ts";
import { playDialogue, publishDialogue, stampedVideo } from "../main/accept/wire-client.ts";
import {
  command,
  concat,
  connect,
  handshakeBytes,
  message,
} from "../protocol/rtmp/session-harness.ts";

/** Deadlines that the server is started with. */
export const HANDSHAKE_MS = 900;
export const CONNECT_MS = 1500;
export const IDENTIFY_MS = 2000;
/** Room for a busy machine on top of what is promised. */
const SLACK_MS = 1000;
const PROMPT_MS = 100 + SLACK_MS;
const BIG_MESSAGES = 200;

const NOT_CONNECTED = "NetConnection.Call.Failed";
const REJECTED = "NetConnection.Connect.Rejected";
const BAD_NAME = "NetStream.Publish.BadName";
export const STARTED = "NetStream.Publish.Start";

/** One input and what has to come of it. */
export interface Row {
  readonly id: string;
  readonly title: string;
  /** Sent at once; several parts are sent one after the other, each in a segment of its own. */
  readonly parts: readonly Uint8Array[];
  /** Codes that come, in order. */
  readonly codes?: readonly string[];
  /** The server closes, not before and not after so many milliseconds; absent: the connection stays. */
  readonly closed?: readonly [number, number];
  /** Bytes that may come. */
  readonly bytesMax?: number;
  /** What the client does after it has sent its parts. */
  readonly afterwards?: "reset" | "finish";
}

const prompt: readonly [number, number] = [0, PROMPT_MS];
const connected = concat(handshakeBytes(), connect());
const created = concat(connected, command(0, "createStream", 2, null));
const byte = (value: number): Uint8Array => Uint8Array.of(value);
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "latin1"));

function connectWith(properties: Record<string, AmfValue>): Uint8Array {
  const entries = new Map(Object.entries(properties));
  return concat(handshakeBytes(), command(0, "connect", 1, entries));
}

function publishName(name: AmfValue): Uint8Array {
  return concat(created, command(1, "publish", 3, null, name, "live"));
}

/** C0, C1 and C2 of a client that signs, with a byte of its digest changed. */
function wrongDigest(digest: "scheme0" | "scheme1"): Uint8Array {
  const parts: Uint8Array[] = [];
  const host = {
    hmac: (key: Uint8Array, data: Uint8Array) => createHmac("sha256", key).update(data).digest(),
    random: (bytes: number) => new Uint8Array(randomBytes(bytes)),
    time: () => 0,
  };
  new ClientHandshake(host, { digest }).start((bytes) => parts.push(bytes.slice()));
  const bytes = concat(...parts, new Uint8Array(1536));
  for (let index = 9; index < 1537; index += 8) {
    bytes[index] = (bytes[index] ?? 0) ^ 1;
  }
  return bytes;
}

/** C1 whose offsets of both digest schemes are as large as bytes can make them. */
function extremeOffsets(): Uint8Array {
  const bytes = new Uint8Array(3073).fill(0xff);
  bytes[0] = 3;
  return bytes;
}

/** The table. */
export const ROWS: readonly Row[] = [
  ...[0, 4, 200, 255].map((version) => ({
    id: "A1-01",
    title: `version ${version}`,
    parts: [byte(version)],
    closed: prompt,
    bytesMax: 0,
  })),
  { id: "A1-02", title: "RTMPE", parts: [byte(6)], closed: prompt, bytesMax: 0 },
  {
    id: "A1-03",
    title: "HTTP",
    parts: [text("GET / HTTP/1.1\r\n\r\n")],
    closed: prompt,
    bytesMax: 0,
  },
  {
    id: "A1-04",
    title: "TLS",
    parts: [text("\x16\x03\x01\x02\x00\x01")],
    closed: prompt,
    bytesMax: 0,
  },
  {
    id: "A1-06",
    title: "silence",
    parts: [],
    closed: [HANDSHAKE_MS - 100, HANDSHAKE_MS + 500 + SLACK_MS],
  },
  {
    id: "A1-07",
    title: "a drip",
    parts: Array.from({ length: 60 }, (_, index) => byte(index === 0 ? 3 : 0)),
    closed: [HANDSHAKE_MS - 100, HANDSHAKE_MS + 500 + SLACK_MS],
  },
  {
    id: "A1-08",
    title: "no C2",
    parts: [handshakeBytes().subarray(0, 1537)],
    closed: [HANDSHAKE_MS - 100, HANDSHAKE_MS + 500 + SLACK_MS],
  },
  {
    id: "L2",
    title: "no connect",
    parts: [handshakeBytes()],
    closed: [CONNECT_MS - 100, CONNECT_MS + 500 + SLACK_MS],
  },
  {
    id: "L2",
    title: "neither publish nor play",
    parts: [created],
    closed: [IDENTIFY_MS - 100, IDENTIFY_MS + 500 + SLACK_MS],
  },
  {
    id: "A1-10",
    title: "C0C1C2 in one segment",
    parts: [
      handshakeBytes(),
      connect(),
      command(0, "createStream", 2, null),
      command(1, "publish", 3, null, "a110", "live"),
    ],
    codes: [STARTED],
  },
  {
    id: "A1-11",
    title: "everything in one write",
    parts: [concat(publishDialogue("a111"), stampedVideo(0))],
    codes: [STARTED],
  },
  ...(["scheme0", "scheme1"] as const).map((scheme) => ({
    id: "A1-12",
    title: `a wrong digest, ${scheme}`,
    parts: [concat(wrongDigest(scheme), publishDialogue("a112").subarray(3073))],
    codes: [STARTED],
  })),
  {
    id: "A1-12",
    title: "extreme offsets",
    parts: [concat(extremeOffsets(), publishDialogue("a112b").subarray(3073))],
    codes: [STARTED],
  },
  {
    id: "A1-17",
    title: "reset while S0S1S2 is written",
    parts: [handshakeBytes().subarray(0, 1537)],
    afterwards: "reset",
    closed: prompt,
  },
  {
    id: "A1-18",
    title: "half-close after C0C1",
    parts: [handshakeBytes().subarray(0, 1537)],
    afterwards: "finish",
    closed: prompt,
  },
  {
    id: "A5-01",
    title: "no tcUrl",
    parts: [
      concat(connectWith({ app: "live" }), publishDialogue("a501").subarray(connected.length)),
    ],
    codes: [STARTED],
  },
  {
    id: "A5-01",
    title: "neither tcUrl nor app",
    parts: [connectWith({ flashVer: "x" })],
    codes: [REJECTED],
    closed: prompt,
  },
  {
    id: "A5-02",
    title: "no URL",
    parts: [connectWith({ app: "live", tcUrl: "%%%://:" })],
    codes: [REJECTED],
    closed: prompt,
  },
  {
    id: "A5-02",
    title: "60 KB",
    parts: [connectWith({ app: "live", tcUrl: `rtmp://h/${"x".repeat(60_000)}` })],
    codes: [REJECTED],
    closed: prompt,
  },
  {
    id: "A5-02",
    title: "in quotes",
    parts: [
      concat(
        connectWith({ app: "live", tcUrl: "'rtmp://h/live'" }),
        publishDialogue("a502").subarray(connected.length),
      ),
    ],
    codes: [STARTED],
  },
  ...[7, "", null].map((app) => ({
    id: "A5-03",
    title: `app ${JSON.stringify(app)}`,
    parts: [
      concat(
        connectWith({ app, tcUrl: "rtmp://h/live" }),
        publishDialogue("a503").subarray(connected.length),
      ),
    ],
    codes: [STARTED],
  })),
  {
    id: "A5-04",
    title: "second connect",
    parts: [concat(connected, connect())],
    codes: [REJECTED],
    closed: prompt,
  },
  {
    id: "A5-05",
    title: "commands before connect",
    parts: [
      concat(
        handshakeBytes(),
        command(0, "createStream", 2, null),
        command(1, "publish", 3, null, "a505", "live"),
        command(1, "play", 4, null, "a505"),
      ),
    ],
    codes: [NOT_CONNECTED, NOT_CONNECTED, NOT_CONNECTED],
    closed: [CONNECT_MS - 100, CONNECT_MS + 500 + SLACK_MS],
  },
  {
    id: "A5-06",
    title: "media before publish",
    parts: [
      concat(created, message(8, new Uint8Array(100), { streamId: 1 }), stampedVideo(0)),
      command(1, "publish", 3, null, "a506", "live"),
    ],
    codes: [STARTED],
  },
  {
    id: "A5-06",
    title: "a lot of it",
    parts: [
      concat(
        created,
        ...Array.from({ length: BIG_MESSAGES }, () =>
          message(9, new Uint8Array(6000), { streamId: 1 }),
        ),
      ),
    ],
    closed: prompt,
  },
  ...[null, true, false].map((name) => ({
    id: "A5-07",
    title: `publish ${name}`,
    parts: [publishName(name)],
    codes: [BAD_NAME],
    closed: prompt,
  })),
  {
    id: "A5-07",
    title: "publish an object",
    parts: [publishName(new Map([["a", 1]]))],
    codes: [BAD_NAME],
    closed: prompt,
  },
  { id: "A5-07", title: "publish a number", parts: [publishName(507)], codes: [STARTED] },
  {
    id: "A5-08",
    title: "publish nothing",
    parts: [publishName("")],
    codes: [BAD_NAME],
    closed: prompt,
  },
  {
    id: "A5-12",
    title: "the name of another",
    parts: [publishDialogue("reference")],
    codes: [BAD_NAME],
    closed: prompt,
  },
  {
    id: "A5-14",
    title: "every end twice, with wrong names",
    parts: [
      concat(
        publishDialogue("a514"),
        command(0, "FCUnpublish", 6, null, "other"),
        command(0, "FCUnpublish", 7, null, "a514"),
        command(1, "closeStream", 8, null),
        command(0, "deleteStream", 9, null, 77),
        command(0, "deleteStream", 10, null, 1),
      ),
    ],
    codes: [STARTED, "NetStream.Unpublish.Success"],
  },
  {
    id: "A5-20",
    title: "unknown names",
    parts: [
      playDialogue("nobody1"),
      command(1, "play", 4, null, "nobody2"),
      command(1, "play", 5, null, "nobody3"),
    ],
    codes: [1, 2, 3].flatMap(() => ["NetStream.Play.Reset", "NetStream.Play.Start"]),
  },
];
