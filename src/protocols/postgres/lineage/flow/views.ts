/**
 * What functions in views ask. The conditions of a view have been judged when it was made, but the body of a function that it
 * calls may be another one by now, and is judged nowhere else.
 */
import { type Relation, definitionPath } from '../../catalog/catalog.ts';
import { recordStatement } from './commands.ts';
import { FlowRecorder } from './recorder.ts';
import { type Analysis, rootScope } from '../scope.ts';

/** Records what bodies of functions ask and write that this view calls, itself or through further views. */
export function recordCallsOf(analysis: Analysis, view: Relation): void {
  const flow = analysis.calls ?? analysis.flow;
  if (flow === null || view.kind !== 'v' || view.system || flow.views.has(view)) return;
  flow.views.add(view);
  const statements = view.definition === null ? null : analysis.catalog.parse(view.definition);
  const inner: Analysis = { ...analysis, path: definitionPath, flow: new FlowRecorder(), calls: flow, folded: null };
  for (const statement of statements ?? []) recordStatement(inner, rootScope(null), statement);
  analysis.nodesLeft = inner.nodesLeft;
}
