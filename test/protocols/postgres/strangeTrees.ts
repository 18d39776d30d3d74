/** Parse trees that no parser gives. */
import fc from 'fast-check';
import { parseTrees } from '../../../src/protocols/postgres/parse/parse.ts';

const replacements = [
  'null',
  '[]',
  '{}',
  '1',
  '"x"',
  '{"A_Star":{}}',
  '{"SelectStmt":{}}',
  '{"A_Expr":{"kind":"AEXPR_OP","name":[{"String":{"sval":"/"}}]}}',
  '[{"String":{"sval":"ssn"}}]',
] as const;

/** Trees of the statements in these cases, one a line that is not indented, with up to two parts replaced or removed. */
export function strangeTrees(cases: readonly string[]): fc.Arbitrary<unknown> {
  const texts = cases
    .join('')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' '));
  const trees = texts.map((sql) => JSON.stringify(parseTrees(sql)?.[0]));
  const replacement = fc.constantFrom(...replacements);
  return fc
    .record({ tree: fc.nat(trees.length - 1), at: fc.nat(), with: replacement, again: fc.nat() })
    .map((mutation) => {
      const tree: unknown = JSON.parse(trees[mutation.tree]);
      const places = placesIn(tree);
      for (const pick of [mutation.at, mutation.again]) {
        const place = places[pick % places.length];
        place.holder[place.key] = JSON.parse(mutation.with);
      }
      return tree;
    });
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(tree: unknown, places: Place[] = []): Place[] {
  if (typeof tree !== 'object' || tree === null) return places;
  for (const key of Object.keys(tree)) {
    const holder = tree as Record<string, unknown>;
    places.push({ holder, key });
    placesIn(holder[key], places);
  }
  return places;
}
