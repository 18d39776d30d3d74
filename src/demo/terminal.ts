/** Plain and coloured text for a terminal. Colours only where a person looks on and has not said NO_COLOR. */
import { stripVTControlCharacters } from 'node:util';

export interface Terminal {
  /** Width in columns; 100 where there is no terminal. */
  readonly width: number;
  line(text?: string): void;
  heading(text: string): void;
  /** `label` in front, then whether it held. */
  check(label: string, held: boolean): void;
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const widthMax = 140;

export function openTerminal(output: Output, noColor: boolean): Terminal {
  const coloured = output.isTTY === true && !noColor;
  const width = Math.min(output.columns ?? 100, widthMax);
  const style = (code: number) => (text: string) => (coloured ? `\u001B[${code}m${text}\u001B[0m` : text);
  const bold = style(1);
  const dim = style(2);
  const green = style(32);
  const red = style(31);
  const yellow = style(33);
  const line = (text = ''): void => void output.write(`${text}\n`);
  return {
    width,
    line,
    heading: (text) => line(`\n${bold(text)}`),
    check: (label, held) => line(`  ${held ? green('ok    ') : red('FAILED')}  ${label}`),
    table: (header, rows) => drawTable(header, rows, width, line, dim),
    bold,
    dim,
    green,
    red,
    yellow,
  };
}

/** Columns as wide as needed; where they do not fit, the widest are narrowed and their cells broken into lines. */
function drawTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  line: (text: string) => void,
  dim: (text: string) => string,
): void {
  const gap = 3;
  const widths = header.map((name, column) => Math.max(...[name, ...rows.map((row) => row[column])].map(visible)));
  const available = width - 2 - gap * (widths.length - 1);
  while (widths.reduce((sum, one) => sum + one, 0) > available) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest] <= 8) break;
    widths[widest]--;
  }
  const draw = (cells: readonly string[]): string[] => {
    const broken = cells.map((cell, column) => breakLines(cell, widths[column]));
    const height = Math.max(...broken.map((lines) => lines.length));
    return Array.from({ length: height }, (_, at) =>
      `  ${broken.map((lines, column) => pad(lines[at] ?? '', widths[column])).join(' '.repeat(gap))}`.trimEnd(),
    );
  };
  for (const text of draw(header)) line(dim(text));
  for (const text of rows.flatMap(draw)) line(text);
}

function visible(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - visible(text)));
}

const linesPerCellMax = 6;

/** Pieces of at most `width` characters. A cell has one style for all of it, which every piece repeats. */
function breakLines(text: string, width: number): string[] {
  if (visible(text) <= width) return [text];
  const plain = stripVTControlCharacters(text);
  const [before, after] = plain === text ? ['', ''] : text.split(plain);
  const characters = [...plain];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length && pieces.length < linesPerCellMax; at += width) {
    pieces.push(before + characters.slice(at, at + width).join('') + after);
  }
  return pieces;
}
