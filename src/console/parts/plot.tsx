/** Lines over the last hour. */
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import Plotter, { type AlignedData, type Options } from "uplot";

const HEIGHT = 150;
/** Between two marks of the time, in seconds. */
const MINUTES = [60, 120, 300, 600, 900, 1800];

interface Line {
  readonly label: string;
  readonly values: readonly number[];
}

interface PlotProps {
  readonly title: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly write: (value: number) => string;
}

/** A plot as wide as its place. */
export function Plot({ title, times, lines, write }: PlotProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plotter = useRef<Plotter | null>(null);
  const newest = lines.map(({ values }) => values.at(-1) ?? 0);
  useEffect(() => {
    const element = place.current;
    if (element === null) {
      return;
    }
    const options = optionsOf(element, lines, write);
    const made = new Plotter(options, [[]], element);
    plotter.current = made;
    const watcher = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
    };
    // Lines of one plot keep their names.
  }, []);
  useEffect(() => {
    const data: AlignedData = [[...times], ...lines.map(({ values }) => [...values])];
    plotter.current?.setData(data);
  }, [times, lines]);
  return (
    <figure class="plot">
      <figcaption>
        <span>{title}</span>
        {lines.map(({ label }, index) => (
          <span key={label} class={`key key-${index + 1}`}>
            {label} <b>{write(newest[index] ?? 0)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={place} />
    </figure>
  );
}

function optionsOf(
  element: HTMLElement,
  lines: readonly Line[],
  write: (value: number) => string,
): Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: () => colour("--soft"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false } },
    scales: { y: { range: (_self, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 26,
        space: 70,
        incrs: MINUTES,
        values: (_self, splits) => splits.map(clock),
      },
      { ...axis, size: 78, space: 36, values: (_self, splits) => splits.map(write) },
    ],
    series: [
      {},
      ...lines.map(({ label }, index) => ({
        label,
        width: 1.5,
        points: { show: false },
        stroke: () => colour(`--line-${index + 1}`),
      })),
    ],
  };
}

function clock(seconds: number): string {
  const time = new Date(seconds * 1000);
  return time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
