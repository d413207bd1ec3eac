import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PRODUCT_NAME, PRODUCT_VERSION } from "../../src/protocol/product.ts";
import { REPOSITORY } from "../support/weir.ts";

test("the product is the package", () => {
  const { name, version } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
    name: string;
    version: string;
  };
  assert.deepEqual([PRODUCT_NAME, PRODUCT_VERSION], [name, version]);
});
