/**
 * A small line chart as SVG text: axes, ticks, one or more series, a legend. Reads on light and
 * dark pages.
 */
const SIZE = { width: 720, height: 360, left: 72, right: 24, top: 48, bottom: 56 };
const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea'];
const TICKS = 5;

const escape = (text) =>
  String(text).replace(/[&<>"]/g, (sign) => `&#${String(sign.charCodeAt(0))};`);
const short = (value) => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(1));
const power = (value) => `10${'⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Math.round(Math.log10(value)))}`;

function scale([from, to], [low, high], log) {
  const place = log ? Math.log10 : (value) => value;
  const span = place(to) - place(from) || 1;
  return (value) => low + ((place(value) - place(from)) / span) * (high - low);
}

const text = (x, y, content, more = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`;
const line = (x1, y1, x2, y2, more) => {
  const [a, b, c, d] = [x1, y1, x2, y2].map((place) => place.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${more}/>`;
};

function ticksOf([from, to], log) {
  if (!log) return Array.from({ length: TICKS + 1 }, (_, i) => from + ((to - from) * i) / TICKS);
  const ticks = [];
  for (let value = 10 ** Math.ceil(Math.log10(from)); value <= to; value *= 10) ticks.push(value);
  return ticks;
}

function axes({ x, y, xRange, yRange, xLabel, yLabel, logX }) {
  const { width, height, left, right, top, bottom } = SIZE;
  const grid = 'stroke="#888888" stroke-opacity="0.25"';
  const parts = [];
  for (const value of ticksOf(yRange, false)) {
    parts.push(line(left, y(value), width - right, y(value), grid));
    parts.push(text(left - 8, y(value) + 4, short(value), 'text-anchor="end"'));
  }
  for (const value of ticksOf(xRange, logX)) {
    const label = logX ? power(value) : short(value);
    parts.push(line(x(value), top, x(value), height - bottom, grid));
    parts.push(text(x(value), height - bottom + 18, label, 'text-anchor="middle"'));
  }
  const middle = (left + width - right) / 2;
  parts.push(text(middle, height - 14, xLabel, 'text-anchor="middle"'));
  const turned = `text-anchor="middle" transform="rotate(-90 18 ${String(height / 2)})"`;
  parts.push(text(18, height / 2, yLabel, turned));
  return parts;
}

function drawn({ name, points, marks }, i, { x, y }) {
  const colour = COLOURS[i % COLOURS.length];
  const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ');
  const dots = points.map(
    ([px, py]) =>
      `<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3.5" fill="${colour}"/>`,
  );
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
    ...(marks ? dots : []),
    text(SIZE.left + i * 220, SIZE.top - 12, `● ${name}`, `fill="${colour}"`),
  ];
}

/** @param series  [{name, points: [[x, y], …], marks?}] · `fromZero`: the y axis starts at 0. */
export function lineChart({ title, xLabel, yLabel, series, logX = false, fromZero = false }) {
  const { width, height, left, right, top, bottom } = SIZE;
  const all = series.flatMap(({ points }) => points);
  const xs = all.map(([px]) => px);
  const ys = all.map(([, py]) => py);
  const xRange = [Math.min(...xs), Math.max(...xs)];
  const pad = (Math.max(...ys) - Math.min(...ys)) * 0.1 || 1;
  const yRange = [fromZero ? 0 : Math.max(0, Math.min(...ys) - pad), Math.max(...ys) + pad];
  const x = scale(xRange, [left, width - right], logX);
  const y = scale(yRange, [height - bottom, top], false);
  const body = [
    text(left, 22, title, 'font-size="15" font-weight="bold"'),
    ...axes({ x, y, xRange, yRange, xLabel, yLabel, logX }),
    ...series.flatMap((one, i) => drawn(one, i, { x, y })),
  ];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#777777">\n` +
    `<title>${escape(title)}</title>\n${body.join('\n')}\n</svg>\n`
  );
}
