/**
 * Shape of a policy file. The reference (`docs/policy.md`) and the schema for editors (`policy.schema.json`) are generated
 * from it, so descriptions here are written for the people who write policies.
 *
 * What needs more than one key or more than one file to judge is checked in `rules.ts` and `parse.ts`.
 */
import { z } from 'zod';
import { detectorNames } from '../masking/detectorNames.ts';
import { statementGroups, statementWords } from './vocabulary.ts';

const patternCharactersMax = 200;
const listEntriesMax = 1000;
const textPatternCharactersMax = 1000;
const messageCharactersMax = 500;
const keptCharactersMax = 1000;
const budgetStatementsMax = 1_000_000;

const nameFormat = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const nameText = 'lower-case letters, digits, `-` and `_`, at most 63 characters';

/** No globs and no quotes: somebody vouches for each function by its exact name. */
const functionFormat = /^[^".*\s]{1,63}(?:\.[^".*\s]{1,63})?$/;

const name = z.string().regex(nameFormat, nameText);
const pattern = z.string().min(1).max(patternCharactersMax);
const patterns = z.array(pattern).min(1).max(listEntriesMax);

export const appliesToSchema = z.strictObject({
  connections: patterns.optional().describe('Names of connections; any may match. Globs.'),
  labels: z
    .record(z.string().min(1).max(63), pattern)
    .optional()
    .describe('Labels of the connection; every one given must be there and match. Globs.'),
  users: patterns.optional().describe('Names of users; any may match. Globs.'),
  not_users: patterns.optional().describe('Users to leave out, whatever the other keys say. Globs.'),
  groups: patterns.optional().describe('The user must be in one of these. Globs.'),
  not_groups: patterns.optional().describe('The user must be in none of these. Globs.'),
});

export const maskSchema = z.union(
  [
    z.enum(['redact', 'null', 'stars', 'hash', 'email']),
    z.null(),
    z.strictObject({ keep_first: z.int().min(1).max(keptCharactersMax) }),
    z.strictObject({ keep_last: z.int().min(1).max(keptCharactersMax) }),
  ],
  {
    error: `is none of redact, null, stars, hash, email, { keep_first: n }, { keep_last: n } (n from 1 to ${keptCharactersMax})`,
  },
);

export const matchSchema = z.strictObject({
  statement: z
    .array(z.enum(statementWords))
    .min(1)
    .optional()
    .describe(
      `Kinds of command, the outermost one and every nested one. Groups: ${Object.keys(statementGroups).join(', ')}.`,
    ),
  objects: patterns.optional().describe('Tables, views, sequences, ...: `table` or `schema.table`. Globs.'),
  access: z
    .array(z.enum(['read', 'write', 'define']))
    .min(1)
    .optional()
    .describe('What is done to the same object or column: read, write, or define (DDL).'),
  columns: patterns
    .optional()
    .describe('Columns named in the statement: `column`, `table.column` or `schema.table.column`. Globs.'),
  functions: patterns.optional().describe('Functions called anywhere: `name` or `schema.name`. Globs.'),
  where: z
    .enum(['present', 'absent', 'none'])
    .optional()
    .describe('`absent`: some UPDATE or DELETE in it lacks a WHERE. `none`: no clause could stand there.'),
  limit: z
    .enum(['present', 'absent', 'none'])
    .optional()
    .describe('Same for LIMIT or FETCH FIRST of the outermost SELECT.'),
  temporary: z
    .enum(['only', 'not_only'])
    .optional()
    .describe(
      '`only`: all that it writes or defines are temporary tables of the session. Known of users with masks, by the catalog, where no other table in the path has the name; anything else is `not_only`.',
    ),
  text: z
    .string()
    .min(1)
    .max(textPatternCharactersMax)
    .optional()
    .describe('RE2 pattern on the text, the last resort: comments and quoting get round it.'),
  values: z
    .array(z.string().min(1))
    .min(1)
    .max(listEntriesMax)
    .optional()
    .describe(`Mask rules only: detectors on content. Built in: ${detectorNames.join(', ')}.`),
  probes: patterns
    .optional()
    .describe(
      'Masked columns of which the statement learns without showing them (WHERE, JOIN, ORDER BY, ...): as `columns`. With `how` and no other key.',
    ),
  how: z
    .enum(['equality', 'any'])
    .optional()
    .describe(
      'Beside `probes`. `equality`: nothing but the bare column compared by `=` with parameters or literals. Default: any.',
    ),
  copies: patterns
    .optional()
    .describe('Masked columns whose values the statement puts elsewhere: as `columns`. No other key.'),
  unreadable: z
    .literal(true, { error: 'can only be true' })
    .optional()
    .describe(
      'Code that the gate cannot read and that may do anything with masked columns (DO, CREATE TRIGGER, ...). No other key.',
    ),
});

