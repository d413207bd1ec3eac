/** The blocks `http_hooks` and `token` of a vhost. */
import { ConfigError } from "../errors.ts";
import { isHttpUrl, shownAddress } from "./endpoint.ts";
import type { SectionReader } from "./section-reader.ts";

/** Callbacks, by what they are called for. */
export type HookAction =
  | "on_connect"
  | "on_close"
  | "on_publish"
  | "on_unpublish"
  | "on_play"
  | "on_stop"
  | "on_dvr"
  | "on_hls"
  | "on_hls_notify";

/** What servers of callbacks are called for: also for the destinations of a stream (SRS: forward.backend). */
export type CalledAction = HookAction | "on_forward";

/** Callbacks of a vhost. Times in milliseconds. */
export interface HooksConfig {
  readonly enabled: boolean;
  /** In the order in which they are called. */
  readonly urls: Readonly<Record<HookAction, readonly string[]>>;
  readonly timeoutMs: number;
  /** Those that allow when no valid answer comes. */
  readonly failOpen: readonly string[];
  readonly retries: number;
  readonly retryDelayMs: number;
  /** Calls at one time to one server. */
  readonly concurrency: number;
  /** Calls that may wait. */
  readonly queueMax: number;
  /** '' for none. */
  readonly secret: string;
  /** 0: verdicts are not kept. */
  readonly playCacheMs: number;
  readonly tlsVerify: boolean;
  /** Bytes of an answer to on_hls_notify that are read. */
  readonly notifyBytes: number;
}

/** Tokens of a vhost. Times in milliseconds. */
export interface TokenConfig {
  readonly enabled: boolean;
  /** Who needs one. */
  readonly publish: boolean;
  readonly play: boolean;
  /** Keys of signed URLs; the first signs. */
  readonly secrets: readonly string[];
  readonly lifetimeMaxMs: number;
  readonly skewMs: number;
  readonly jwt: JwtConfig;
}

/** JSON Web Tokens of a vhost. */
export interface JwtConfig {
  readonly algorithm: "off" | "HS256" | "RS256" | "ES256";
  readonly secret: string;
  readonly keyFile: string;
  /** '' for any. */
  readonly issuer: string;
  readonly audience: string;
}

const MAY_FAIL_OPEN: readonly string[] = ["on_connect", "on_publish", "on_play"];
const JWT_SECRET_CHARACTERS_MIN = 32;

/** @throws ConfigError for a URL that no callback can have: it would refuse everybody, or nobody. */
export function decodeHooks(vhost: SectionReader): HooksConfig {
  const section = vhost.section("http_hooks");
  const enabled = section.isOn("enabled");
  const urlsOf = (name: HookAction): readonly string[] => {
    const urls = section.list(name);
    const wrong = urls.find((url) => !isHttpUrl(url));
    if (enabled && wrong !== undefined) {
      refuse(section, name, `"${shownAddress(wrong)}" is no URL of http or https`);
    }
    return urls;
  };
  const failOpen = section.list("hook_fail_open");
  const unknown = failOpen.find((name) => !MAY_FAIL_OPEN.includes(name));
  if (unknown !== undefined) {
    refuse(section, "hook_fail_open", `"${unknown}" is none of ${MAY_FAIL_OPEN.join(", ")}`);
  }
  return {
    enabled,
    urls: {
      on_connect: urlsOf("on_connect"),
      on_close: urlsOf("on_close"),
      on_publish: urlsOf("on_publish"),
      on_unpublish: urlsOf("on_unpublish"),
      on_play: urlsOf("on_play"),
      on_stop: urlsOf("on_stop"),
      on_dvr: urlsOf("on_dvr"),
      on_hls: urlsOf("on_hls"),
      on_hls_notify: urlsOf("on_hls_notify"),
    },
    timeoutMs: section.milliseconds("hook_timeout"),
    failOpen,
    retries: section.number("hook_retries"),
    retryDelayMs: section.milliseconds("hook_retry_delay"),
    concurrency: section.number("hook_concurrency"),
    queueMax: section.number("hook_queue"),
    secret: section.text("hook_secret"),
    playCacheMs: section.milliseconds("hook_play_cache"),
    tlsVerify: section.isOn("hook_tls_verify"),
    notifyBytes: vhost.section("hls").number("hls_nb_notify"),
  };
}

/** @throws ConfigError for a check that nobody could pass, or that has no key. */
export function decodeToken(section: SectionReader): TokenConfig {
  const token: TokenConfig = {
    enabled: section.isOn("enabled"),
    publish: section.isOn("publish"),
    play: section.isOn("play"),
    secrets: section.list("secret"),
    lifetimeMaxMs: section.milliseconds("lifetime_max"),
    skewMs: section.milliseconds("skew"),
    jwt: {
      algorithm: section.choice("jwt") as JwtConfig["algorithm"],
      secret: section.text("jwt_secret"),
      keyFile: section.text("jwt_key_file"),
      issuer: section.text("jwt_issuer"),
      audience: section.text("jwt_audience"),
    },
  };
  if (token.enabled) {
    checkKeys(section, token);
  }
  return token;
}

function checkKeys(section: SectionReader, { secrets, jwt }: TokenConfig): void {
  const { algorithm, secret, keyFile } = jwt;
  if (secrets.length === 0 && algorithm === "off") {
    refuse(section, "secret", "is missing: tokens need a secret or jwt");
  }
  if (secrets.some((key) => key === "")) {
    refuse(section, "secret", "is empty");
  }
  if (algorithm === "HS256" && secret.length < JWT_SECRET_CHARACTERS_MIN) {
    refuse(section, "jwt_secret", `has less than ${JWT_SECRET_CHARACTERS_MIN} characters`);
  }
  if ((algorithm === "RS256" || algorithm === "ES256") && keyFile === "") {
    refuse(section, "jwt_key_file", `is missing: ${algorithm} needs one`);
  }
}

/** The value itself may be a secret: only its name is told. */
function refuse(section: SectionReader, name: string, text: string): never {
  const place = section.placeOf(name);
  throw new ConfigError("ERR_CONF_VALUE", `${place.directive} ${text}`, place);
}
