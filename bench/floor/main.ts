/** Entry of the floor's process. Its argument is a {@link FloorTask} as JSON. */
import type { FloorTask } from "../servers/floor.ts";
import { ReceiveFloor } from "./receive-floor.ts";
import { SendFloor } from "./send-floor.ts";

const task = JSON.parse(process.argv[2] ?? "{}") as FloorTask;
const floor = task.kind === "receive" ? new ReceiveFloor() : new SendFloor(task);

process.on("disconnect", () => {
  process.exit(0);
});
process.send?.({ port: floor.port });