export const approversSchema = z.strictObject({
  groups: z.array(z.string().min(1)).min(1).max(listEntriesMax).describe('Groups whose members can approve.'),
  needed: z.int().min(1).max(10).optional().describe('How many of them; 1 if not given.'),
});

export const budgetSchema = z.strictObject({
  statements: z
    .int()
    .min(1)
    .max(budgetStatementsMax)
    .describe('How many statements of one user the rule lets through.'),
  per: z
    .enum(['minute', 'hour', 'day'])
    .describe('Length of the window, which begins with the first of these statements.'),
});

export const ruleSchema = z.strictObject({
  id: name.describe('Unique in the file. The rule is known as `policy/id`.'),
  match: matchSchema.describe('Every key given must hold; within a key, any entry.'),
  action: z.enum(['allow', 'approve', 'block', 'mask']).describe('What to do with what matches.'),
  with: maskSchema.optional().describe('The mask, for action `mask`.'),
  approvers: approversSchema.optional().describe('Who can approve, for action `approve`.'),
  message: z
    .string()
    .min(1)
    .max(messageCharactersMax)
    .optional()
    .describe('What the client is told. Write how to do it right.'),
  applies_to: appliesToSchema.optional().describe('Narrows the policy for this rule; both must hold.'),
  budget: budgetSchema
    .optional()
    .describe('For action `allow` on `probes`: how often. Used up, the rule matches nothing until the window is over.'),
});

export const detectorSchema = z.strictObject({
  name: z
    .string()
    .regex(nameFormat, nameText)
    .describe('For `match.values`; unique over all files, not a built-in name.'),
  pattern: z.string().min(1).max(textPatternCharactersMax).describe('RE2 syntax. Must not match the empty string.'),
});

export const policySchema = z.strictObject({
  name: name.describe('Unique over all files.'),
  applies_to: appliesToSchema.optional().describe('Every key given must hold. Absent: everyone, everywhere.'),
  mode: z
    .enum(['enforce', 'observe'])
    .optional()
    .describe('`observe`: decide and record, change nothing. Default: enforce.'),
  default: z
    .enum(['allow', 'block'])
    .optional()
    .describe(
      'For statements that no rule matches. The strictest of the policies that apply wins; absent: this policy has no opinion. If no policy has one, the statement is blocked.',
    ),
  detectors: z.array(detectorSchema).max(listEntriesMax).optional().describe('Own detectors, usable in every file.'),
  safe_functions: z
    .array(z.string().regex(functionFormat, 'not `name` or `schema.name`, without quotes and `*`'))
    .max(listEntriesMax)
    .optional()
    .describe(
      'Functions whose result may be shown although an argument is masked, in every policy. You vouch for them: see below. Without a schema: built in.',
    ),
  rules: z.array(ruleSchema).max(listEntriesMax).optional().describe('Their order does not matter.'),
});

export type RawRule = z.infer<typeof ruleSchema>;
export type RawMatch = z.infer<typeof matchSchema>;
export type RawAppliesTo = z.infer<typeof appliesToSchema>;
export type RawMask = z.infer<typeof maskSchema>;
