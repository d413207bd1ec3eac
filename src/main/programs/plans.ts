/** What should run under a configuration: while the server does, and while a stream is published. */
import type { Config, ListenEndpoint, VhostConfig } from "../../protocol/conf/config.ts";
import type {
  EngineConfig,
  IngestConfig,
  TranscodeConfig,
} from "../../protocol/conf/programs-config.ts";
import { DEFAULT_VHOST, encodeRtmpUrl } from "../../protocol/rtmp/stream-url.ts";
import type { Command, Plan } from "./command.ts";
import { copyArguments, encodeArguments, type FfmpegRun } from "./ffmpeg-arguments.ts";
import { logFileOf } from "./log-file.ts";
import { ownStreamOf, streamOf } from "./own-streams.ts";
import { atMoment, commandOf, expandWord, splitRedirections, type Variables } from "./words.ts";

/** A stream that is published here. */
export interface PublishedStream {
  /** `vhost/app/stream`. */
  readonly key: string;
  /** Name of the vhost in the configuration. */
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
  /** Query with its question mark, or ''. */
  readonly param: string;
  readonly tcUrl: string;
  readonly swfUrl: string;
  readonly pageUrl: string;
  /** That the publisher came to, as it knows it. */
  readonly port: number;
}

/** Programs of `exec` for a stream. An edge runs none: the origin does. */
export function execPlans(config: Config, stream: PublishedStream): Plan[] {
  const vhost = originVhost(config, stream.vhost);
  if (vhost?.programs.exec.isEnabled !== true) {
    return [];
  }
  const variables = execVariables(config, stream);
  return vhost.programs.exec.publish.map(({ program: { file }, words }, index) => {
    const split = splitRedirections(words);
    return {
      id: `exec ${stream.key} ${index + 1}`,
      kind: "exec",
      identity: JSON.stringify([file, words, [...variables]]),
      output: "",
      commandAt: (unixMs) => commandOf(file, split, atMoment(variables, unixMs, config.utcTime)),
    };
  });
}

/** Encoders of a stream: those of its vhost, of its app, then its own. An edge has none. */
export function transcodePlans(config: Config, stream: PublishedStream): Plan[] {
  const vhost = originVhost(config, stream.vhost);
  const scopes = ["", stream.app, `${stream.app}/${stream.stream}`];
  const plans: Plan[] = [];
  for (const scope of scopes) {
    for (const transcode of vhost?.programs.transcodes ?? []) {
      const isUsed = transcode.isEnabled && transcode.ffmpeg.file !== "";
      if (isUsed && transcode.scope === scope) {
        plans.push(...enginePlans(config, stream, transcode));
      }
    }
  }
  return plans;
}

/** What is published while the server runs. */
export function ingestPlans(config: Config): Plan[] {
  return [...config.vhosts.values()].flatMap((vhost) =>
    vhost.enabled
      ? vhost.programs.ingests
          .filter(({ isEnabled }) => isEnabled)
          .flatMap((ingest) =>
            ingest.engines.map((engine, index) =>
              ingestPlan(config, vhost, [ingest, engine, index]),
            ),
          )
      : [],
  );
}

function originVhost(config: Config, name: string): VhostConfig | undefined {
  const vhost = config.vhosts.get(name);
  return vhost?.enabled === true && !vhost.cluster.isEdge ? vhost : undefined;
}

function execVariables(config: Config, stream: PublishedStream): Variables {
  const { vhost, app, stream: name, tcUrl, swfUrl, pageUrl } = stream;
  const { host, port } = reachable(config, stream.port);
  const param = withoutBlanks(stream.param);
  const url = encodeRtmpUrl({ server: host, port, host, vhost, app, stream: name, param });
  return new Map(
    Object.entries({
      vhost,
      port: `${port}`,
      app,
      stream: name,
      url,
      tcUrl,
      swfUrl,
      pageUrl,
      param,
    }),
  );
}

/** Some builds of ffmpeg take what follows a blank in a URL for options. */
function withoutBlanks(param: string): string {
  return param.replaceAll(" ", "%20");
}

