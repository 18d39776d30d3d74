/**
 * The settings that a statement changes once its parameters are known: `select set_config($1, $2, true)` is what applications with
 * row security send with every request.
 *
 * A value that is bound is believed to be the text that set_config() gets only if nothing can have made another of it: it is sent
 * as text, no other type was asked for, and the parameter stands nowhere else, where its type could be decided.
 */
import type { SettingChange } from '../facts/collect.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { isRecord, list, names, record, tagOf, textConstant, textNode, unwrap } from '../parse/ast.ts';
import type { ParameterTexts } from './parameterTexts.ts';

type Argument =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly number: number }
  | { readonly kind: 'unknown' };

interface ConfigCall {
  readonly name: Argument;
  readonly value: Argument;
}

const known = new WeakMap<AnalyzedStatement, readonly ConfigCall[] | null>();

/** @param parameters of its Bind; null: not known, or not surely texts. */
export function settingsOf(statement: AnalyzedStatement, parameters: ParameterTexts | null): readonly SettingChange[] {
  const { settings } = statement;
  if (parameters === null || settings.every(({ name }) => name !== null)) return settings;
  let calls = known.get(statement);
  if (calls === undefined) known.set(statement, (calls = configCalls(statement)));
  if (calls === null) return settings;
  // No type has a name with blanks at its end, and some cut them off.
  const read = (argument: Argument): string | null => {
    if (argument.kind === 'literal') return argument.text;
    return argument.kind === 'parameter' ? (parameters.text(argument.number)?.trimEnd() ?? null) : null;
  };
  return calls.map(({ name, value }) => ({
    name: read(name)?.toLowerCase() ?? null,
    value: read(value),
    local: false,
  }));
}

/** Every change of a setting in the statement; null: some are none of these calls. */
function configCalls({ ast, exact, distant, settings }: AnalyzedStatement): readonly ConfigCall[] | null {
  if (!exact || distant !== null || tagOf(ast) === 'VariableSetStmt') return null;
  const calls: ConfigCall[] = [];
  /** How often each parameter stands anywhere, less where it is such an argument. */
  const elsewhere = new Map<number, number>();
  const count = (number: number, by: number): void => {
    elsewhere.set(number, (elsewhere.get(number) ?? 0) + by);
  };
  const open: unknown[] = [ast];
  while (open.length > 0) {
    const at = open.pop();
    if (Array.isArray(at)) for (const item of at) open.push(item);
    if (!isRecord(at)) continue;
    if (isRecord(at.ParamRef)) count(numberOf(at.ParamRef.number), 1);
    if (isRecord(at.FuncCall) && names(at.FuncCall.funcname).at(-1) === 'set_config') {
      const [name, value] = list(at.FuncCall.args).map(argumentOf);
      for (const one of [name, value]) if (one?.kind === 'parameter') count(one.number, -1);
      calls.push({ name: name ?? unknown, value: value ?? unknown });
    }
    for (const key in at) if (typeof at[key] === 'object') open.push(at[key]);
  }
  if (calls.length !== settings.length) return null;
  const typed = (one: Argument): Argument =>
    one.kind === 'parameter' && elsewhere.get(one.number) !== 0 ? unknown : one;
  return calls.map(({ name, value }) => ({ name: typed(name), value: typed(value) }));
}

const unknown: Argument = { kind: 'unknown' };

function argumentOf(node: unknown): Argument {
  const text = textConstant(node);
  if (text !== null) return { kind: 'literal', text };
  const parameter = unwrap(textNode(node), 'ParamRef');
  return parameter === null ? unknown : { kind: 'parameter', number: numberOf(record(parameter).number) };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
