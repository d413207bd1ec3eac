/** What the bench says of its figures: verdicts, comparison with noise, page, capacity, command line. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { summarise } from "../../bench/measure/figures.ts";
import { buildHistogram, encodeHistogram } from "../../bench/native/distribution.ts";
import { decodeOptions } from "../../bench/options.ts";
import { hostCapacity, treeFor, unitCostsOf } from "../../bench/report/capacity.ts";
import { changeOf, compareResults, pairedRatio } from "../../bench/report/comparison.ts";
import { renderPage } from "../../bench/report/page.ts";
import { countVerdicts, decodeResults } from "../../bench/report/results.ts";
import { decades, renderBars, renderLines, ticksUpTo } from "../../bench/report/svg.ts";
import { formatMarkdown, formatTable } from "../../bench/report/table.ts";
import { judgeScenario, type Row } from "../../bench/report/verdicts.ts";
import { chooseScenarios, scenarios } from "../../bench/scenarios/all.ts";
import type { Criterion, Scenario } from "../../bench/scenarios/scenario.ts";
import { decodeRunningPeer } from "../../bench/servers/running-peer.ts";
import { measured, resultsWith, runsWith } from "./results.ts";

const LIMIT = { timeout: 10_000 };

const scenarioOf = (criterion: Criterion): Scenario => ({
  id: "X",
  name: "x",
  title: "x",
  isDefault: true,
  jobs: () => [],
  criteria: [criterion],
});

function judgeOne(
  criterion: Criterion,
  medians: Readonly<Record<string, Parameters<typeof measured>[0]>>,
  isQuick = false,
): Row | undefined {
  const summaries = new Map(
    Object.entries(medians).map(([key, figures]) => [key, summarise([measured(figures)], [], "")]),
  );
  const others = ["floor", "nginx-rtmp"];
  return judgeScenario(scenarioOf(criterion), { summaries, others, isQuick })[0];
}

describe("verdicts", () => {
  const cost: Criterion = {
    what: "CPU",
    job: "a",
    figure: "cpuPercent",
    maxOver: { floor: 1.25, "nginx-rtmp": 0.25, srs: 0.6 },
  };

  test("all multiples of servers that are there must hold", LIMIT, () => {
    const weir = { "a weir": { cpuPercent: 12 } };
    const floor = { "a floor": { cpuPercent: 10 } };
    const pass = judgeOne(cost, { ...weir, ...floor, "a nginx-rtmp": { cpuPercent: 50 } });
    assert.equal(pass?.verdict, "pass");
    assert.deepEqual(pass?.against, { floor: "10 (1.2 ×)", "nginx-rtmp": "50 (0.24 ×)" });
    assert.equal(pass?.target, "≤ 1.25 × floor, ≤ 0.25 × nginx-rtmp");
    const miss = judgeOne(cost, { ...weir, ...floor, "a nginx-rtmp": { cpuPercent: 40 } });
    assert.equal(miss?.verdict, "miss");
    assert.equal(judgeOne(cost, weir)?.verdict, "info");
    assert.equal(judgeOne(cost, floor)?.verdict, "none");
    assert.equal(judgeOne(cost, { ...weir, ...floor }, true)?.verdict, "unjudged");
  });

  test("a condition that does not hold leaves it unjudged", LIMIT, () => {
    const latency: Criterion = {
      what: "p99",
      job: "a",
      figure: "latencyP99Ms",
      max: 15,
      onlyUpTo: { figure: "threadPercent", max: 30 },
    };
    const at = (threadPercent: number) =>
      judgeOne(latency, { "a weir": { latencyP99Ms: 99, threadPercent } })?.verdict;
    assert.equal(at(30), "miss");
    assert.equal(at(31), "unjudged");
  });

  test("what has only void runs is void, not passed", LIMIT, () => {
    const late = { ...measured({ cpuPercent: 1 }), voidReason: "late" };
    const summaries = new Map([["a weir", summarise([late], [], "")]]);
    const rows = judgeScenario(scenarioOf(cost), { summaries, others: ["floor"], isQuick: false });
    assert.deepEqual(
      rows.map(({ verdict }) => verdict),
      ["void", "void"],
    );
    assert.equal(countVerdicts(rows).void, 2);
  });

  test("differences and quotients of two figures", LIMIT, () => {
    const added: Criterion = {
      what: "added",
      job: "a",
      figure: "latencyP99Ms",
      server: "weir-edge",
      less: { server: "weir", job: "a", figure: "latencyP99Ms" },
      max: 10,
    };
    const medians = { "a weir": { latencyP99Ms: 4 }, "a weir-edge": { latencyP99Ms: 11 } };
    assert.equal(judgeOne(added, medians)?.figure, "7 ms");
    const { less: _, ...rest } = added;
    const divided = { ...rest, per: { server: "weir", job: "a", figure: "latencyP99Ms" } } as const;
    assert.equal(judgeOne(divided, medians)?.figure, "2.75 ×");
  });

  test("a player without every frame is a miss, whatever the figures", LIMIT, () => {
    const fine = { connections: 2, live: 2, gaps: 0, bytesRatio: 1 };
    const rowsOf = (figures: Parameters<typeof measured>[0]) => {
      const summaries = new Map([["a weir", summarise([measured(figures)], [], "")]]);
      return judgeScenario(scenarioOf(cost), { summaries, others: [], isQuick: false }).at(-1);
    };
    assert.equal(rowsOf(fine)?.verdict, "pass");
    for (const wrong of [{ live: 1 }, { gaps: 1 }, { bytesRatio: 0.9 }, { resumedShare: 0.5 }]) {
      assert.equal(rowsOf({ ...fine, ...wrong })?.verdict, "miss", JSON.stringify(wrong));
    }
  });
});

describe("comparison", () => {
  test("a change is told only when the whole interval is on one side", LIMIT, () => {
    const clear = pairedRatio([
      [10, 12],
      [11, 13.3],
      [10, 12.1],
    ]);
    assert.ok(Math.abs(clear.ratio - 1.206) < 0.01);
    assert.equal(changeOf(clear, 3), "dearer");
    const cheaper = pairedRatio([
      [12, 10],
      [13.3, 11],
      [12.1, 10],
    ]);
    assert.equal(changeOf(cheaper, 3), "cheaper");
    const noise = pairedRatio([
      [10, 12],
      [11, 10],
      [10, 13],
    ]);
    assert.equal(changeOf(noise, 3), "noise");
    assert.equal(changeOf(pairedRatio([[10, 20]]), 1), "one run");
  });

  test("the same work twice is no change; a narrow interval below 2 % neither", LIMIT, () => {
    const same = pairedRatio([
      [10, 10],
      [12, 12],
    ]);
    assert.deepEqual(same, { ratio: 1, low: 1, high: 1 });
    assert.equal(changeOf({ ratio: 1.015, low: 1.01, high: 1.019 }, 3), "noise");
  });

  test("CPU is compared as a multiple of the floor of its round", LIMIT, () => {
    const cpu = (weir: readonly number[], floor: readonly number[]) =>
      resultsWith({
        P1: {
          "merged weir": runsWith("cpuPercent", weir),
          "merged floor": runsWith("cpuPercent", floor),
        },
      });
    const before = cpu([10, 11, 10.5], [5, 5.5, 5.25]);
    // The machine is half as fast, weir is not.
    const [slower] = compareResults(before, cpu([20, 22.1, 21], [10, 11, 10.5]), "weir");
    assert.equal(slower?.isOverFloor, true);
    assert.equal(slower?.change, "noise");
    const [worse] = compareResults(before, cpu([20, 22.1, 21], [5, 5.5, 5.25]), "weir");
    assert.equal(worse?.change, "dearer");
    assert.ok(Math.abs((worse?.ratio ?? 0) - 2) < 0.01);
  });

  test("a file of another version is refused", LIMIT, () => {
    assert.throws(() => decodeResults("{}", "x.json"), /x\.json is no result file/);
  });
});

describe("page and tables", () => {
  test("the page has every scenario, its plots, and nothing from outside", LIMIT, () => {
    const histogram = buildHistogram();
    histogram.recordValue(2000);
    const runs = [
      { ...measured({ cpuPer1000Percent: 7 }), latency: encodeHistogram(histogram) },
    ] as const;
    const results = resultsWith({ P1: { "merged weir": runs, "merged floor": runs }, P2: {} });
    const rows = [
      {
        scenario: "P1",
        what: "a <b>",
        target: "",
        figure: "7 %",
        verdict: "miss",
        against: { floor: "5 (1.4 ×)" },
        note: "",
      },
    ] as const;
    const page = renderPage({ ...results, rows });
    assert.match(page, /a &#60;b&#62;/);
    assert.match(page, /<h2>P1 P1<\/h2>/);
    assert.match(page, /<h2>P2 P2<\/h2>/);
    assert.match(page, /Latency percentiles \(merged\)/);
    assert.match(page, /CPU of 1000 \(merged\)/);
    assert.doesNotMatch(page, /(src|href)=|https?:|@import|<script/);
    for (const text of [formatTable(rows, results.others), formatMarkdown(rows, results.others)]) {
      assert.match(text, /5 \(1\.4 ×\)/);
      assert.doesNotMatch(text, /nginx-rtmp/, "a column without any figure is left out");
    }
  });

  test("plots place their points within their frame", LIMIT, () => {
    const svg = renderLines({
      title: "t",
      x: "x",
      y: "y",
      series: [
        {
          name: "s",
          points: [
            [0, 0],
            [10, 37],
          ],
        },
      ],
    });
    const places = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
    assert.equal(places.length, 2);
    for (const [, x, y] of places) {
      assert.ok(Number(x) >= 62 && Number(x) <= 544 && Number(y) >= 34 && Number(y) <= 274);
    }
    assert.equal(renderLines({ title: "t", x: "x", y: "y", series: [] }), "");
    assert.equal(renderBars("t", "ms", []), "");
    assert.deepEqual(ticksUpTo(37), [0, 10, 20, 30, 40]);
    assert.deepEqual(decades(2, 340), [1, 10, 100, 1000]);
  });
});

describe("capacity", () => {
  const steady = {
    P1: { "merged weir": [measured({ cpuPer1000Percent: 7.25, framesPerSend: 11 })] },
    P2: { "realtime weir": [measured({ cpuPer1000Percent: 25, framesPerSend: 1 })] },
    P5: { "ingest weir": [measured({ cpuPer1000Percent: 50, rssPerPlayerKb: 700 })] },
  };
  const results = resultsWith({
    ...steady,
    P6: { "growth weir": [measured({ rssPerPlayerKb: 5, tcpPerPlayerKb: 45 })] },
    P7: { "storm weir": [measured({ joinThreadUs: 100 })] },
    P9: {
      "edge weir": [measured({ latencyP99Ms: 5 })],
      "edge weir-edge": [measured({ latencyP99Ms: 12 })],
    },
  });
  const costs = unitCostsOf(results);

  test("sends and bits are told apart, and give back what was measured", LIMIT, () => {
    assert.ok(Math.abs(costs.sendUs - 6.51) < 0.01, `${costs.sendUs} µs`);
    const gbit = 1.1e-3;
    for (const [frames, cores] of [
      [11, 7.25e-5],
      [1, 25e-5],
    ] as const) {
      const cost = ((30 / frames) * costs.sendUs) / 1e6 + gbit * costs.coresPerGbit;
      assert.ok(Math.abs(cost / cores - 1) < 1e-9);
    }
    assert.equal(costs.levelMs, 7);
  });

  test("what seems to take nothing is planned with something", LIMIT, () => {
    const latency = [measured({ latencyP99Ms: 5 })];
    const { playerKb, socketKb, levelMs } = unitCostsOf(
      resultsWith({
        ...steady,
        P6: { "growth weir": [measured({ rssPerPlayerKb: -0.5, tcpPerPlayerKb: -2 })] },
        P7: { "storm weir": [measured({ joinThreadUs: 100 })] },
        P9: { "edge weir": latency, "edge weir-edge": latency },
      }),
    );
    assert.deepEqual([playerKb, socketKb, levelMs], [4, 48, 1]);
  });

  test("the scarcest of cores, links and memory limits a host", LIMIT, () => {
    const about = { bitrateMbps: 6, isMerged: true };
    const large = { cores: 64, gbitPerSecond: 200, memoryGb: 256 };
    const byLinks = hostCapacity(costs, large, about);
    assert.equal(byLinks.limit, "links");
    assert.equal(byLinks.players, Math.floor(140 / 0.006));
    assert.equal(hostCapacity(costs, { ...large, cores: 2 }, about).limit, "cores");
    assert.equal(hostCapacity(costs, { ...large, memoryGb: 0.1 }, about).limit, "memory");
  });

  test("a tree has as many levels as its fan-out asks for", LIMIT, () => {
    const capacity = {
      ...hostCapacity(
        costs,
        { cores: 64, gbitPerSecond: 200, memoryGb: 256 },
        { bitrateMbps: 1, isMerged: true },
      ),
      players: 100_000,
    };
    const about = { fanOut: 10, levelMs: 7 };
    assert.deepEqual(treeFor(1_000_000, capacity, about).between, []);
    const deep = treeFor(100_000_000, capacity, about);
    assert.deepEqual(
      [deep.edges, deep.between, deep.levels, deep.addedMs],
      [1000, [10, 100], 3, 21],
    );
  });

  test("a figure that is not there is named", LIMIT, () => {
    assert.throws(() => unitCostsOf(resultsWith({})), /framesPerSend of P1/);
  });
});

describe("the command line", () => {
  test("sizes, shape, peers", LIMIT, () => {
    const options = decodeOptions([
      ...["--scenario", "fan-out,P4", "--players", "500", "--protocol", "hls", "--codec", "hevc"],
      ...["--fps", "60", "--gop", "1", "--bitrate", "4000", "--shards", "3", "--runs", "2"],
      ...["--peer-bin", "srs=/opt/srs", "--peer-bin", "weir-old=/opt/weir", "--profile"],
      ...["--peer", "a=rtmp://127.0.0.1:19350/live+http://localhost:8080,42"],
    ]);
    assert.deepEqual(options?.scenarios, ["fan-out", "P4"]);
    assert.deepEqual(options?.plan.shape, {
      bitrateKbps: 4000,
      fps: 60,
      gopSeconds: 1,
      codec: "hevc",
    });
    assert.equal(options?.plan.protocol, "hls");
    assert.equal(options?.plan.shards, 3);
    assert.deepEqual(
      options?.peers.map(({ name, isWeir }) => [name, isWeir]),
      [
        ["srs", false],
        ["weir-old", true],
      ],
    );
    assert.deepEqual(options?.runningPeers, [
      { name: "a", rtmpPort: 19_350, app: "live", httpPort: 8080, pid: 42 },
    ]);
    assert.equal(options?.inspection, "cpu-profile");
    assert.equal(decodeOptions(["--help"]), undefined);
  });

  test("wrong words are refused", LIMIT, () => {
    for (const words of [
      ["--players", "0"],
      ["--players", "many"],
      ["--codec", "vp9"],
      ["--protocol", "srt"],
      ["--clinic", "bubbleprof"],
      ["--peer-bin", "srs"],
      ["--nonsense"],
    ]) {
      assert.throws(() => decodeOptions(words), Error, words.join(" "));
    }
    assert.throws(() => decodeRunningPeer("a=rtmp://example.com/live,1"), /127\.0\.0\.1/);
    assert.throws(() => decodeRunningPeer("a=rtmp://127.0.0.1/live"), /NAME=URL,PID/);
  });

  test("P1 to P10 run by default, others by name, all with --full", LIMIT, () => {
    assert.deepEqual(
      chooseScenarios([], false).map(({ id }) => id),
      ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"],
    );
    assert.equal(chooseScenarios([], true).length, scenarios.length);
    assert.deepEqual(
      chooseScenarios(["p4", "soak", "merged"], false).map(({ id }) => id),
      ["P4", "soak", "P1"],
    );
    assert.throws(() => chooseScenarios(["P11"], false), /no scenario 'P11'/);
  });

  test("each scenario's jobs have names of their own, and criteria name them", LIMIT, () => {
    const plan = decodeOptions([])?.plan;
    assert.ok(plan !== undefined);
    for (const scenario of scenarios) {
      const ids: readonly string[] = scenario.jobs(plan).map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, scenario.id);
      for (const { job, floorJob = job, less, per } of scenario.criteria) {
        for (const name of [job, floorJob, less?.job ?? job, per?.job ?? job]) {
          assert.ok(ids.includes(name), `${scenario.id} ${name}`);
        }
      }
    }
  });
});
