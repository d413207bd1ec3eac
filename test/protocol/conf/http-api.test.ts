import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { HttpApiConfig } from "../../../src/protocol/conf/config-types.ts";

function decode(block: string, environment: Record<string, string> = {}): HttpApiConfig {
  const text = `listen 1935; daemon off;\n${block}\nvhost v {}`;
  return decodeConfig(text, "x.conf", { include: () => "", environment }).config.httpApi;
}

test("E-41 credentials that nobody chose are refused, with their place", () => {
  const wrong = (block: string): void =>
    assert.throws(() => decode(block), /^ConfigError: x\.conf:2:\d+: .*http_api\.auth/);
  wrong("http_api { auth { enabled on; } }");
  wrong("http_api { auth { enabled on; username admin; token x; } }");
  wrong("http_api { auth { enabled on; type bearer; password x; } }");
  const { auth } = decode("http_api { auth { enabled on; type bearer; token x; } }");
  assert.deepEqual([auth.type, auth.token], ["bearer", "x"]);
});

test("credentials may come from the environment", () => {
  const { auth } = decode("http_api { auth { enabled on; username a; } }", {
    SRS_HTTP_API_AUTH_PASSWORD: "from outside",
  });
  assert.deepEqual([auth.username, auth.password], ["a", "from outside"]);
});

test("E-40 under strict an API without credentials is for the loopback alone", () => {
  const strict = (block: string): HttpApiConfig => decode(`strict on; http_api { ${block} }`);
  assert.throws(() => strict("enabled on;"), /ERR_CONF_AUTH|strict on, http_api needs auth/);
  assert.throws(() => strict("enabled on; listen 127.0.0.1:1985 10.0.0.1:1985;"), /needs auth/);
  assert.equal(strict("enabled on; listen 127.0.0.1:1985 [::1]:1985;").enabled, true);
  assert.equal(strict("enabled on; auth { enabled on; password x; }").auth.enabled, true);
  assert.equal(strict("enabled off;").enabled, false);
});

test("an address of RTMP's is not one of HTTP's: both would get some of the clients", () => {
  const of = (name: string, listen: string): string => `${name} { enabled on; listen ${listen}; }`;
  for (const name of ["http_api", "http_server", "exporter"]) {
    for (const listen of ["1935", "127.0.0.1:1935", "8081 1935"]) {
      assert.throws(() => decode(of(name, listen)), /ConfigError: .* address of RTMP/, name);
    }
    assert.ok(decode(of(name, "1936")));
    assert.ok(decode(`${name} { listen 1935; }`), "one that is off is in nobody's way");
  }
});
