/** Certificates are tried before anybody is served with them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadTlsMaterial } from "../../../src/main/accept/certificates.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";
import { type CertificateFiles, makeCertificate } from "../../support/certificates.ts";
import { makeScratch } from "../../support/scratch.ts";

type Material = ReturnType<typeof loadTlsMaterial>;

function load({ key, certificate }: CertificateFiles): Material {
  const text = `listen 1935;\nrtmps {\n  enabled on;\n  key ${key};\n  cert ${certificate};\n}\nvhost v {}`;
  const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
  return loadTlsMaterial(config.rtmps);
}

/** Loading fails at this line of the file, with this directive and text. */
function refuses(files: CertificateFiles, line: number, text: RegExp): void {
  assert.throws(
    () => load(files),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.equal(error.code, "ERR_CONF_TLS");
      assert.match(error.message, text);
      assert.equal(error.place.file, "x.conf");
      assert.equal(error.place.line, line);
      assert.equal(error.place.directive, line === 4 ? "rtmps.key" : "rtmps.cert");
      return true;
    },
  );
}

const good = makeCertificate({ name: "one" });

test("a good pair is read, whatever its kind", () => {
  const rsa = makeCertificate({ name: "two", kind: "rsa" });
  for (const files of [good, rsa]) {
    const material = load(files);
    assert.match(material.key, /PRIVATE KEY/);
    assert.match(material.about, /CN=(one|two), until \d{4}-\d\d-\d\d$/);
    assert.ok(material.daysLeft >= 28 && material.daysLeft <= 30, `${material.daysLeft}`);
  }
  assert.notEqual(load(good).digest, load(rsa).digest);
  assert.equal(load(good).digest, load(good).digest);
});

test("a missing file is told with its directive", () => {
  refuses({ ...good, key: "/nowhere/a.key" }, 4, /key \/nowhere\/a.key cannot be read: ENOENT/);
  refuses({ ...good, certificate: "/nowhere/a.crt" }, 5, /cert \/nowhere\/a.crt cannot be read/);
});

test("a file of something else is told with its directive", () => {
  const directory = makeScratch();
  const text = join(directory, "text");
  writeFileSync(text, "hello\n");
  refuses({ ...good, key: text }, 4, /holds no private key/);
  refuses({ ...good, certificate: text }, 5, /holds no certificate/);
  refuses({ key: good.certificate, certificate: good.certificate }, 4, /holds no private key/);
});

test("what is no file, or too large, is not read", () => {
  const directory = makeScratch();
  mkdirSync(join(directory, "folder"));
  refuses({ ...good, key: join(directory, "folder") }, 4, /it is no file/);
  execFileSync("mkfifo", [join(directory, "pipe")]);
  refuses({ ...good, certificate: join(directory, "pipe") }, 5, /it is no file/);
  writeFileSync(join(directory, "large"), Buffer.alloc(1024 * 1024 + 1));
  refuses({ ...good, certificate: join(directory, "large") }, 5, /too large/);
});

test("a key that belongs to another certificate is told", () => {
  const other = makeCertificate({ name: "other" });
  refuses({ ...good, key: other.key }, 4, /does not belong to the certificate/);
});

test("a key with a passphrase is told", () => {
  const directory = makeScratch();
  const key = join(directory, "closed.key");
  const command = ["pkcs8", "-topk8", "-in", good.key, "-out", key, "-passout", "pass:secret"];
  execFileSync("openssl", command, { stdio: "pipe" });
  refuses({ ...good, key }, 4, /needs a passphrase/);
});

test("an expired certificate is served with, and known to be expired", () => {
  const expired = makeCertificate({ name: "old", days: 1 });
  const directory = makeScratch();
  const copy = { key: join(directory, "a.key"), certificate: join(directory, "a.crt") };
  copyFileSync(expired.key, copy.key);
  const dates = ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"];
  const names = ["-key", copy.key, "-out", copy.certificate, "-subj", "/CN=old"];
  try {
    execFileSync("openssl", ["req", "-x509", ...names, ...dates], { stdio: "pipe" });
  } catch {
    // Before OpenSSL 3.4 the dates of a request cannot be set: a day less than one has the same effect.
    execFileSync(
      "openssl",
      [
        "x509",
        "-signkey",
        copy.key,
        "-in",
        expired.certificate,
        "-days",
        "-1",
        "-out",
        copy.certificate,
      ],
      { stdio: "pipe" },
    );
  }
  assert.ok(load(copy).daysLeft < 0);
});
