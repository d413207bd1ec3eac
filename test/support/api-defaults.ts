/** What a configuration that says nothing of API and metrics means. Spec: SRS compatibility §1B. */
import type { Config } from "../../src/protocol/conf/config.ts";
import { tlsDefaults } from "./tls-settings.ts";

export const API_DEFAULTS: Pick<Config, "httpApi" | "exporter" | "statsDisks" | "heartbeat"> = {
  httpApi: {
    enabled: false,
    listen: [{ host: "", port: 1985 }],
    crossdomain: true,
    jsonp: false,
    rawApi: { enabled: false, allowReload: false },
    auth: { enabled: false, type: "basic", username: "", password: "", token: "" },
    https: tlsDefaults("http_api.https", 1990),
  },
  exporter: {
    enabled: false,
    listen: [{ host: "", port: 9972 }],
    label: "",
    tag: "",
  },
  statsDisks: [],
  heartbeat: {
    enabled: false,
    intervalMs: 10_000,
    url: "http://127.0.0.1:8085/api/v1/servers",
    deviceId: "",
    summaries: false,
    ports: false,
    network: 0,
  },
};
