/**
 * Functions that could put values where no statement shows it: into a setting or a large object, when a trigger, a row security
 * policy, a default or a view runs them.
 *
 * Who may replace a function that is in use can write its body, so bodies in SQL are searched for every way there is and not for
 * the usual ones. A body in another language cannot be made through the gate unless policy allows it.
 */
import type { PgFunction } from './catalog.ts';
import { isStoring } from '../lineage/flow/calls.ts';

export type Place = 'settings' | 'large_objects';

/** Ways to run text, which could hold anything, and to write a name so that it is not found. */
export const hiddenSql = 'u&|_to_xml|ts_stat|ts_rewrite|dblink|crosstab|connectby|xpath_table|pg_background';
/** With what runs text later, in another session. */
const anything = `${hiddenSql}|\\bschedule`;

const inSql: Readonly<Record<Place, RegExp>> = {
  settings: new RegExp(`set_config|pg_settings|${anything}`, 'i'),
  large_objects: new RegExp(`\\blo_|lowrite|pg_largeobject|${anything}`, 'i'),
};

/** Dynamic SQL, and names put together from parts. */
const inPlpgsql: Readonly<Record<Place, RegExp>> = {
  settings: new RegExp(`${inSql.settings.source}|execute|alter`, 'i'),
  large_objects: new RegExp(`${inSql.large_objects.source}|execute`, 'i'),
};

/**
 * How many functions sessions with masks have defined, through the gate and since it started, that could fill a place. Such a
 * function may be gone again before anybody looks at the catalog.
 */
export type Fillers = { [place in Place]: number };

/** @param text of a statement that defines code. */
export function countFillers(fillers: Fillers, text: string): void {
  for (const place of ['settings', 'large_objects'] as const) if (inSql[place].test(text)) fillers[place]++;
}

/**
 * @param hidden names of functions of the server behind operators, casts and aggregates that users made.
 */
export function mayFill(functions: Iterable<PgFunction>, hidden: Iterable<string>, place: Place): boolean {
  for (const name of hidden) if (isStoring(name)) return true;
  for (const f of functions) if (isFiller(f, place)) return true;
  return false;
}

function isFiller({ language, kind, extension, source }: PgFunction, place: Place): boolean {
  // The functions that an aggregate calls are looked at by themselves.
  if (kind === 'a') return false;
  if (language === 'c' || language === 'internal') return extension === null;
  if (source === null) return true;
  if (language === 'sql') return inSql[place].test(source);
  return language !== 'plpgsql' || inPlpgsql[place].test(source);
}
