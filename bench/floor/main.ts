/** Entry of the floor's process. Arguments: `send K` (merge factor in video frames) or `receive`. */
import { ReceiveFloor } from "./receive-floor.ts";
import { SendFloor } from "./send-floor.ts";

const [kind = "", factor = "1"] = process.argv.slice(2);
const floor = kind === "receive" ? new ReceiveFloor() : new SendFloor(Number(factor));

process.on("disconnect", () => {
  process.exit(0);
});
process.send?.({ port: floor.port });
