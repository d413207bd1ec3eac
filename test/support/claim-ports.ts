/** Claims as many ports as it is told and prints them; ends when its input does. */
import { claimPort } from "./ports.ts";

const count = Number(process.argv[2]);
const ports = await Promise.all(Array.from({ length: count }, claimPort));
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume();
