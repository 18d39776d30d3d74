/**
 * Words for `statement:` in policies, from the tags of PostgreSQL's raw parse tree (nodes/parsenodes.h).
 *
 * A kind is the verb a user would type: every CREATE is `create`, every ALTER, RENAME, OWNER TO and SET SCHEMA is
 * `alter`, every DROP is `drop`. `add` below derives that from the tag; the table holds what a tag does not tell.
 */

const fixed: Readonly<Record<string, string>> = {
  SelectStmt: 'select',
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
  TruncateStmt: 'truncate',
  CreatedbStmt: 'create',
  CreateTableAsStmt: 'create',
  DefineStmt: 'create',
  ViewStmt: 'create',
  IndexStmt: 'create',
  RuleStmt: 'create',
  CompositeTypeStmt: 'create',
  RenameStmt: 'alter',
  GrantStmt: 'grant',
  GrantRoleStmt: 'grant',
  DropdbStmt: 'drop',
  ReassignOwnedStmt: 'reassign',
  CommentStmt: 'comment',
  SecLabelStmt: 'security_label',
  ImportForeignSchemaStmt: 'import',
  RefreshMatViewStmt: 'refresh',
  ReindexStmt: 'reindex',
  ClusterStmt: 'cluster',
  CheckPointStmt: 'checkpoint',
  LockStmt: 'lock',
  LoadStmt: 'load',
  DoStmt: 'do',
  CallStmt: 'call',
  ExplainStmt: 'explain',
  PrepareStmt: 'prepare',
  ExecuteStmt: 'execute',
  DeallocateStmt: 'deallocate',
  DeclareCursorStmt: 'declare',
  ClosePortalStmt: 'close',
  ListenStmt: 'listen',
  UnlistenStmt: 'unlisten',
  NotifyStmt: 'notify',
  DiscardStmt: 'discard',
  VariableShowStmt: 'show',
  ConstraintsSetStmt: 'set',
  ReturnStmt: 'return',
};

const transactions: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback',
  TRANS_STMT_PREPARE: 'prepare_transaction',
  TRANS_STMT_COMMIT_PREPARED: 'commit',
  TRANS_STMT_ROLLBACK_PREPARED: 'rollback',
};

/** Kind of a statement node. A tag from a later PostgreSQL gives its own name in snake case, never another kind. */
export function kindOf(tag: string, body: { readonly [key: string]: unknown }): string {
  switch (tag) {
    case 'TransactionStmt':
      return transactions[String(body.kind)] ?? 'transaction';
    case 'VariableSetStmt':
      return body.kind === 'VAR_RESET' || body.kind === 'VAR_RESET_ALL' ? 'reset' : 'set';
    case 'CopyStmt':
      return body.is_from === true ? 'copy_from' : 'copy_to';
    case 'FetchStmt':
      return body.ismove === true ? 'move' : 'fetch';
    case 'VacuumStmt':
      return body.is_vacuumcmd === true ? 'vacuum' : 'analyze';
    case 'GrantStmt':
    case 'GrantRoleStmt':
      return body.is_grant === true ? 'grant' : 'revoke';
  }
  const known = Object.hasOwn(fixed, tag) ? fixed[tag] : undefined;
  if (known !== undefined) return known;
  if (tag.startsWith('Create')) return 'create';
  if (tag.startsWith('Alter')) return 'alter';
  if (tag.startsWith('Drop')) return 'drop';
  return snakeCase(tag.endsWith('Stmt') ? tag.slice(0, -4) : tag);
}

/** Kinds that change the catalog, so that a snapshot of it is stale once they ran. */
const catalogKinds = new Set([
  'create',
  'alter',
  'drop',
  'truncate',
  'grant',
  'revoke',
  'comment',
  'security_label',
  'import',
  'refresh',
  'reassign',
  'cluster',
  'reindex',
]);

export function changesCatalog(kind: string): boolean {
  return catalogKinds.has(kind);
}

function snakeCase(tag: string): string {
  return tag.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}
