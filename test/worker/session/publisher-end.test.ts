/** Why a publisher's connection ended, as the log has it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type InProcess, startInProcess } from "../../main/accept/in-process.ts";
import {
  pingRequest,
  publish,
  stampedVideo,
  type WireClient,
} from "../../main/accept/wire-client.ts";
import { command, concat } from "../../protocol/rtmp/session-harness.ts";
import { waitUntil } from "../../support/scratch.ts";

const LIMIT = { timeout: 30_000 };
const WAIT_MS = 10_000;

describe("a publisher that leaves without reading the last replies", () => {
  let weir: InProcess;

  before(async () => {
    weir = await startInProcess({ workers: 1 });
  });

  after(() => weir?.close());

  async function publisher(name: string): Promise<WireClient> {
    const client = await publish(weir.port, name);
    client.write(stampedVideo(0));
    return client;
  }

  const isPublished = (name: string): boolean => {
    const entry = weir.server.coordinator.find(`__defaultVhost__/live/${name}`);
    return entry !== undefined && entry.publisher !== null;
  };

  const endOf = async (name: string): Promise<string> => {
    const started = new RegExp(`\\[(\\w+)\\] fmle-publish, .*stream=${name},`);
    const [, id = ""] = started.exec(weir.log()) ?? [];
    const ended = new RegExp(`\\[${id}\\] fmle-publish ended: ([^,]*),`);
    await waitUntil("its end is told", () => ended.test(weir.log()), WAIT_MS);
    return ended.exec(weir.log())?.[1] ?? "";
  };

  test("has left in order when it had ended its stream", LIMIT, async () => {
    const client = await publisher("done");
    client.pause();
    client.write(
      concat(command(0, "FCUnpublish", 6, null, "done"), command(0, "deleteStream", 7, null, 1)),
    );
    await waitUntil("nobody publishes", () => !isPublished("done"), WAIT_MS);
    client.reset();
    assert.equal(await endOf("done"), "closed by peer");
  });

  test("is lost when it had not", LIMIT, async () => {
    const client = await publisher("lost");
    const heard = client.bytes;
    // Its answer shows that all before it was read.
    client.write(pingRequest(7));
    await waitUntil("it is answered", () => client.bytes > heard, WAIT_MS);
    client.reset();
    assert.match(await endOf("lost"), /^network error \(/);
  });
});
