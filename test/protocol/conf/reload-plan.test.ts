import assert from "node:assert/strict";
import { test } from "node:test";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import {
  configInForce,
  describeStep,
  planReload,
  settingsInForce,
} from "../../../src/protocol/conf/reload-plan.ts";
import { directiveChanges } from "../../support/directive-changes.ts";

function decode(text: string, environment: Record<string, string> = {}): DecodedConfig {
  return decodeConfig(`listen 1935; daemon off; ${text}`, "x.conf", {
    include: () => "",
    environment,
  });
}

function planOf(before: string, after: string): string[] {
  return planReload(decode(before).settings, decode(after).settings).map(describeStep);
}

test("nothing is planned for what is written otherwise and means the same", () => {
  const plan = planOf(
    "max_connections 1000; vhost v { play { gop_cache on; queue_length 30; time_jitter full; } }",
    "# a comment\nvhost v { play { gop_cache yes; queue_length 030; } publish {} }",
  );
  assert.deepEqual(plan, []);
});

test("each difference is one line with its effect", () => {
  const before = "workers 2; vhost v { play { gop_cache on; } dash { enabled off; } }";
  const after =
    "workers 3; max_connections 9; vhost v { chunk_size 60000; play { gop_cache off; } dash { enabled on; } }";
  assert.deepEqual(planOf(before, after), [
    "hot       max_connections: 1000 -> 9",
    "restart   workers: 2 -> 3",
    "hot       vhost v.chunk_size: (not set) -> 60000",
    "hot       vhost v.play.gop_cache: on -> off",
    "no effect vhost v.dash.enabled: off -> on",
  ]);
});

test("vhosts that come and go are one line each, the first of a name counts", () => {
  assert.deepEqual(
    planOf(
      "vhost a { chunk_size 1000; } vhost b {}",
      "vhost b {} vhost b { enabled off; } vhost c { security { enabled on; } }",
    ),
    ["hot       vhost a removed", "hot       vhost c added"],
  );
  assert.deepEqual(planOf("vhost a { security { enabled on; allow play all; } }", "vhost a {}"), [
    "hot       vhost a.security.enabled: on -> off",
    'hot       vhost a.security.allow: play all -> ""',
  ]);
});

test("legacy spellings and environment are what they mean", () => {
  assert.deepEqual(planOf("vhost v { gop_cache off; }", "vhost v { play { gop_cache off; } }"), []);
  const set = decode("vhost v {}", { SRS_VHOST_PLAY_GOP_CACHE: "off" });
  const [step] = planReload(decode("vhost v {}").settings, set.settings);
  assert.deepEqual([step?.place, step?.after], ["vhost v.play.gop_cache", "off"]);
});

test("what needs a restart stays in force, and is planned again the next time", () => {
  const [running, next] = [decode("workers 2; spill_players 1;"), decode("workers 3;")];
  const config = configInForce(running.config, next.config);
  assert.deepEqual([config.workers, config.limits.spillPlayers], [2, 100]);
  const settings = settingsInForce(running.settings, next.settings);
  const again = planReload(settings, next.settings).map(describeStep);
  assert.deepEqual(again, ["restart   workers: 2 -> 3"]);
});

test("the reload column is true: hot changes what is in force, restart does not", () => {
  const wrong: string[] = [];
  let tested = 0;
  for (const { path, spec, before, after } of directiveChanges()) {
    // Blocks without a name are told apart by their order.
    const place = path
      .replace(/^vhost\./, "vhost v.")
      .replace(/\b(ingest|transcode|engine)\./g, "$1 1.");
    const step = planReload(before.settings, after.settings).find((one) => one.place === place);
    const inForce = configInForce(before.config, after.config);
    const changes = JSON.stringify(plain(inForce)) !== JSON.stringify(plain(before.config));
    if (step?.effect !== spec.reload || changes !== (spec.reload === "hot")) {
      wrong.push(`${path}: ${spec.reload}, planned ${step?.effect}, changes ${changes}`);
    }
    tested += 1;
  }
  assert.deepEqual(wrong, []);
  assert.ok(tested > 40, `${tested}`);
});

/** What counts: where a certificate's files are named is no value. */
function plain(config: DecodedConfig["config"]): unknown {
  const nowhere = { keyAt: null, certificateAt: null };
  const httpServer = { ...config.httpServer, https: { ...config.httpServer.https, ...nowhere } };
  const rtmps = { ...config.rtmps, ...nowhere };
  return { ...config, vhosts: [...config.vhosts], httpServer, rtmps };
}

test("E-70 secrets are compared and not shown", () => {
  const plan = (before: string, after: string): string[] =>
    planOf(
      `http_api { auth { ${before} } } vhost v {}`,
      `http_api { auth { ${after} } } vhost v {}`,
    );
  assert.deepEqual(plan("password canary1;", "password canary2;"), [
    "hot       http_api.auth.password: *** -> ***",
  ]);
  assert.deepEqual(plan("", "token canary;"), ['hot       http_api.auth.token: "" -> ***']);
});
