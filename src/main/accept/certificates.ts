/**
 * Certificates: read, and tried out before anybody is served with them, so that a wrong one stops the start or the
 * reload instead of clients. What was tried is what is used: threads get the text that was read and never read the files.
 */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { TlsServerConfig } from "../../protocol/conf/tls-config.ts";
import { ConfigError, type ConfigPlace, messageOf } from "../../protocol/errors.ts";
import { CERTIFICATE_BYTES_MAX } from "../../protocol/limits.ts";
import type { Logger } from "../log/logger.ts";

const DAY_MS = 86_400_000;
/** A certificate that ends this soon should have been renewed. */
const RENEW_DAYS = 14;

/** A private key and its certificate. */
export interface TlsMaterial {
  /** PEM. */
  readonly key: string;
  /** PEM, with its chain. */
  readonly certificate: string;
  /** The same for the same content. */
  readonly digest: string;
  /** Whose it is and until when, for people. */
  readonly about: string;
  /** Days that it is good for; negative when it has expired. */
  readonly daysLeft: number;
}

/** Reads and tries a pair of files. @throws ConfigError `ERR_CONF_TLS` that names the directive at fault */
export function loadTlsMaterial(config: TlsServerConfig): TlsMaterial {
  const { keyAt, certificateAt } = config;
  const key = readPem(config.key, keyAt, "key");
  const certificate = readPem(config.certificate, certificateAt, "cert");
  const x509 = orRefuse(
    () => new X509Certificate(certificate),
    certificateAt,
    `cert ${config.certificate} holds no certificate`,
  );
  const secret = decodeKey(key, config);
  if (!x509.checkPrivateKey(secret)) {
    const text = `key ${config.key} does not belong to the certificate ${config.certificate}`;
    throw new ConfigError("ERR_CONF_TLS", text, keyAt);
  }
  const pair = `key ${config.key} and cert ${config.certificate} cannot be used`;
  orRefuse(() => createSecureContext({ key, cert: certificate }), certificateAt, pair);
  const until = new Date(x509.validTo);
  const subject = x509.subject.replaceAll("\n", ", ");
  return {
    key,
    certificate,
    digest: createHash("sha256").update(key).update("\0").update(certificate).digest("hex"),
    about: `${subject}, until ${until.toISOString().slice(0, 10)}`,
    daysLeft: Math.floor((until.getTime() - Date.now()) / DAY_MS),
  };
}

/** Tries the certificate of a server that is enabled. @throws ConfigError */
export function checkCertificate(config: TlsServerConfig): void {
  if (config.enabled) {
    loadTlsMaterial(config);
  }
}

/** Tells what is served with, and warns of what ends soon. @param server For the log, e.g. `rtmps`. */
export function tellCertificate(
  server: string,
  { about, daysLeft }: Pick<TlsMaterial, "about" | "daysLeft">,
  log: Logger,
): void {
  const text = `${server}: certificate ${about}`;
  if (daysLeft < RENEW_DAYS) {
    const end = daysLeft < 0 ? "has expired" : `ends in ${daysLeft} days`;
    log.warn("tls", `${text}, ${end}`, "ERR_TLS_EXPIRES");
  } else {
    log.info("tls", text);
  }
}

function decodeKey(key: string, { key: file, keyAt }: TlsServerConfig): KeyObject {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(key)) {
    const text = `key ${file} needs a passphrase, which nobody could enter`;
    throw new ConfigError("ERR_CONF_TLS", text, keyAt);
  }
  return orRefuse(() => createPrivateKey(key), keyAt, `key ${file} holds no private key`);
}

function readPem(file: string, place: ConfigPlace, name: string): string {
  return orRefuse(
    () => {
      // Not every file ends: a pipe would stop the server.
      const found = statSync(file);
      if (!found.isFile() || found.size > CERTIFICATE_BYTES_MAX) {
        throw new Error(found.isFile() ? "it is too large" : "it is no file");
      }
      return readFileSync(file, "latin1");
    },
    place,
    `${name} ${file} cannot be read`,
  );
}

function orRefuse<T>(make: () => T, place: ConfigPlace, text: string): T {
  try {
    return make();
  } catch (error) {
    const reason = messageOf(error);
    throw new ConfigError("ERR_CONF_TLS", `${text}: ${reason}`, place);
  }
}
