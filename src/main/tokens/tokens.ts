/** Tokens that a back end has signed: who may publish and play without anybody being asked. */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Config } from "../../protocol/conf/config.ts";
import type { JwtConfig, TokenConfig } from "../../protocol/conf/hooks.ts";
import { ConfigError, messageOf } from "../../protocol/errors.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import { type Flaw, MISSING, type Wanted, WRONG } from "./flaw.ts";
import { Guesses } from "./guesses.ts";
import { checkJwt } from "./jwt.ts";
import { checkSignedUrl } from "./signed-url.ts";

/** A key is a few hundred bytes; anything else is another file. */
const KEY_BYTES_MAX = 64 * 1024;

/** Checks tokens; keys are read at start and at each reload. */
export class Tokens implements ReloadPart {
  readonly #now: () => number;
  #keys = new Map<string, KeyObject>();
  /** Addresses whose tokens were wrong. */
  readonly guesses: Guesses;

  /** @param now Milliseconds since the epoch. */
  constructor(now: () => number = Date.now, guesses: Guesses = new Guesses()) {
    this.#now = now;
    this.guesses = guesses;
  }

  /** Reads the keys that a configuration names. @throws ConfigError for one that cannot be used */
  prepare({ vhosts }: Pick<Config, "vhosts">): Prepared {
    const keys = new Map<string, KeyObject>();
    for (const { token } of vhosts.values()) {
      const { algorithm, keyFile } = token.jwt;
      if (token.enabled && (algorithm === "RS256" || algorithm === "ES256")) {
        keys.set(nameOf(token.jwt), loadKey(algorithm, keyFile));
      }
    }
    return {
      commit: () => {
        this.#keys = keys;
      },
      abort: () => undefined,
    };
  }

  /** What keeps somebody from doing it; undefined when nothing does. */
  flawOf(config: TokenConfig, wanted: Wanted): Flaw | undefined {
    const isNeeded = config.enabled && config[wanted.action];
    const flaw = isNeeded ? this.#check(config, wanted) : undefined;
    if (flaw === WRONG) {
      this.guesses.failed(wanted.ip);
    }
    return flaw;
  }

  /**
   * Name of the token that let somebody in, to count its uses by: the same however it is spelt, so of a JSON Web Token by
   * what is signed, of a signed URL by the signature's bytes. '' where none is asked for.
   */
  identify(config: TokenConfig, { action, param }: Pick<Wanted, "action" | "param">): string {
    if (!(config.enabled && config[action])) {
      return "";
    }
    const query = new URLSearchParams(param);
    const jwt = config.jwt.algorithm === "off" ? null : query.get("jwt");
    if (jwt === null) {
      return Buffer.from(query.get("sign") ?? "", "base64url").toString("base64url");
    }
    const signed = jwt.slice(0, jwt.lastIndexOf("."));
    return createHash("sha256").update(signed).digest("base64url");
  }

  /** What a refusal waits for, see {@link Guesses.pause}. @param code Of the refusal. */
  pause(code: string, ip: string): Promise<void> | undefined {
    return code === WRONG.code ? this.guesses.pause(ip) : undefined;
  }

  #check(config: TokenConfig, wanted: Wanted): Flaw | undefined {
    const nowMs = this.#now();
    const jwt =
      config.jwt.algorithm === "off" ? null : new URLSearchParams(wanted.param).get("jwt");
    if (jwt !== null) {
      return checkJwt(jwt, wanted, { config, key: this.#keys.get(nameOf(config.jwt)), nowMs });
    }
    return config.secrets.length === 0 ? MISSING : checkSignedUrl(config, wanted, nowMs);
  }
}

function nameOf({ algorithm, keyFile }: JwtConfig): string {
  return `${algorithm} ${keyFile}`;
}

/** @throws ConfigError `ERR_CONF_TOKEN_KEY` */
function loadKey(algorithm: "RS256" | "ES256", file: string): KeyObject {
  const place = { file, line: 0, directive: "vhost.token.jwt_key_file" };
  let key: KeyObject;
  try {
    const found = statSync(file);
    if (!found.isFile() || found.size > KEY_BYTES_MAX) {
      throw new Error("it is no key file");
    }
    key = createPublicKey(readFileSync(file));
  } catch (error) {
    const reason = messageOf(error);
    throw new ConfigError("ERR_CONF_TOKEN_KEY", `the key cannot be read: ${reason}`, place);
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const isRight =
    algorithm === "RS256"
      ? type === "rsa" && (details?.modulusLength ?? 0) >= 2048
      : type === "ec" && details?.namedCurve === "prime256v1";
  if (!isRight) {
    const wanted = algorithm === "RS256" ? "an RSA key of 2048 bits or more" : "a key on P-256";
    throw new ConfigError("ERR_CONF_TOKEN_KEY", `${algorithm} needs ${wanted}`, place);
  }
  return key;
}
