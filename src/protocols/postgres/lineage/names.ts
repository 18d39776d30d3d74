/**
 * The name that the server gives an output column without an alias: FigureColname in parse_target.c. It matters,
 * because an outer query can refer to it, and a wrong name would be looked up further out.
 */
import { list, names, record, tagOf, text } from '../parse/ast.ts';

const fixedNames: Readonly<Record<string, string>> = {
  A_ArrayExpr: 'array',
  CoalesceExpr: 'coalesce',
  GroupingFunc: 'grouping',
  JsonObjectConstructor: 'json_object',
  JsonArrayConstructor: 'json_array',
  JsonArrayQueryConstructor: 'json_array',
  JsonObjectAgg: 'json_objectagg',
  JsonArrayAgg: 'json_arrayagg',
  JsonParseExpr: 'json',
  JsonScalarExpr: 'json_scalar',
  JsonSerializeExpr: 'json_serialize',
  MergeSupportFunc: 'merge_action',
  RowExpr: 'row',
  XmlSerialize: 'xmlserialize',
};

const xmlNames: Readonly<Record<string, string>> = {
  IS_XMLCONCAT: 'xmlconcat',
  IS_XMLELEMENT: 'xmlelement',
  IS_XMLFOREST: 'xmlforest',
  IS_XMLPARSE: 'xmlparse',
  IS_XMLPI: 'xmlpi',
  IS_XMLROOT: 'xmlroot',
  IS_XMLSERIALIZE: 'xmlserialize',
};

const jsonNames: Readonly<Record<string, string>> = {
  JSON_EXISTS_OP: 'json_exists',
  JSON_QUERY_OP: 'json_query',
  JSON_VALUE_OP: 'json_value',
};

/** Name of the output column that this expression makes; `?column?` where it suggests none. */
export function outputName(node: unknown): string {
  return suggest(node, 0)?.name ?? '?column?';
}

/** `strong` names come from the value; a cast offers its type's name only against a weak one. */
interface Suggestion {
  readonly name: string;
  readonly strong: boolean;
}

function strong(name: string | undefined): Suggestion | null {
  return name === undefined || name === '' ? null : { name, strong: true };
}

function suggest(node: unknown, depth: number): Suggestion | null {
  if (depth > 100) return null;
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  const fixed = fixedNames[tag];
  if (fixed !== undefined) return strong(fixed);
  switch (tag) {
    case 'ColumnRef':
      return strong(names(body.fields).at(-1));
    case 'A_Indirection':
      return strong(names(body.indirection).at(-1)) ?? suggest(body.arg, depth + 1);
    case 'FuncCall':
      return strong(names(body.funcname).at(-1));
    case 'A_Expr':
      return body.kind === 'AEXPR_NULLIF' ? strong('nullif') : null;
    case 'TypeCast': {
      const inner = suggest(body.arg, depth + 1);
      if (inner?.strong === true) return inner;
      const type = names(record(body.typeName).names).at(-1);
      return type === undefined ? inner : { name: type, strong: false };
    }
    case 'CollateClause':
      return suggest(body.arg, depth + 1);
    case 'CaseExpr': {
      const inner = suggest(body.defresult, depth + 1);
      return inner?.strong === true ? inner : { name: 'case', strong: false };
    }
    case 'MinMaxExpr':
      return strong(body.op === 'IS_LEAST' ? 'least' : 'greatest');
    case 'SQLValueFunction':
      return strong(sqlValueName(text(body.op)));
    case 'XmlExpr':
      return strong(xmlNames[text(body.op)]);
    case 'JsonFuncExpr':
      return strong(jsonNames[text(body.op)]);
    case 'SubLink':
      return subLinkName(body, depth);
    default:
      return null;
  }
}

/** SVFOP_CURRENT_TIME_N is `current_time` with a precision. */
function sqlValueName(op: string): string {
  return op
    .replace(/^SVFOP_/, '')
    .replace(/_N$/, '')
    .toLowerCase();
}

function subLinkName(body: Record<string, unknown>, depth: number): Suggestion | null {
  if (body.subLinkType === 'EXISTS_SUBLINK') return strong('exists');
  if (body.subLinkType === 'ARRAY_SUBLINK') return strong('array');
  if (body.subLinkType !== 'EXPR_SUBLINK') return null;
  // The first output column of the sub-select lends its name; of a set operation, the leftmost one's.
  let select = record(record(body.subselect).SelectStmt);
  for (let hops = 0; select.larg !== undefined && hops < 1000; hops++) select = record(select.larg);
  if (select.valuesLists !== undefined) return strong('column1');
  const first = record(record(list(select.targetList)[0]).ResTarget);
  const name = text(first.name);
  return strong(name === '' ? (suggest(first.val, depth + 1)?.name ?? '?column?') : name);
}
