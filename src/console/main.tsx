/** Puts the console into its page. */
import { render } from "preact";
import { App } from "./app.tsx";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/tables.css";
import "./styles/controls.css";
import "./styles/pages.css";
import "./styles/narrow.css";

const place = document.getElementById("console");
if (place !== null) {
  render(<App />, place);
}
