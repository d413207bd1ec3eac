/** Which directories gateways serve: `http_static` of each vhost, and the `dir` of http_server for everything else. */
import type { Config } from "../../protocol/conf/config.ts";
import type { StaticMount } from "../../protocol/control/calls.ts";
import { DEFAULT_VHOST } from "../../protocol/rtmp/stream-url.ts";

const VHOST = "[vhost]";

/** What a configuration serves. A mount of the default vhost at the root takes the place of `http_server.dir`. */
export function staticMounts({
  vhosts,
  httpServer,
}: Pick<Config, "vhosts" | "httpServer">): StaticMount[] {
  const mounts: StaticMount[] = [];
  for (const { name, enabled, httpStatic } of vhosts.values()) {
    if (enabled && httpStatic.enabled) {
      const own = name === DEFAULT_VHOST ? "" : name;
      mounts.push({ ...placeOf(httpStatic.mount.replace(VHOST, own)), dir: httpStatic.dir });
    }
  }
  if (!mounts.some(({ host, path }) => host === "" && path === "")) {
    mounts.push({ host: "", path: "", dir: httpServer.dir });
  }
  return mounts;
}

/** `host/path`, or `/path` of any host. */
function placeOf(mount: string): Pick<StaticMount, "host" | "path"> {
  const at = mount.indexOf("/");
  const host = at < 0 ? mount : mount.slice(0, at);
  const path = (at < 0 ? "" : mount.slice(at)).replace(/^\/+|\/+$/g, "");
  return { host: host.toLowerCase(), path: path === "" ? "" : `${path}/` };
}
