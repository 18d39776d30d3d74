/** Mask rules for the benches of this folder: one column is masked, as in the sample shop. */
import type { MaskRules } from '../src/facts.ts';

export const ssnRules: MaskRules = {
  columns: [{ rule: 'p/ssn', schema: '*', table: 'customers', column: 'ssn', mask: { kind: 'redact' } }],
  values: [],
  customDetectors: [],
  safeFunctions: [],
  sealed: true,
};
