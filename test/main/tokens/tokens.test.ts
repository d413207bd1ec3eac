/** E-07, E-44: signed URLs and JSON Web Tokens: what lets in, and everything that must not. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Wanted } from "../../../src/main/tokens/flaw.ts";
import { signUrl } from "../../../src/main/tokens/sign-command.ts";
import { signedQuery } from "../../../src/main/tokens/signed-url.ts";
import { Tokens } from "../../../src/main/tokens/tokens.ts";
import {
  type Config,
  type DecodedConfig,
  decodeConfig,
} from "../../../src/protocol/conf/config.ts";
import { makeScratch } from "../../support/scratch.ts";

const NOW_S = 1_800_000_000;
const SECRET = "first-secret";
const OLD = "older-secret";
const JWT_SECRET = "0123456789abcdef0123456789abcdef";
const SIGNED = { action: "play", vhost: "v", app: "live", stream: "a", ip: "" } as const;
const WANTED: Wanted = { ...SIGNED, ip: "10.0.0.1", param: "" };

function decoded(token: string): DecodedConfig {
  const text = `listen 1935; daemon off; vhost v { token { enabled on; ${token} } }`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} });
}

function flawIn(config: Config, wanted: Partial<Wanted>): string {
  const tokens = new Tokens(() => NOW_S * 1000);
  tokens.prepare(config).commit();
  const token = config.vhosts.get("v")?.token;
  assert.ok(token !== undefined);
  return tokens.flawOf(token, { ...WANTED, ...wanted })?.code ?? "";
}

const URLS = decoded(`secret ${SECRET} ${OLD}; lifetime_max 1000; skew 10;`).config;

function query(changes: Partial<Parameters<typeof signedQuery>[1]> = {}, secret = SECRET): string {
  return signedQuery(secret, { ...SIGNED, expires: NOW_S + 100, ...changes });
}

test("a signed URL lets in, with each of the keys", () => {
  assert.equal(flawIn(URLS, { param: query() }), "");
  assert.equal(flawIn(URLS, { param: query({}, OLD) }), "");
  assert.equal(flawIn(URLS, { param: `${query()}&other=1` }), "");
});

test("a signed URL is for one action, vhost, app and stream", () => {
  for (const change of [
    { action: "publish" },
    { vhost: "w" },
    { app: "live2" },
    { stream: "b" },
  ] as const) {
    assert.equal(
      flawIn(URLS, { param: query(), ...change }),
      "ERR_TOKEN_WRONG",
      JSON.stringify(change),
    );
    assert.equal(flawIn(URLS, { param: query(change) }), "ERR_TOKEN_WRONG", JSON.stringify(change));
  }
  // The parts are kept apart.
  assert.equal(flawIn(URLS, { param: query(), app: "liv", stream: "ea" }), "ERR_TOKEN_WRONG");
});

test("a signed URL has its time", () => {
  const at = (seconds: number): string =>
    flawIn(URLS, { param: query({ expires: NOW_S + seconds }) });
  assert.equal(at(-9), "");
  assert.equal(at(-11), "ERR_TOKEN_TIME");
  assert.equal(at(1009), "");
  assert.equal(at(1011), "ERR_TOKEN_TIME");
});

test("a signed URL may be bound to an address, and the binding cannot be taken off", () => {
  const bound = query({ ip: "10.0.0.1" });
  assert.equal(flawIn(URLS, { param: bound }), "");
  assert.equal(flawIn(URLS, { param: bound, ip: "10.0.0.2" }), "ERR_TOKEN_WRONG");
  assert.equal(flawIn(URLS, { param: bound.replace("&bind=ip", "") }), "ERR_TOKEN_WRONG");
});

test("what is no signature does not let in", () => {
  const good = query();
  for (const [param, code] of [
    ["", "ERR_TOKEN_MISSING"],
    ["?sign=x", "ERR_TOKEN_MISSING"],
    ["?expires=1", "ERR_TOKEN_MISSING"],
    ["?expires=1&sign=", "ERR_TOKEN_WRONG"],
    ["?expires=Infinity&sign=x", "ERR_TOKEN_WRONG"],
    [good.slice(0, -4), "ERR_TOKEN_WRONG"],
    [good.replace(/expires=\d+/, `expires=${NOW_S + 200}`), "ERR_TOKEN_WRONG"],
    [query({}, "another"), "ERR_TOKEN_WRONG"],
  ] as const) {
    assert.equal(flawIn(URLS, { param }), code, param);
  }
});

test("only those need a token whom the directives name", () => {
  const { config } = decoded(`secret ${SECRET}; play off;`);
  assert.equal(flawIn(config, {}), "");
  assert.equal(flawIn(config, { action: "publish" }), "ERR_TOKEN_MISSING");
});

type Claims = Readonly<Record<string, unknown>>;
const CLAIMS: Claims = { exp: NOW_S + 100, act: "play", stream: "live/a" };

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function jwt(claims: Claims, head: Claims = { alg: "HS256" }, secret = JWT_SECRET): string {
  const text = `${encode(head)}.${encode(claims)}`;
  return `?jwt=${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

const HS256 = decoded(
  `jwt HS256; jwt_secret ${JWT_SECRET}; jwt_issuer me; jwt_audience weir;`,
).config;
const OURS = { ...CLAIMS, iss: "me", aud: ["other", "weir"] };

test("a JSON Web Token lets in by its claims", () => {
  assert.equal(flawIn(HS256, { param: jwt(OURS) }), "");
  assert.equal(
    flawIn(HS256, { param: jwt({ ...OURS, aud: "weir", act: ["publish", "play"] }) }),
    "",
  );
  assert.equal(flawIn(HS256, { param: jwt({ ...OURS, stream: "live/*", vhost: "v" }) }), "");
});

for (const [what, param, code] of [
  ["no exp", jwt({ ...OURS, exp: undefined }), "ERR_TOKEN_WRONG"],
  ["exp as text", jwt({ ...OURS, exp: "9999999999" }), "ERR_TOKEN_WRONG"],
  ["expired", jwt({ ...OURS, exp: NOW_S - 31 }), "ERR_TOKEN_TIME"],
  ["not yet", jwt({ ...OURS, nbf: NOW_S + 31 }), "ERR_TOKEN_TIME"],
  ["another issuer", jwt({ ...OURS, iss: "you" }), "ERR_TOKEN_SCOPE"],
  ["another audience", jwt({ ...OURS, aud: "x" }), "ERR_TOKEN_SCOPE"],
  ["another action", jwt({ ...OURS, act: "publish" }), "ERR_TOKEN_SCOPE"],
  ["no action", jwt({ ...OURS, act: undefined }), "ERR_TOKEN_SCOPE"],
  ["another stream", jwt({ ...OURS, stream: "live/b" }), "ERR_TOKEN_SCOPE"],
  ["another app", jwt({ ...OURS, stream: "other/*" }), "ERR_TOKEN_SCOPE"],
  ["another vhost", jwt({ ...OURS, vhost: "w" }), "ERR_TOKEN_SCOPE"],
  ["alg none", `?jwt=${encode({ alg: "none" })}.${encode(OURS)}.`, "ERR_TOKEN_WRONG"],
  ["another algorithm named", jwt(OURS, { alg: "RS256" }), "ERR_TOKEN_WRONG"],
  ["critical extension", jwt(OURS, { alg: "HS256", crit: ["x"] }), "ERR_TOKEN_WRONG"],
  ["another key", jwt(OURS, { alg: "HS256" }, `${JWT_SECRET}x`), "ERR_TOKEN_WRONG"],
  ["two parts", `?jwt=${encode(OURS)}.x`, "ERR_TOKEN_WRONG"],
  ["no JSON", "?jwt=a.b.c", "ERR_TOKEN_WRONG"],
  ["too long", `?jwt=${"a".repeat(5000)}.b.c`, "ERR_TOKEN_WRONG"],
  ["none", "", "ERR_TOKEN_MISSING"],
] as const) {
  test(`a JSON Web Token does not let in: ${what}`, () => {
    assert.equal(flawIn(HS256, { param }), code);
  });
}

function keyFile(name: string, key: KeyObject): string {
  const file = join(makeScratch(), `${name}.pem`);
  writeFileSync(file, key.export({ type: "spki", format: "pem" }));
  return file;
}

const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const EC = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

function jwtOf(alg: "RS256" | "ES256", key: KeyObject): string {
  const text = `${encode({ alg })}.${encode(CLAIMS)}`;
  const how = alg === "RS256" ? key : { key, dsaEncoding: "ieee-p1363" as const };
  return `?jwt=${text}.${sign("sha256", Buffer.from(text), how).toString("base64url")}`;
}

test("RS256 and ES256 with a public key; a public key is no secret of HS256", () => {
  const rsaFile = keyFile("rsa", RSA.publicKey);
  const rsa = decoded(`jwt RS256; jwt_key_file ${rsaFile};`).config;
  const ec = decoded(`jwt ES256; jwt_key_file ${keyFile("ec", EC.publicKey)};`).config;
  assert.equal(flawIn(rsa, { param: jwtOf("RS256", RSA.privateKey) }), "");
  assert.equal(flawIn(ec, { param: jwtOf("ES256", EC.privateKey) }), "");
  assert.equal(flawIn(rsa, { param: jwtOf("ES256", EC.privateKey) }), "ERR_TOKEN_WRONG");
  const pem = RSA.publicKey.export({ type: "spki", format: "pem" }).toString();
  assert.equal(flawIn(rsa, { param: jwt(CLAIMS, { alg: "HS256" }, pem) }), "ERR_TOKEN_WRONG");
  assert.equal(flawIn(rsa, { param: jwt(CLAIMS, { alg: "RS256" }, pem) }), "ERR_TOKEN_WRONG");
});

test("keys that cannot be used stop the start, and say nothing of themselves", () => {
  const wrong = decoded(`jwt ES256; jwt_key_file ${keyFile("rsa2", RSA.publicKey)};`).config;
  assert.throws(() => new Tokens().prepare(wrong), { code: "ERR_CONF_TOKEN_KEY" });
  const missing = decoded("jwt RS256; jwt_key_file /nowhere.pem;").config;
  assert.throws(() => new Tokens().prepare(missing), { code: "ERR_CONF_TOKEN_KEY" });
  for (const text of ["", "jwt HS256; jwt_secret short-canary;", "jwt RS256;", 'secret "";']) {
    assert.throws(
      () => decoded(text),
      (error: Error) => !error.message.includes("canary"),
      text,
    );
  }
});

test("weir sign: what it makes lets in, for RTMP and HTTP alike", () => {
  const host = { load: () => decoded(`secret ${SECRET};`), now: () => NOW_S * 1000 };
  const { config } = host.load();
  for (const url of ["rtmp://v/live/a", "http://v:8080/live/a.flv", "http://v/live/a.m3u8?x=1"]) {
    const signed = signUrl(["-c", "x", "--action", "play", "--for", "60", url], host);
    assert.ok("url" in signed && signed.url.startsWith(url), JSON.stringify(signed));
    assert.equal(flawIn(config, { param: new URL(signed.url).search }), "");
    assert.ok(!signed.url.includes(SECRET));
  }
  const bound = ["--ip", "10.0.0.1", "-c", "x", "--action", "publish", "rtmp://v/live/a"];
  const signed = signUrl(bound, host);
  assert.ok("url" in signed);
  const param = new URL(signed.url).search;
  assert.equal(flawIn(config, { action: "publish", param }), "");
  assert.equal(flawIn(config, { action: "publish", param, ip: "10.0.0.2" }), "ERR_TOKEN_WRONG");
});

test("weir sign says what is wrong with its arguments", () => {
  const host = { load: () => decoded(`secret ${SECRET};`), now: Date.now };
  for (const argv of [
    [],
    ["-c", "x", "rtmp://v/live/a"],
    ["--action", "play", "rtmp://v/live/a"],
    ["-c", "x", "--action", "watch", "rtmp://v/live/a"],
    ["-c", "x", "--action", "play", "--for", "soon", "rtmp://v/live/a"],
    ["-c", "x", "--action", "play", "--to", "1", "rtmp://v/live/a"],
    ["-c", "x", "--action", "play", "nowhere"],
    ["-c", "x", "--action", "play", "rtmp://w/live/a"],
  ]) {
    assert.ok("fault" in signUrl(argv, host), argv.join(" "));
  }
});

test("E-15 a token has one name, however it is spelt, and another one another", () => {
  const tokens = new Tokens(() => NOW_S * 1000);
  const identify = (config: Config, param: string, action: "publish" | "play" = "play"): string => {
    const token = config.vhosts.get("v")?.token ?? assert.fail("no vhost");
    return tokens.identify(token, { action, param });
  };
  const name = identify(URLS, query());
  assert.match(name, /^[\w-]{43}$/);
  const [, sign = ""] = /sign=(.*)/.exec(query()) ?? [];
  const standard = sign.replaceAll("-", "%2B").replaceAll("_", "%2F");
  for (const other of [
    `?a=b&${query().slice(1)}`,
    `${query()}%3D`,
    query().replace(sign, standard),
  ]) {
    assert.equal(flawIn(URLS, { param: other }), "", "it is good");
    assert.equal(identify(URLS, other), name);
  }
  assert.notEqual(identify(URLS, query({ expires: NOW_S + 101 })), name);
  const jwts = decoded(`publish off; jwt HS256; jwt_secret ${JWT_SECRET};`).config;
  const jwt = identify(jwts, "?jwt=head.body.signature");
  assert.match(jwt, /^[\w-]{43}$/);
  // A signature may be written otherwise, of ES256 even be another one; what is signed may not.
  assert.equal(identify(jwts, "?jwt=head.body.other"), jwt);
  assert.notEqual(identify(jwts, "?jwt=head.bodz.signature"), jwt);
  assert.equal(identify(jwts, "?jwt=head.body.signature", "publish"), "", "none is asked for");
});
