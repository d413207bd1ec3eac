/** `weir ctl`: lists, kicks and reloads by the HTTP API of a running server. */
import { messageOf } from "../../protocol/errors.ts";
import { type ApiAddress, apiAddress, askApi, type ReloadNews } from "./api-client.ts";
import { encodeTable } from "./table.ts";
import { runTop, topLines } from "./top.ts";

const HELP = `Usage: weir ctl [--api URL] COMMAND
       weir top [--api URL] [--once]
Commands:
   streams      : List streams.
   clients      : List clients.
   kick ID      : End a client's connection.
   plan         : Tell what a reload would change (raw_api).
   reload       : Reload the configuration (raw_api).
The API is http://127.0.0.1:1985 unless WEIR_API or --api says otherwise.
Credentials: WEIR_API_USER (name:password) or WEIR_API_TOKEN.
`;
const LISTED_MAX = 10_000;

/** What the tools use of the process. */
export interface ToolHost {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** True for a command line that is one of the tools. */
export function isTool(argv: readonly string[]): boolean {
  return argv[0] === "ctl" || argv[0] === "top";
}

/** Runs `weir ctl …` or `weir top …`. @returns exit code. */
export async function runTool(argv: readonly string[], host: ToolHost): Promise<number> {
  const [tool, ...words] = argv;
  const at = words.indexOf("--api");
  const [, url = ""] = at < 0 ? [] : words.splice(at, 2);
  const api = apiAddress(url, host.environment);
  try {
    if (tool === "top") {
      return words.includes("--once")
        ? tell(host, await topLines(api))
        : await runTop(api, host.stdout);
    }
    return await control(words, api, host);
  } catch (error) {
    host.stderr(`${messageOf(error)}\n`);
    return 1;
  }
}

async function control(words: readonly string[], api: ApiAddress, host: ToolHost): Promise<number> {
  const [command = "", id = ""] = words;
  switch (command) {
    case "streams":
      return tell(host, await streamLines(api));
    case "clients":
      return tell(host, await clientLines(api));
    case "kick":
      return await kick(api, id, host);
    case "plan":
    case "reload":
      return await reload(api, command, host);
    default:
      host.stdout(HELP);
      return command === "" || command === "help" ? 0 : 1;
  }
}

async function streamLines(api: ApiAddress): Promise<string[]> {
  const { streams = [] } = await askApi(api, `/api/v1/streams/?count=${LISTED_MAX}`);
  const rows = streams.map(({ id, url, clients, publish, kbps, shard }) => [
    id,
    url,
    publish.active ? "live" : "-",
    clients,
    kbps.recv_30s,
    kbps.send_30s,
    publish.cid ?? "-",
    shard ?? "-",
  ]);
  return encodeTable([
    ["ID", "STREAM", "STATE", "CLIENTS", "IN kbps", "OUT kbps", "PUBLISHER", "THREAD"],
    ...rows,
  ]);
}

async function clientLines(api: ApiAddress): Promise<string[]> {
  const { clients = [] } = await askApi(api, `/api/v1/clients/?count=${LISTED_MAX}`);
  const rows = clients.map(({ id, type, ip, url, alive, kbps, shard }) => [
    id,
    type,
    ip,
    url,
    Math.round(alive),
    kbps.recv_30s,
    kbps.send_30s,
    shard,
  ]);
  return encodeTable([
    ["ID", "TYPE", "ADDRESS", "STREAM", "SECONDS", "IN kbps", "OUT kbps", "THREAD"],
    ...rows,
  ]);
}

async function kick(api: ApiAddress, id: string, host: ToolHost): Promise<number> {
  const { code } = await askApi(api, `/api/v1/clients/${encodeURIComponent(id)}`, "DELETE");
  return code === 0 ? 0 : failed(host, code);
}

async function reload(api: ApiAddress, rpc: string, host: ToolHost): Promise<number> {
  const { code, data } = await askApi(api, `/api/v1/raw?rpc=${rpc}`);
  const { msg = "", steps = [] } = (data ?? {}) as Partial<ReloadNews>;
  if (code !== 0) {
    return failed(host, code, msg);
  }
  const rows = steps.map(({ effect, place, before, after }) => [
    effect,
    place,
    before ?? "",
    after ?? "",
  ]);
  const head = ["EFFECT", "DIRECTIVE", "BEFORE", "AFTER"];
  return tell(host, rows.length === 0 ? ["no difference"] : encodeTable([head, ...rows]));
}

const MEANINGS: Readonly<Record<number, string>> = {
  1060: "it failed",
  1061: "http_api.raw_api is not enabled, or does not allow it",
  2049: "there is no such client",
};

function failed({ stderr }: ToolHost, code: number, text = ""): number {
  stderr(`${text || MEANINGS[code] || "refused"} (code ${code})\n`);
  return 1;
}

function tell({ stdout }: ToolHost, lines: readonly string[]): number {
  stdout(`${lines.join("\n")}\n`);
  return 0;
}
