/** Listening addresses as SRS writes them: `1935`, `127.0.0.1:1935`, `[::]:1935`. */

/** An address to listen on. `host` is empty for every address of every family. */
export interface ListenEndpoint {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined when it is not an IP address and a port from 1 to 65535. */
export function decodeListenEndpoint(text: string): ListenEndpoint | undefined {
  const [, v6, v4, digits] = /^(?:\[([0-9a-fA-F:.%\w]+)\]:|([0-9.]+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits ?? 0);
  if (port < 1 || port > 65_535) {
    return undefined;
  }
  if (v6 !== undefined) {
    return v6.includes(":") ? { host: v6, port } : undefined;
  }
  if (v4 !== undefined) {
    return isIpv4(v4) ? { host: v4, port } : undefined;
  }
  return { host: "", port };
}

function isIpv4(text: string): boolean {
  const octets = text.split(".");
  return (
    octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)
  );
}
