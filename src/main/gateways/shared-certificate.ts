/**
 * The certificate that gateways serve HTTPS with. They are given names of files, because uWebSockets.js takes nothing
 * else; behind the names is memory that holds what was tried here, so that a gateway that starts later, when somebody
 * may have spoilt the real files, still gets what is in force.
 */
import type { TlsServerConfig } from "../../protocol/conf/tls-config.ts";
import type { CertificateNews, TlsFileNames } from "../../protocol/control/calls.ts";
import { loadTlsMaterial, type TlsMaterial, tellCertificate } from "../accept/certificates.ts";
import { closeDescriptor, isNative, openMemoryFile } from "../accept/native.ts";
import type { Prepared } from "../config/parts.ts";
import type { Logger } from "../log/logger.ts";

/** One certificate as gateways find it. */
interface Edition {
  readonly digest: string;
  readonly files: TlsFileNames;
  /** **Owned** until a gateway can no longer ask for it. */
  readonly descriptors: readonly number[];
}

/** The certificate in force. */
export class SharedCertificate {
  readonly #log: Logger;
  #current: Edition;
  /** A gateway that is starting may still be about to read it. */
  #former: Edition | undefined;

  /** @throws ConfigError */
  constructor(config: TlsServerConfig, log: Logger) {
    this.#log = log;
    const material = loadTlsMaterial(config);
    tellCertificate("https", material, log);
    this.#current = edit(material, config);
  }

  get files(): TlsFileNames {
    return this.#current.files;
  }

  /** Reads what a new configuration names; nothing changes where it is the same. @throws ConfigError */
  prepare(config: TlsServerConfig, post: (news: CertificateNews) => void): Prepared {
    const material = loadTlsMaterial(config);
    if (material.digest === this.#current.digest) {
      return { commit: () => undefined, abort: () => undefined };
    }
    const next = edit(material, config);
    const commit = (): void => {
      close(this.#former);
      this.#former = this.#current;
      this.#current = next;
      tellCertificate("https", material, this.#log);
      post({ kind: "certificate", tls: next.files });
    };
    return { commit, abort: () => close(next) };
  }

  /** No gateway is left. */
  close(): void {
    close(this.#former);
    close(this.#current);
  }
}

function edit({ digest, key, certificate }: TlsMaterial, config: TlsServerConfig): Edition {
  if (!isNative) {
    // There are no files in memory: gateways read the real ones, soon.
    const { key: keyFile, certificate: certificateFile } = config;
    return { digest, files: { key: keyFile, certificate: certificateFile }, descriptors: [] };
  }
  const [one, other] = [openMemoryFile(key), openMemoryFile(certificate)];
  const files = { key: one.path, certificate: other.path };
  return { digest, files, descriptors: [one.descriptor, other.descriptor] };
}

function close(edition: Edition | undefined): void {
  edition?.descriptors.forEach(closeDescriptor);
}
