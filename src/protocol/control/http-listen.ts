/** Where gateways listen, with what certificate, and which files they serve. */

/** Where gateways listen. */
export interface HttpListen {
  readonly host: string;
  readonly port: number;
  /** A bound socket that all gateways share; null: each opens its own. */
  readonly descriptor: number | null;
  /** Files of the certificate; null: plain HTTP. */
  readonly tls: TlsFileNames | null;
}

/** A key and its certificate, PEM. */
export interface TlsFileNames {
  readonly key: string;
  readonly certificate: string;
}

/** Posted to gateways: those who connect by TLS from now on get this certificate. */
export interface CertificateNews {
  readonly kind: "certificate";
  readonly tls: TlsFileNames;
}

/** A directory whose files are served. */
export interface StaticMount {
  /** Of the request; "" for any. */
  readonly host: string;
  /** What paths begin with, without the first slash; "" for all, else it ends with a slash. */
  readonly path: string;
  readonly dir: string;
}

/** Posted to gateways: other directories from now on. */
export interface StaticNews {
  readonly kind: "static";
  readonly mounts: readonly StaticMount[];
}
