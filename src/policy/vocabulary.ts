/**
 * Words that `match.statement` may name. They are the kinds that protocols report in `Statement.kinds`, kept here as
 * plain words because policy knows no protocol; a test compares them with what the protocols can report.
 */

export const statementKinds = [
  'alter',
  'analyze',
  'begin',
  'call',
  'checkpoint',
  'close',
  'cluster',
  'comment',
  'commit',
  'copy_file',
  'copy_from',
  'copy_program',
  'copy_to',
  'create',
  'deallocate',
  'declare',
  'delete',
  'discard',
  'do',
  'drop',
  'dynamic_sql',
  'execute',
  'explain',
  'fetch',
  'function_call',
  'grant',
  'import',
  'insert',
  'listen',
  'load',
  'lock',
  'merge',
  'move',
  'notify',
  'prepare',
  'prepare_transaction',
  'reassign',
  'refresh',
  'reindex',
  'release',
  'replication',
  'reset',
  'return',
  'revoke',
  'rollback',
  'savepoint',
  'security_label',
  'select',
  'set',
  'set_role',
  'show',
  'truncate',
  'unlisten',
  'update',
  'vacuum',
] as const;

/**
 * Words that stand for several kinds. `other` stands for every kind that is not in the list above, so that a rule can
 * name commands of a newer target which nobody has named yet.
 */
export const statementGroups = {
  ddl: [
    'create',
    'alter',
    'drop',
    'truncate',
    'comment',
    'grant',
    'revoke',
    'security_label',
    'reassign',
    'import',
    'refresh',
  ],
  dml: ['insert', 'update', 'delete', 'merge', 'copy_from'],
  tcl: ['begin', 'commit', 'rollback', 'savepoint', 'release', 'prepare_transaction'],
  other: [],
} as const satisfies Record<string, readonly (typeof statementKinds)[number][]>;

export const kindSet: ReadonlySet<string> = new Set(statementKinds);

/** Kinds that hold neither a query nor another statement, so that no WHERE, LIMIT or column can stand in them. */
export const kindsWithoutQuery: ReadonlySet<string> = new Set([
  'begin',
  'checkpoint',
  'close',
  'commit',
  'deallocate',
  'discard',
  'drop',
  'fetch',
  'grant',
  'listen',
  'load',
  'lock',
  'move',
  'notify',
  'prepare_transaction',
  'release',
  'reset',
  'revoke',
  'rollback',
  'savepoint',
  'show',
  'truncate',
  'unlisten',
]);

/** Kinds and groups together: all that may be written. */
export const statementWords: readonly string[] = [...Object.keys(statementGroups), ...statementKinds];

/** Kinds that these words stand for; `other` stays as it is. */
export function expandKinds(words: readonly string[]): ReadonlySet<string> {
  const kinds = new Set<string>();
  for (const word of words) {
    if (word === 'other' || kindSet.has(word)) kinds.add(word);
    else if (isGroup(word)) for (const kind of statementGroups[word]) kinds.add(kind);
  }
  return kinds;
}

function isGroup(word: string): word is keyof typeof statementGroups {
  return Object.hasOwn(statementGroups, word);
}