const EVERY_HOST: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/** Where programs on this host reach the server: the publisher's port when weir listens there, or else the first. */
function reachable({ listen }: Config, port: number): ListenEndpoint {
  const known = listen.find((endpoint) => endpoint.port === port) ?? listen[0];
  const host = known?.host ?? "";
  return { host: EVERY_HOST.has(host) ? "127.0.0.1" : host, port: known?.port ?? port };
}

function enginePlans(config: Config, stream: PublishedStream, transcode: TranscodeConfig): Plan[] {
  const scope = transcode.scope === "" ? "" : `${transcode.scope} `;
  return transcode.engines
    .filter(({ isEnabled }) => isEnabled)
    .map((engine, index) => {
      const id = `transcode ${stream.key} ${scope}${engine.name === "" ? index + 1 : engine.name}`;
      return transcodePlan(config, stream, { id, file: transcode.ffmpeg.file, engine });
    });
}

function transcodePlan(
  config: Config,
  stream: PublishedStream,
  {
    id,
    file,
    engine,
  }: { readonly id: string; readonly file: string; readonly engine: EngineConfig },
): Plan {
  const { vhost, app, stream: name } = stream;
  const { host, port } = reachable(config, stream.port);
  const input = `rtmp://${host.includes(":") ? `[${host}]` : host}:${port}/${app}?vhost=${vhost}/${name}`;
  const param = withoutBlanks(stream.param);
  const variables = new Map(
    Object.entries({ vhost, port: `${port}`, app, stream: name, param, engine: engine.name }),
  );
  const { dir, level } = config.ffLog;
  const log = logFileOf(dir, ["ffmpeg-encoder", vhost, app, name, engine.name]);
  const run = { logLevel: level, isRealTime: false, input };
  const outputAt = (unixMs: number): string =>
    expandWord(engine.output, atMoment(variables, unixMs, config.utcTime));
  return {
    id,
    kind: "transcode",
    identity: JSON.stringify([file, engine, run, log, [...variables]]),
    output: ownOutput(() => outputAt(0), config),
    commandAt: (unixMs) =>
      ffmpegCommand(file, encodeArguments(engine, { ...run, output: outputAt(unixMs) }), log),
  };
}

/** '' when there is none, or none that may be. */
function ownOutput(output: () => string, config: Config): string {
  try {
    return ownStreamOf(output(), config);
  } catch {
    // It is told when it should run.
    return "";
  }
}

function ingestPlan(
  config: Config,
  { name: vhost }: VhostConfig,
  [{ id, ffmpeg, url, engines }, engine, index]: readonly [IngestConfig, EngineConfig, number],
): Plan {
  const port = config.listen[0]?.port ?? 0;
  const variables = new Map([
    ["vhost", vhost],
    ["port", `${port}`],
  ]);
  const isCopied = !engine.isEnabled || engine.videoCodec === "" || engine.audioCodec === "";
  const { dir, level } = config.ffLog;
  const output = (unixMs: number): string =>
    withoutDefaultVhost(expandWord(engine.output, atMoment(variables, unixMs, config.utcTime)));
  const target = streamOf(output(0));
  const log = logFileOf(dir, ["ffmpeg-ingest", vhost, target.app, target.stream]);
  const commandAt = (unixMs: number): Command => {
    const input = expandWord(url, atMoment(new Map(), unixMs, config.utcTime));
    const run: FfmpegRun = { logLevel: level, isRealTime: true, input, output: output(unixMs) };
    const args = isCopied
      ? copyArguments(run)
      : encodeArguments({ ...engine, outputFormat: "flv" }, run);
    return ffmpegCommand(ffmpeg.file, args, log);
  };
  return {
    id: `ingest ${vhost}/${id}${engines.length > 1 ? ` ${index + 1}` : ""}`,
    kind: "ingest",
    identity: JSON.stringify([ffmpeg.file, engine, url, log, level, port]),
    output: "",
    commandAt,
  };
}

/** A vhost that every server has need not be named (SRS). */
function withoutDefaultVhost(url: string): string {
  return url
    .replace(`vhost=${DEFAULT_VHOST}`, "")
    .replace("?&", "?")
    .replace("?/", "/")
    .replace(/\?$/, "");
}

function ffmpegCommand(file: string, args: readonly string[], log: string): Command {
  return { file, args, stdout: log, stderr: log, isOnlyLogged: true };
}
