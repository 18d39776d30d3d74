/**
 * Policy files to policies. Pure; every fault of every file is reported at once, because an operator who mends one fault
 * per attempt mends the last one at three in the morning.
 */
import type { CustomDetector } from '../facts.ts';
import { detectorNames } from '../masking/detectorNames.ts';
import { readDocument } from '../yaml/document.ts';
import type { FileFault, YamlDocument } from '../yaml/document.ts';
import { faultAt, wholeFault } from '../yaml/faults.ts';
import { policySchema, ruleSchema } from './schema.ts';
import { checkDetector, checkRule, toAppliesTo, toRule } from './rules.ts';
import type { Policy, PolicyFile, Rule } from './types.ts';
import { validate, yamlOptions } from './validate.ts';

export type ParsedPolicies = { readonly policies: readonly Policy[] } | { readonly faults: readonly FileFault[] };

const noPolicies =
  'this directory holds no policy file, which would block everything; put at least one there (*.yaml or *.yml, not *.test.yaml)';

/**
 * One policy per file; an empty list of files is a fault, since it would silently block everyone.
 * @param directory where the files were looked for; only named in faults.
 */
export function parsePolicies(files: readonly PolicyFile[], directory = '.'): ParsedPolicies {
  const faults: FileFault[] = [];
  if (files.length === 0) faults.push(wholeFault(directory, noPolicies));
  const yamls: YamlDocument[] = [];
  for (const file of files) {
    const yaml = readDocument(file.text, file.name, yamlOptions);
    if (yaml.faults.length > 0) faults.push(...yaml.faults);
    else yamls.push(yaml);
  }
  const detectors = new DetectorNames();
  for (const yaml of yamls) detectors.collect(yaml);
  faults.push(...detectors.faults);

  const policies: Policy[] = [];
  const names = new Map<string, string>();
  for (const yaml of yamls) {
    const parsed = parsePolicy(yaml, detectors.known);
    if ('faults' in parsed) faults.push(...parsed.faults);
    else policies.push(parsed.policy);
    const name = property(yaml.data, 'name');
    if (typeof name !== 'string') continue;
    const other = names.get(name);
    if (other === undefined) names.set(name, yaml.file);
    else faults.push(faultAt(yaml, ['name'], `"${name}" is already the name of ${other}`));
  }
  if (faults.length > 0) return { faults: faults.toSorted(byPosition) };
  // Sorted by name, so that rule lists in decisions do not hang on the order in which a file system lists files.
  return { policies: policies.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function parsePolicy(
  yaml: YamlDocument,
  knownDetectors: ReadonlySet<string>,
): { policy: Policy } | { faults: FileFault[] } {
  const shape = validate(yaml, policySchema);
  const faults: FileFault[] = 'faults' in shape ? shape.faults : [];
  // Rules are judged one by one even if the file as a whole has faults elsewhere.
  faults.push(...checkRules(yaml, knownDetectors));
  if ('faults' in shape || faults.length > 0) return { faults };

  const raw = shape.value;
  const rules: Rule[] = (raw.rules ?? []).map((rule, index) => toRule(raw.name, rule, yaml.locate(['rules', index])));
  const detectors: CustomDetector[] = raw.detectors ?? [];
  const policy: Policy = {
    name: raw.name,
    appliesTo: toAppliesTo(raw.applies_to),
    mode: raw.mode ?? 'enforce',
    default: raw.default ?? null,
    rules,
    detectors,
    safeFunctions: (raw.safe_functions ?? []).map((name) => (name.includes('.') ? name : `pg_catalog.${name}`)),
    at: yaml.locate([]),
  };
  return { policy };
}

function checkRules(yaml: YamlDocument, knownDetectors: ReadonlySet<string>): FileFault[] {
  const faults: FileFault[] = [];
  const ids = new Set<string>();
  for (const [index, data] of list(property(yaml.data, 'rules')).entries()) {
    const id = property(data, 'id');
    if (typeof id === 'string') {
      if (ids.has(id))
        faults.push(faultAt(yaml, ['rules', index, 'id'], `"${id}" is already the id of another rule here`));
      ids.add(id);
    }
    const rule = ruleSchema.safeParse(data);
    if (rule.success) faults.push(...checkRule(yaml, ['rules', index], rule.data, knownDetectors));
  }
  return faults;
}

/** Names that `match.values` may use: the built-in ones and those of every file, also of files with other faults. */
class DetectorNames {
  readonly known = new Set<string>(detectorNames);
  readonly faults: FileFault[] = [];
  readonly #builtIn: ReadonlySet<string> = new Set(detectorNames);

  collect(yaml: YamlDocument): void {
    for (const [index, data] of list(property(yaml.data, 'detectors')).entries()) {
      const path = ['detectors', index];
      const name = property(data, 'name');
      if (typeof name === 'string') {
        if (this.#builtIn.has(name)) {
          this.faults.push(faultAt(yaml, [...path, 'name'], `"${name}" is a built-in detector`));
        } else if (this.known.has(name)) {
          this.faults.push(faultAt(yaml, [...path, 'name'], `a detector named "${name}" is already defined`));
        }
        this.known.add(name);
      }
      const pattern = property(data, 'pattern');
      const problem = typeof pattern === 'string' ? checkDetector(pattern) : null;
      if (problem !== null) this.faults.push(faultAt(yaml, [...path, 'pattern'], problem));
    }
  }
}

function byPosition(a: FileFault, b: FileFault): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

function property(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
