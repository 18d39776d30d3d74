/** One HTML file, nothing outside it: the tables and the latencies of all routes over their percentiles. */
import type { Latencies } from './openLoop.ts';
import type { Table } from './report.ts';

export interface Curve {
  readonly name: string;
  readonly latencies: Latencies;
}

const [width, height] = [880, 440];
const frame = { left: 76, right: 150, top: 20, bottom: 50 };
const colours = ['#4269d0', '#d6431f', '#3a9d5d', '#8a5bc7', '#b8860b'];
const percentileMarks = [0, 50, 75, 90, 95, 99, 99.9];
/** Where the axis ends. */
const percentileMax = 99.9;
const labelGap = 15;

/** Each nine takes equal room, so that the tail can be read. 0 at the left, 1 at the right. */
function across(percentile: number): number {
  return Math.log10(100 / (100 - percentile)) / Math.log10(100 / (100 - percentileMax));
}

/** An SVG with a logarithmic axis of µs. */
export function latencySvg(curves: readonly Curve[]): string {
  const values = curves.flatMap(({ latencies }) => latencies.curve.map(([, us]) => Math.max(1, us)));
  const [low, high] = [Math.log10(Math.min(...values, 1e9)), Math.log10(Math.max(...values, 1))];
  const ticks = ticksBetween(10 ** low, 10 ** high);
  const [bottom, top] = [Math.log10(ticks[0]), Math.log10(ticks[ticks.length - 1])];
  const x = (percentile: number): number => frame.left + across(percentile) * (width - frame.left - frame.right);
  const y = (us: number): number =>
    height -
    frame.bottom -
    ((Math.log10(Math.max(1, us)) - bottom) / (top - bottom)) * (height - frame.top - frame.bottom);
  const grid = ticks.map(
    (us) =>
      `<line class="grid" x1="${frame.left}" x2="${width - frame.right}" y1="${fixed(y(us))}" y2="${fixed(y(us))}"/>` +
      `<text x="${frame.left - 8}" y="${fixed(y(us) + 4)}" text-anchor="end">${duration(us)}</text>`,
  );
  const marks = percentileMarks.map(
    (percentile) =>
      `<line class="grid" x1="${fixed(x(percentile))}" x2="${fixed(x(percentile))}" y1="${frame.top}" y2="${height - frame.bottom}"/>` +
      `<text x="${fixed(x(percentile))}" y="${height - frame.bottom + 18}" text-anchor="middle">${percentile === 0 ? 'best' : `p${percentile}`}</text>`,
  );
  const lines = curves.map(({ latencies }, at) => {
    const points = latencies.curve.map(([percentile, us]) => `${fixed(x(percentile))},${fixed(y(us))}`).join(' ');
    return `<polyline points="${points}" stroke="${colours[at % colours.length]}"/>`;
  });
  const ends = spread(curves.map(({ latencies }) => y(latencies.curve[latencies.curve.length - 1][1])));
  const labels = curves.map(
    ({ name }, at) =>
      `<text class="name" x="${width - frame.right + 8}" y="${fixed(ends[at] + 4)}" fill="${colours[at % colours.length]}">${escaped(name)}</text>`,
  );
  const axis = `<text x="${(frame.left + width - frame.right) / 2}" y="${height - 8}" text-anchor="middle">percentile of requests</text>`;
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="latency by percentile" font-family="system-ui, sans-serif" font-size="12">
<style>.grid{stroke:#ddd}text{fill:#555}polyline{fill:none;stroke-width:2}.name{font-weight:600}</style>
${[...grid, ...marks, ...lines, ...labels, axis].join('\n')}
</svg>`;
}

/** 1, 2, 5, 10, .. around the range, at least two. */
function ticksBetween(low: number, high: number): readonly number[] {
  const all = Array.from({ length: 27 }, (_, at) => [1, 2, 5][at % 3] * 10 ** Math.floor(at / 3));
  const first = all.findLastIndex((tick) => tick <= low);
  const last = all.findIndex((tick) => tick >= high);
  const from = Math.max(0, first);
  return all.slice(from, Math.max(from + 2, last + 1));
}

/** Moves labels apart that would cover each other, and keeps their order. */
function spread(positions: readonly number[]): readonly number[] {
  const moved = [...positions];
  const order = [...positions.keys()].toSorted((a, b) => positions[a] - positions[b]);
  for (let at = 1; at < order.length; at++) {
    moved[order[at]] = Math.max(moved[order[at]], moved[order[at - 1]] + labelGap);
  }
  return moved;
}

export function htmlReport(
  title: string,
  notes: readonly string[],
  tables: readonly Table[],
  curves: readonly Curve[],
): string {
  const plot = curves.length === 0 ? '' : `<h2>Latency</h2>\n${latencySvg(curves)}`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>
<style>body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin-bottom:1rem}td,th{padding:.2rem .9rem .2rem 0;text-align:right;font-variant-numeric:tabular-nums;border-bottom:1px solid #eee}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}h2{font-size:1rem}</style>
<h1>${escaped(title)}</h1>
${notes.map((note) => `<p>${escaped(note)}</p>`).join('\n')}
${plot}
${tables.map(htmlTable).join('\n')}
</html>
`;
}

function htmlTable({ title, header, rows }: Table): string {
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')}</tr>`;
  return `<h2>${escaped(title)}</h2>\n<table>${cells(header, 'th')}${rows.map((row) => cells(row, 'td')).join('')}</table>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function duration(us: number): string {
  if (us < 1000) return `${us} µs`;
  return us < 1_000_000 ? `${us / 1000} ms` : `${us / 1_000_000} s`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
