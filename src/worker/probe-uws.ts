/** Entry of a thread that only tells whether uWebSockets.js loads here: the primary itself never loads it. */
import { parentPort } from "node:worker_threads";
import { loadUws } from "./io/http-backend-uws.ts";

parentPort?.postMessage((await loadUws()) !== null);
