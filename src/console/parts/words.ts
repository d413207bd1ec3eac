/** Figures as people read them. */

const UNITS = ["", "k", "M", "G", "T"];
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** `12.3 Mbit/s` of bits per second. */
export function bitRate(bits: number): string {
  return `${scaled(bits, 1000)}bit/s`;
}

/** `4.2 MB` of bytes. */
export function byteSize(bytes: number): string {
  return `${scaled(bytes, 1000)}B`;
}

/** Digits in groups. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** `1 d 4 h`, `12 min`, `8 s` of seconds. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < MINUTE_S) {
    return `${whole} s`;
  }
  if (whole < HOUR_S) {
    return `${Math.floor(whole / MINUTE_S)} min ${whole % MINUTE_S} s`;
  }
  if (whole < DAY_S) {
    return `${Math.floor(whole / HOUR_S)} h ${Math.floor((whole % HOUR_S) / MINUTE_S)} min`;
  }
  return `${Math.floor(whole / DAY_S)} d ${Math.floor((whole % DAY_S) / HOUR_S)} h`;
}

/** `37 %` of a share. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function scaled(value: number, step: number): string {
  let unit = 0;
  let left = value;
  while (left >= step && unit < UNITS.length - 1) {
    left /= step;
    unit += 1;
  }
  return `${left >= 100 || unit === 0 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}
