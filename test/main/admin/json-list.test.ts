/** Lists of answers that are written in turns of the loop. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFields, ListWriter } from "../../../src/main/admin/json-list.ts";

const LIMIT = { timeout: 20_000 };
/** As few entries as nobody waits for. */
const PER_TURN_MAX = 500;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbered = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const tell = (index: number): object => ({ id: `"${index}\u2028`, none: undefined, of: { index } });

test("an answer with a list is written as JSON writes it, however long", LIMIT, async () => {
  const writer = new ListWriter();
  for (const count of [0, 1, 249, 250, 251, 500, 1777]) {
    const plain = { code: 0, 'a"': null, gone: undefined };
    const fields = { ...plain, list: await writer.write(numbered(count), tell), total: count };
    const expected = { ...plain, list: numbered(count).map(tell), total: count };
    assert.equal(encodeFields(fields), JSON.stringify(expected));
  }
  assert.equal(encodeFields({}), "{}");
});

test("however many ask for long lists, a turn of the loop writes one piece", LIMIT, async () => {
  const writer = new ListWriter();
  const [lists, entries] = [10, 2000];
  let [told, most, left] = [0, 0, lists];
  const asked = numbered(lists).map(async () => {
    const list = await writer.write(numbered(entries), (index) => {
      told += 1;
      return tell(index);
    });
    left -= 1;
    assert.equal(list.text, JSON.stringify(numbered(entries).map(tell)));
  });
  while (left > 0) {
    const before = told;
    await nextTurn();
    most = Math.max(most, told - before);
  }
  await Promise.all(asked);
  assert.equal(told, lists * entries);
  assert.ok(most > 0 && most <= PER_TURN_MAX, `${most} entries in one turn`);
});

test("a list that cannot be written fails alone", LIMIT, async () => {
  const writer = new ListWriter();
  const failed = writer.write(numbered(1000), (index) => {
    assert.notEqual(index, 999, "no such entry");
    return {};
  });
  const next = writer.write(numbered(1000), tell);
  await assert.rejects(failed, /no such entry/);
  assert.equal((await next).text, JSON.stringify(numbered(1000).map(tell)));
});
