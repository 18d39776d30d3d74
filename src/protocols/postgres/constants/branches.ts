/** Tests of a condition (`IS TRUE`, `IS NULL`), and expressions that choose between several: CASE and COALESCE. */
import { type AstRecord, list, record, unwrap } from '../parse/ast.ts';
import { type FoldState, pairTruth, type Truth, truthOf } from './condition.ts';
import { isAlwaysNull, isBoolean, isNeverNull } from './terms.ts';

export function foldBooleanTest({ arg, booltesttype: test }: AstRecord, state: FoldState): Truth {
  const truth = truthOf(arg, state);
  if (truth !== 'true' && truth !== 'false' && truth !== 'null') return truth;
  const tested = test === 'IS_TRUE' || test === 'IS_NOT_TRUE' ? 'true' : 'false';
  const unknown = test === 'IS_UNKNOWN' || test === 'IS_NOT_UNKNOWN';
  const holds = truth === (unknown ? 'null' : tested);
  const negated = typeof test === 'string' && test.startsWith('IS_NOT');
  return holds === negated ? 'false' : 'true';
}

export function foldNullTest({ arg, nulltesttype: test }: AstRecord, state: FoldState): Truth | null {
  const isNull = test === 'IS_NULL';
  if (isAlwaysNull(arg, state)) return isNull ? 'true' : 'false';
  if (isNeverNull(arg, state)) return isNull ? 'false' : 'true';
  if (!isBoolean(arg)) return null;
  const truth = truthOf(arg, state);
  if (truth !== 'true' && truth !== 'false' && truth !== 'null') return truth;
  return (truth === 'null') === isNull ? 'true' : 'false';
}

/** What a CASE gives if its conditions are known, or if all its results are the same. */
export function foldCase(body: AstRecord, state: FoldState): Truth {
  const results: Truth[] = [];
  for (const { when, result } of branchesOf(body, state)) {
    if (when === 'false' || when === 'null') continue;
    results.push(truthOf(result, state));
    if (when === 'true') return joined(results);
    if (when !== 'varies') results.push(when);
  }
  results.push(body.defresult === undefined ? 'null' : truthOf(body.defresult, state));
  return joined(results);
}

export interface Branch {
  readonly when: Truth;
  readonly result: unknown;
}

export function* branchesOf(body: AstRecord, state: FoldState): Generator<Branch> {
  for (const item of list(body.args)) {
    const { expr, result } = record(unwrap(item, 'CaseWhen'));
    yield { when: body.arg === undefined ? truthOf(expr, state) : pairTruth('=', body.arg, expr, state), result };
  }
}

/** Of several outcomes one comes true, by something that may depend on the row. */
function joined(results: readonly Truth[]): Truth {
  const [first, ...more] = results.map((result) => (result === 'null' ? 'false' : result));
  if (more.every((result) => result === first)) return first;
  if (!results.some((result) => result === 'varies' || result === 'false' || result === 'null')) {
    return results.includes('parameter') ? 'parameter' : 'constant';
  }
  return 'varies';
}

export function foldCoalesce({ args }: AstRecord, state: FoldState): Truth {
  for (const arg of list(args)) {
    const truth = truthOf(arg, state);
    if (truth !== 'null') return truth;
  }
  return 'null';
}
