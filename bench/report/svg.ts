/** Line and bar plots as SVG text, without a script. */

export interface Series {
  readonly name: string;
  /** Pairs of x and y. */
  readonly points: readonly (readonly [number, number])[];
}

export interface LinePlot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** Values of x in the order and at the distance in which they are given, instead of to scale. */
  readonly isOrdinal?: boolean;
  readonly isLogarithmic?: boolean;
}

export interface Bar {
  readonly name: string;
  readonly value: number;
}

const WIDTH = 560;
const HEIGHT = 320;
const LEFT = 62;
const RIGHT = 16;
const TOP = 34;
const BOTTOM = 46;
const TICKS = 5;
const COLORS = ["#1769aa", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0f766e", "#be123c"];
const BAR_HEIGHT = 26;
const BAR_LABEL = 150;

export const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

const label = (value: number): string => String(Number(value.toPrecision(3)));
const at = (value: number): string => value.toFixed(1);

const colorOf = (index: number): string => COLORS[index % COLORS.length] ?? "#333";

/** @returns round values from 0, or a power of ten, to the largest or a little more. */
export function ticksUpTo(largest: number): readonly number[] {
  if (!(largest > 0)) {
    return [0, 1];
  }
  const raw = largest / TICKS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  return Array.from({ length: Math.ceil(largest / step) + 1 }, (_, index) => index * step);
}

/** Powers of ten around the values. */
export function decades(least: number, largest: number): readonly number[] {
  const from = Math.floor(Math.log10(Math.max(least, 1e-3)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(largest, 1e-3))));
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
}

/** @returns an SVG element; an empty text when there is no point to draw. */
export function renderLines(plot: LinePlot): string {
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0) {
    return "";
  }
  const xs = [...new Set(points.map(([x]) => x))].toSorted((a, b) => a - b);
  const ys = points.map(([, y]) => y);
  const isLog = plot.isLogarithmic === true;
  const yTicks = isLog
    ? decades(Math.min(...ys.filter((y) => y > 0)), Math.max(...ys))
    : ticksUpTo(Math.max(...ys));
  const yScale = (y: number): number => (isLog ? Math.log10(Math.max(y, 1e-3)) : y);
  const low = yScale(yTicks[0] ?? 0);
  const high = yScale(yTicks.at(-1) ?? 1);
  const xMax = xs.at(-1) ?? 1;
  const placeX = (x: number): number => {
    const share =
      plot.isOrdinal === true ? xs.indexOf(x) / Math.max(1, xs.length - 1) : x / (xMax || 1);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
  };
  const placeY = (y: number): number =>
    HEIGHT - BOTTOM - ((yScale(y) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const grid = yTicks.map(
    (y) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(placeY(y))}" y2="${at(placeY(y))}" class="grid"/>` +
      `<text x="${LEFT - 6}" y="${at(placeY(y) + 4)}" text-anchor="end">${label(y)}</text>`,
  );
  const marks = xs.map(
    (x) =>
      `<text x="${at(placeX(x))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${String(x)}</text>`,
  );
  const lines = plot.series.map((series, index) => renderSeries(series, { index, placeX, placeY }));
  return (
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><title>${escapeText(plot.title)}</title>` +
    `<text x="${LEFT}" y="16" class="title">${escapeText(plot.title)}</text>` +
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">${escapeText(plot.x)}</text>` +
    `<text x="6" y="${TOP - 6}">${escapeText(plot.y)}</text>` +
    `${grid.join("")}${marks.join("")}${lines.join("")}</svg>`
  );
}

function renderSeries(
  series: Series,
  about: {
    readonly index: number;
    readonly placeX: (x: number) => number;
    readonly placeY: (y: number) => number;
  },
): string {
  const { index, placeX, placeY } = about;
  const color = colorOf(index);
  const places = series.points.map(([x, y]) => `${at(placeX(x))},${at(placeY(y))}`);
  const dots = places.map((place) => {
    const [x, y] = place.split(",");
    return `<circle cx="${x}" cy="${y}" r="2.5" fill="${color}"/>`;
  });
  const name = `<text x="${LEFT + 10}" y="${TOP + 12 + index * 15}" fill="${color}">${escapeText(series.name)}</text>`;
  return `<polyline points="${places.join(" ")}" fill="none" stroke="${color}" stroke-width="1.6"/>${dots.join("")}${name}`;
}

/** @returns an SVG element with a bar for each; an empty text for none. */
export function renderBars(title: string, unit: string, bars: readonly Bar[]): string {
  if (bars.length === 0) {
    return "";
  }
  const largest = Math.max(...bars.map(({ value }) => value), 1e-9);
  const height = TOP + bars.length * BAR_HEIGHT;
  const rows = bars.map(({ name, value }, index) => {
    const y = TOP + index * BAR_HEIGHT;
    const width = (value / largest) * (WIDTH - BAR_LABEL - 110);
    return (
      `<text x="${BAR_LABEL - 8}" y="${y + 14}" text-anchor="end">${escapeText(name)}</text>` +
      `<rect x="${BAR_LABEL}" y="${y}" width="${at(Math.max(width, 1))}" height="18" fill="${colorOf(index)}"/>` +
      `<text x="${at(BAR_LABEL + width + 6)}" y="${y + 14}">${label(value)} ${escapeText(unit)}</text>`
    );
  });
  return (
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img"><title>${escapeText(title)}</title>` +
    `<text x="6" y="16" class="title">${escapeText(title)}</text>${rows.join("")}</svg>`
  );
}
