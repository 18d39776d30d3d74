import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { openTerminal } from '../../src/demo/terminal.ts';

function capture(isTTY: boolean, columns: number, noColor: boolean) {
  let text = '';
  const terminal = openTerminal({ isTTY, columns, write: (more: string) => (text += more) }, noColor);
  return { terminal, text: () => text };
}

test('colours only on a terminal, and not with NO_COLOR', () => {
  for (const [isTTY, noColor, coloured] of [
    [true, false, true],
    [true, true, false],
    [false, false, false],
  ] as const) {
    const { terminal, text } = capture(isTTY, 80, noColor);
    terminal.check('it holds', true);
    assert.equal(text().includes('\u001B['), coloured);
    assert.match(text(), /it holds\n$/);
  }
});

test('tables align by characters, whatever their style', () => {
  const { terminal, text } = capture(true, 60, false);
  terminal.table(
    ['name', 'value'],
    [
      ['Zoë', terminal.red('x')],
      ['longer', 'NULL'],
    ],
  );
  assert.equal(text(), '\u001B[2m  name     value\u001B[0m\n  Zoë      \u001B[31mx\u001B[0m\n  longer   NULL\n');
});

test('long cells are broken, never wider than the terminal, and keep their style', () => {
  const { terminal, text } = capture(true, 30, false);
  terminal.table(['a', 'b'], [['x'.repeat(40), terminal.yellow('y'.repeat(30))]]);
  const lines = stripVTControlCharacters(text()).trimEnd().split('\n');
  assert.ok(
    lines.every((line) => line.length <= 30),
    lines.join('\n'),
  );
  assert.equal(lines.join('').replaceAll(/[^x]/g, '').length, 40);
  assert.equal(lines.join('').replaceAll(/[^y]/g, '').length, 30);
});
