/** Names of connections in the logs. */

const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 8;

/** A connection id as SRS makes them: eight letters and digits. */
export function newConnectionId(random: () => number = Math.random): string {
  let id = "";
  for (let index = 0; index < ID_LENGTH; index += 1) {
    id += ID_ALPHABET[Math.floor(random() * ID_ALPHABET.length)] ?? "a";
  }
  return id;
}
