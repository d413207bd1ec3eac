/** Listening addresses under a reload, whatever else the server is doing. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Acceptor, type Connection } from "../../../src/main/accept/acceptor.ts";
import { closeDescriptor } from "../../../src/main/accept/native.ts";
import { Poller } from "../../../src/main/accept/poller.ts";
import { findFreePort, isListening, waitUntil } from "../../support/scratch.ts";

let acceptor: Acceptor | undefined;
let poller: Poller | undefined;
let accepted = 0;
afterEach(() => {
  acceptor?.close();
  poller?.close();
});

async function open(): Promise<[Acceptor, { host: string; port: number }]> {
  accepted = 0;
  const take = ({ descriptor }: Connection): void => {
    accepted += 1;
    closeDescriptor(descriptor);
  };
  poller = new Poller();
  const fail = (_cid: string, text: string): void => assert.fail(text);
  acceptor = new Acceptor(poller, take, { error: fail, warn: fail });
  return [acceptor, { host: "127.0.0.1", port: await findFreePort() }];
}

test("newcomers of a new address wait until it is in force", { timeout: 5000 }, async () => {
  const [one, endpoint] = await open();
  const prepared = one.prepare({ listen: [endpoint] });
  assert.ok(await isListening(endpoint.port));
  assert.equal(accepted, 0);
  prepared.commit();
  await waitUntil("it is accepted", () => accepted === 1, 2000);
});

test("an address that is taken back is not listened on", { timeout: 5000 }, async () => {
  const [one, endpoint] = await open();
  one.prepare({ listen: [endpoint] }).abort();
  assert.ok(!(await isListening(endpoint.port)));
});

test("while accept is suspended a reload does not resume it", { timeout: 5000 }, async () => {
  const [one, endpoint] = await open();
  one.suspend();
  one.prepare({ listen: [endpoint] }).commit();
  assert.ok(await isListening(endpoint.port));
  assert.equal(accepted, 0);
  one.resume();
  await waitUntil("it is accepted", () => accepted === 1, 2000);
});

test("a server that stops listens no more, before and between the steps", {
  timeout: 5000,
}, async () => {
  const [one, endpoint] = await open();
  const prepared = one.prepare({ listen: [endpoint] });
  one.close();
  prepared.commit();
  assert.ok(!(await isListening(endpoint.port)));
  one.prepare({ listen: [endpoint] }).commit();
  assert.ok(!(await isListening(endpoint.port)));
});
