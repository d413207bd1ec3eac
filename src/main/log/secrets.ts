/** What must not reach a log: credentials in URLs, and characters that forge lines or drive terminals. */

/** Parameters whose value is a secret, whole names in lower case without `_` and `-`. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  "hash",
  "key",
  "md5",
  "pass",
  "psk",
  "pw",
  "sid",
  "sig",
  "st",
]);
/** Parts of a name that make its value a secret: `txSecret`, `access_token`, `wsAuth`, `auth_key`, `X-Amz-Signature`. */
const SECRET_PARTS =
  /token|secret|sign|auth|passw|passphrase|passwd|pwd|jwt|credential|session|apikey|streamkey/;

/**
 * Query values of secret parameters and user:password of URLs replaced by `***`, so that the text may be logged.
 * Works on whole URLs, bare queries and text that holds them.
 */
export function maskSecrets(text: string): string {
  if (!/[=@]/.test(text)) {
    return text;
  }
  return text
    .replace(/:\/\/[^\s/?#]*@/g, "://***@")
    .replace(
      /([^\s?&;#=/"'<>,]+)=([^\s&;#"'<>]*)/g,
      (whole: string, name: string, value: string) =>
        value !== "" && isSecretName(name) ? `${name}=***` : whole,
    );
}

function isSecretName(name: string): boolean {
  const plain = decodePercent(name).toLowerCase().replace(/[_-]/g, "");
  return SECRET_NAMES.has(plain) || SECRET_PARTS.test(plain) || plain.endsWith("key");
}

/** A name written as `%74oken` is still `token`. */
function decodePercent(name: string): string {
  return name.replace(/%([0-7][0-9a-fA-F])/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Controls, format characters (direction overrides among them), line and paragraph separators, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]/gu;
const SHORT: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\\": "\\\\",
};

/** Text with every character that could forge a line or drive a terminal written out, as JSON does. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, "0");
    return SHORT[character] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code}`);
  });
}
