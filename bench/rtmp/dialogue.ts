/**
 * A client's half of the RTMP dialogue, from C0 to `publish` or `play` accepted, as encoders and players hold it:
 * one command after the other's answer. Simple handshake; the bench's own on purpose, not the server's code.
 */
import { type AmfInput, decodeCommand, encodeAmf } from "./amf.ts";
import { concatBytes, encodeWire } from "./chunks.ts";

export type Role = "play" | "publish";

export interface DialogueTarget {
  readonly role: Role;
  readonly port: number;
  readonly app: string;
  readonly stream: string;
}

/** Bytes of S0, S1 and S2. */
export const SERVER_HANDSHAKE_BYTES = 3073;
/** What publishers cut their messages to, as OBS does. */
export const PUBLISH_CHUNK_SIZE = 4096;

const HANDSHAKE_PART_BYTES = 1536;
const PLAY_CHUNK_SIZE = 128;
const CREATE_STREAM = 4;

/** C0 and C1 of the simple handshake: filler without any digest in it. */
export const CLIENT_HELLO: Uint8Array = ((): Uint8Array => {
  const hello = new Uint8Array(1 + HANDSHAKE_PART_BYTES);
  hello[0] = 3;
  for (let index = 9; index < hello.length; index++) {
    hello[index] = (index * 73) & 0xff;
  }
  return hello;
})();

const controlMessage = (type: number, value: number): Uint8Array => {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value);
  return encodeWire({ chunkStreamId: 2, type, streamId: 0, payload }, PLAY_CHUNK_SIZE);
};

export const encodeAcknowledgement = (bytesReceived: number): Uint8Array =>
  controlMessage(3, bytesReceived % 2 ** 32);

/** A ping with a time of 32 bits, which its pong repeats. */
export function encodePing(time: number): Uint8Array {
  const payload = new Uint8Array(6);
  payload[1] = 6;
  new DataView(payload.buffer).setUint32(2, time);
  return encodeWire({ chunkStreamId: 2, type: 4, streamId: 0, payload }, PLAY_CHUNK_SIZE);
}

/** The answer to a ping whose time stands at `bytes[offset]`. */
export function encodePong(bytes: Uint8Array, offset: number): Uint8Array {
  const payload = Uint8Array.from([0, 7, ...bytes.subarray(offset, offset + 4)]);
  return encodeWire({ chunkStreamId: 2, type: 4, streamId: 0, payload }, PLAY_CHUNK_SIZE);
}

export class ClientDialogue {
  /** Set when the server accepted publish or play. */
  isAccepted: boolean = false;
  /** Why the server refused, or ''. */
  refusal: string = "";
  streamId: number = 1;
  readonly #target: DialogueTarget;
  readonly #chunkSize: number;

  constructor(target: DialogueTarget) {
    this.#target = target;
    this.#chunkSize = target.role === "publish" ? PUBLISH_CHUNK_SIZE : PLAY_CHUNK_SIZE;
  }

  /** C2 (an echo of S1) and what follows it, given S0, S1 and S2. */
  answerHandshake(server: Uint8Array): Uint8Array {
    const { role, app, port } = this.#target;
    const parts: Uint8Array[] = [server.slice(1, 1 + HANDSHAKE_PART_BYTES)];
    if (role === "publish") {
      parts.push(controlMessage(1, PUBLISH_CHUNK_SIZE));
    }
    const about = {
      app,
      type: "nonprivate",
      flashVer: role === "publish" ? "FMLE/3.0 (compatible; weir-bench)" : "LNX 9,0,124,2",
      tcUrl: `rtmp://127.0.0.1:${port}/${app}`,
    };
    parts.push(this.#command(0, "connect", 1, about));
    return concatBytes(parts);
  }

  /** @returns bytes to send in answer to a server's command; may be empty. */
  answerCommand(payload: Uint8Array): Uint8Array {
    const command = decodeCommand(payload);
    if (
      command.name === "_error" ||
      /NetStream\.\w+\.(BadName|Failed|StreamNotFound|Rejected|Denied)/.test(command.text)
    ) {
      this.refusal ||= `${command.name} ${/Net\w+\.[\w.]+/.exec(command.text)?.[0] ?? ""}`;
    } else if (command.name === "_result" && command.transaction === 1) {
      return this.#askStream();
    } else if (command.name === "_result" && command.transaction === CREATE_STREAM) {
      this.streamId = command.number;
      return this.#askMedia();
    } else if (
      command.text.includes(this.#target.role === "publish" ? "Publish.Start" : "Play.Start")
    ) {
      this.isAccepted = true;
    }
    return new Uint8Array(0);
  }

  #askStream(): Uint8Array {
    const create = this.#command(0, "createStream", CREATE_STREAM, null);
    if (this.#target.role === "play") {
      return concatBytes([controlMessage(5, 2_500_000), create]);
    }
    const { stream } = this.#target;
    return concatBytes([
      this.#command(0, "releaseStream", 2, null, stream),
      this.#command(0, "FCPublish", 3, null, stream),
      create,
    ]);
  }

  #askMedia(): Uint8Array {
    const { role, stream } = this.#target;
    return role === "publish"
      ? this.#command(this.streamId, "publish", 5, null, stream, "live")
      : this.#command(this.streamId, "play", 5, null, stream, -2000);
  }

  #command(streamId: number, ...values: AmfInput[]): Uint8Array {
    const payload = encodeAmf(values);
    return encodeWire({ chunkStreamId: 3, type: 20, streamId, payload }, this.#chunkSize);
  }
}
