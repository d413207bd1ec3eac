/** E-10: which vhosts ask for signatures of HLS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GuardedVhosts } from "../../../src/main/gateways/hls-guards.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";

const LIMIT = { timeout: 20_000 };
const HOOK = "on_play http://127.0.0.1:1/;";
const RULES: readonly (readonly [rules: string, hls: string, isGuarded: boolean])[] = [
  ["", "", false],
  ["token { enabled on; secret x; }", "", true],
  ["token { enabled on; secret x; }", "hls_ctx off;", true],
  ["token { enabled on; secret x; }", "hls_sign off;", false],
  ["token { enabled on; play off; secret x; }", "", false],
  ["token { secret x; }", "", false],
  [`http_hooks { enabled on; ${HOOK} }`, "", true],
  // Nobody is asked about viewers without sessions.
  [`http_hooks { enabled on; ${HOOK} }`, "hls_ctx off;", false],
  [`http_hooks { ${HOOK} }`, "", false],
  ["http_hooks { enabled on; on_publish http://127.0.0.1:1/; }", "", false],
  ["security { enabled on; allow play 10.0.0.0/8; }", "", true],
  ["security { allow play 10.0.0.0/8; }", "", false],
  ["refer { enabled on; play example.com; }", "", true],
  ["refer { enabled on; publish example.com; }", "", false],
];

test("permission is asked for where a playlist asks for it", LIMIT, () => {
  const vhosts = RULES.map(
    ([rules, hls], at) => `vhost v${at} { ${rules} hls { ${hls} enabled on; } }`,
  );
  const text = `listen 1935; daemon off;\n${vhosts.join("\n")}`;
  const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
  const guarded = new GuardedVhosts();
  const news = guarded.news(config);
  const names = new Set(news.vhosts.map(({ name }) => name));
  for (const [at, [rules, hls, isGuarded]] of RULES.entries()) {
    assert.equal(names.has(`v${at}`), isGuarded, `${rules} ${hls}`);
  }
  assert.equal(news.secret.length, 32);
  assert.deepEqual(guarded.news(config).secret, news.secret, "a gateway that comes later");
  assert.notDeepEqual(new GuardedVhosts().news(config).secret, news.secret, "another run");
});
