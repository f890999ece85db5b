// Numbers and times as text. Times are milliseconds since 1970.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function count(value) {
  return value === null || value === undefined ? "–" : whole.format(value);
}

export function short(value) {
  return Math.abs(value) < 10000 ? whole.format(value) : compact.format(value);
}

// Two decimals, more where the price is small.
export function decimals(value) {
  const size = Math.abs(value);
  if (size === 0 || size >= 10) return 2;
  return Math.min(8, 2 + Math.ceil(-Math.log10(size) + 1));
}

export function price(value) {
  return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: decimals(value) });
}

// "▲ 1.24 %": direction by glyph and sign, not by colour alone.
export function change(fraction) {
  const percent = (fraction * 100).toFixed(2);
  if (Number(percent) === 0) return "0.00%";
  return fraction > 0 ? `▲ +${percent}%` : `▼ −${percent.slice(1)}%`;
}

export function direction(value) {
  return value > 0 ? "up" : value < 0 ? "down" : "flat";
}

export function age(ms) {
  if (ms === null || ms === undefined) return "–";
  const seconds = ms / 1000;
  if (seconds < 0) return "now";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function clock(ms) {
  return new Date(ms).toISOString().slice(11, 19);
}

export function instant(ms) {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

// "catalog.database.table" -> "table"; what stands in brackets behind it, which may hold dots, stays
export function shortName(name) {
  const head = name.split("[", 1)[0];
  return name.slice(head.lastIndexOf(".") + 1);
}

export function intervalText(ms) {
  for (const [letter, unit] of [["d", 86400000], ["h", 3600000], ["m", 60000], ["s", 1000]]) {
    if (ms % unit === 0) return `${ms / unit}${letter}`;
  }
  return `${ms} ms`;
}
