/** Self-signed certificates, made by openssl when a test needs them. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { makeScratch } from "./scratch.ts";

/** Files of a pair. */
export interface CertificateFiles {
  readonly key: string;
  readonly certificate: string;
}

/** What a certificate is made with. */
export interface CertificateOptions {
  /** Where the files go; a directory of its own when absent. */
  readonly directory?: string;
  /** Name in the subject, also of the files. */
  readonly name?: string;
  readonly kind?: "ec" | "rsa";
  readonly days?: number;
}

/** Makes `NAME.key` and `NAME.crt`, for `localhost` and 127.0.0.1. */
export function makeCertificate(options: CertificateOptions = {}): CertificateFiles {
  const { directory = makeScratch(), name = "server", kind = "ec", days = 30 } = options;
  const files = {
    key: join(directory, `${name}.key`),
    certificate: join(directory, `${name}.crt`),
  };
  const newKey =
    kind === "ec"
      ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
      : ["-newkey", "rsa:2048"];
  const out = ["-keyout", files.key, "-out", files.certificate];
  const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const request = ["req", "-x509", ...newKey, "-nodes", "-days", String(days), ...out, ...names];
  execFileSync("openssl", request, { stdio: "pipe", timeout: 60_000 });
  return files;
}
