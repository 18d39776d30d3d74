/**
 * Names in policies that nobody has: a typing mistake there leaves data unmasked, or a rule without effect, in silence.
 * People and connections are known by a configuration, tables and functions by a catalog; characters that look like
 * wildcards and are none are found without either.
 */
import { didYouMean } from '../yaml/nearest.ts';
import { failingPlace } from './applies.ts';
import { unmatchedPatterns } from './catalogNames.ts';
import type { CatalogNames, NameParts } from './catalogNames.ts';
import type { Finding } from './check.ts';
import { matchGlob } from './pattern.ts';
import { patternParts } from './rules.ts';
import type { Setting } from './setting.ts';
import type { Policy, Rule } from './types.ts';

/** null: not known. */
export interface KnownNames {
  readonly setting: Setting | null;
  readonly catalog: CatalogNames | null;
}

const nameKeys = ['objects', 'columns', 'functions', 'probes', 'copies'] as const;
const appliesKeys = ['connections', 'users', 'notUsers', 'groups', 'notGroups'] as const;

export function checkNames(policies: readonly Policy[], { setting, catalog: read }: KnownNames): Finding[] {
  // Labels may have changed since the catalog was read.
  const current = setting?.connections.find(({ name }) => name === read?.connection);
  const catalog = read === null || current === undefined ? read : { ...read, labels: current.labels };
  const findings: Finding[] = [];
  for (const policy of policies) {
    const own = { at: policy.at, id: policy.name };
    for (const owner of [{ ...own, appliesTo: policy.appliesTo }, ...policy.rules]) {
      findings.push(...checkWildcards(owner));
      if (setting !== null) findings.push(...checkApplies(owner, setting));
    }
    if (setting !== null) for (const rule of policy.rules) findings.push(...checkApprovers(rule, setting));
    if (catalog !== null) findings.push(...checkCatalog(policy, catalog));
  }
  return findings;
}

/** A policy or a rule. */
type Owner = Pick<Rule, 'at' | 'id' | 'appliesTo'> & Partial<Pick<Rule, 'match'>>;

/** Wildcards of shells and of LIKE. */
const odd = /[[\]?{}%^]/;

function checkWildcards(owner: Owner): Finding[] {
  const named = nameKeys
    .flatMap((key) => owner.match?.[key] ?? [])
    .map((pattern) => pattern.replaceAll(/"[^"]*"/g, ''));
  const applied = appliesKeys.flatMap((key) => owner.appliesTo[key] ?? []);
  return [...named, ...applied].flatMap((pattern) => {
    const found = odd.exec(pattern)?.[0];
    if (found === undefined) return [];
    const quote = named.includes(pattern) ? '; put the name in double quotes if it is part of it' : '';
    const message = `"${pattern}" has "${found}", which is no wildcard: only * is (any run of characters)${quote}`;
    return [finding('wildcard', owner, message)];
  });
}

function checkApplies(owner: Owner, { file, users, connections }: Setting): Finding[] {
  const groupNames = [...new Set(users.flatMap(({ groups }) => groups))];
  const userNames = users.map(({ name }) => name);
  const connectionNames = connections.map(({ name }) => name);
  const { appliesTo } = owner;
  const unknown = (patterns: readonly string[] | null, known: readonly string[], what: string): Finding[] =>
    (patterns ?? [])
      .filter((pattern) => !known.some((name) => matchGlob(pattern, name)))
      .map((pattern) => finding('unknown', owner, `${file} has no ${what} "${pattern}"${didYouMean(pattern, known)}`));
  return [
    ...unknown(appliesTo.connections, connectionNames, 'connection'),
    ...unknown(appliesTo.users, userNames, 'user'),
    ...unknown(appliesTo.notUsers, userNames, 'user'),
    ...unknown(appliesTo.groups, groupNames, 'user in a group'),
    ...unknown(appliesTo.notGroups, groupNames, 'user in a group'),
    ...Object.entries(appliesTo.labels ?? {}).flatMap(([label, pattern]) => {
      const labels = [...new Set(connections.flatMap((one) => Object.keys(one.labels)))];
      if (!labels.includes(label)) return unknown([label], labels, 'connection with a label');
      const values = connections.flatMap((one) => (Object.hasOwn(one.labels, label) ? [one.labels[label]] : []));
      return unknown([pattern], [...new Set(values)], `connection whose label ${label} is`);
    }),
  ];
}

function checkApprovers(rule: Rule, { file, users }: Setting): Finding[] {
  const known = [...new Set(users.flatMap(({ groups }) => groups))];
  return (rule.approvers?.groups ?? [])
    .filter((group) => !known.includes(group))
    .map((group) => finding('unknown', rule, `${file} has no user in a group "${group}"${didYouMean(group, known)}`));
}

const namesOf: Readonly<Record<(typeof nameKeys)[number], 'columns' | 'objects' | 'functions'>> = {
  objects: 'objects',
  columns: 'columns',
  functions: 'functions',
  probes: 'columns',
  copies: 'columns',
};

const oneOf = { columns: 'column', objects: 'table or other object', functions: 'function' } as const;

function checkCatalog(policy: Policy, catalog: CatalogNames): Finding[] {
  const place = { name: catalog.connection, labels: catalog.labels };
  if (failingPlace(policy.appliesTo, place) !== null) return [];
  const report = (owner: Owner, patterns: readonly string[], what: keyof typeof oneOf, names: readonly NameParts[]) =>
    unmatchedPatterns(patterns, patternParts[what], names).flatMap(({ pattern, meant: near }) => {
      if (near === null && what === 'functions' && mayBeMissing(owner)) return [];
      const effect = owner.match?.columns?.includes(pattern) === true && isMask(owner) ? ', so it masks nothing' : '';
      const hint = near === null ? '' : `; did you mean "${near}"?`;
      const message = `the catalog of ${catalog.connection} has no ${oneOf[what]} "${pattern}"${effect}${hint}`;
      return [finding('unknown', owner, message)];
    });
  const own = { at: policy.at, id: policy.name, appliesTo: policy.appliesTo };
  return [
    ...report(own, policy.safeFunctions, 'functions', catalog.functions),
    ...policy.rules.flatMap((rule) => {
      if (failingPlace(rule.appliesTo, place) !== null || createsOnly(rule)) return [];
      return nameKeys.flatMap((key) => report(rule, rule.match[key] ?? [], namesOf[key], catalog[namesOf[key]]));
    }),
  ];
}

/** What a statement is about to make is in no catalog yet. */
function createsOnly({ match }: Rule): boolean {
  const defines = match.access !== null && match.access.every((word) => word === 'define');
  return defines || match.statement?.every((word) => word.startsWith('create')) === true;
}

/** Functions of extensions are forbidden whether or not they are installed; only what looks like a slip is told. */
function mayBeMissing(owner: Owner): boolean {
  return 'action' in owner && (owner.action === 'block' || owner.action === 'approve');
}

function isMask(owner: Owner): boolean {
  return 'action' in owner && owner.action === 'mask';
}

function finding(kind: Finding['kind'], owner: Owner, message: string): Finding {
  return { ...owner.at, kind, subject: owner.id, message };
}
