/** Queries so plain that nothing in them can tell in which order the server goes through the rows. */
import { type AstRecord, isRecord, list, names, record } from '../parse/ast.ts';
import { type Analysis, type Scope, spend } from './scope.ts';

/** Nodes that run nothing but what their own parts run. */
const plainTags: ReadonlySet<string> = new Set([
  'A_Const',
  'A_Star',
  'BoolExpr',
  'Boolean',
  'ColumnRef',
  'Float',
  'Integer',
  'JoinExpr',
  'List',
  'NullTest',
  'ParamRef',
  'RangeVar',
  'ResTarget',
  'SortBy',
  'String',
]);
/** Over the rows of one group, and the same in every order or within the group only. */
const plainAggregates: ReadonlySet<string> = new Set(['count', 'sum', 'avg', 'min', 'max', 'bool_or', 'bool_and']);
const plainOperators: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>=', '+', '-', '*']);

/** Whether something in the query may count or mark rows as they come: a window, `nextval`, a body that nobody has read. */
export function countsAlong(analysis: Analysis, level: Scope, select: AstRecord): boolean {
  const tables = level.elements.flatMap((element) => element.tables);
  // A view, a sub-select or a function in FROM may count itself.
  const isTable = (kind: string | undefined): boolean => kind === 'r' || kind === 'p';
  if (tables.length === 0 || !tables.every(({ relation }) => isTable(relation?.kind))) return true;
  const open: unknown[] = [select];
  while (open.length > 0) {
    const at = open.pop();
    if (typeof at !== 'object' || at === null) continue;
    spend(analysis, 1);
    for (const [key, value] of Object.entries(at)) {
      // Tags of nodes are the only keys in capitals.
      if (/^[A-Z]/.test(key) && !plainTags.has(key) && !isPlain(analysis, key, record(value))) return true;
      open.push(value);
    }
  }
  return false;
}

function isPlain(analysis: Analysis, tag: string, body: AstRecord): boolean {
  const { catalog, path } = analysis;
  if (tag === 'A_Expr') {
    const [operator = '', ...more] = names(body.name);
    const isOwn = catalog.operatorFunctions(operator).length > 0;
    return body.kind === 'AEXPR_OP' && more.length === 0 && plainOperators.has(operator) && !isOwn;
  }
  if (tag !== 'FuncCall' || isRecord(body.over)) return false;
  const [name = '', ...more] = names(body.funcname);
  if (more.length > 0 || !plainAggregates.has(name) || list(body.agg_order).length > 0) return false;
  return catalog.functions(null, name, path).length === 0;
}
