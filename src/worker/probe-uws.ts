/** Entry of a thread that only tells why uWebSockets.js does not load here, or that it does: the primary itself never loads it. */
import { parentPort } from "node:worker_threads";
import { whyNoUws } from "./io/http-backend-uws.ts";

parentPort?.postMessage(await whyNoUws());
