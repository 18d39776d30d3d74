/**
 * Warns of mask rules that name no column of a connection. A typing mistake there masks nothing and would be found by
 * whoever sees the data; yet it is no error, since a migration may add the table later.
 */
import { unmatchedMasks } from '../policy/catalogNames.ts';
import type { NameParts } from '../policy/catalogNames.ts';
import type { PolicySet } from '../policy/compile.ts';
import type { Log } from '../protocols/protocol.ts';

interface KnownCatalog {
  readonly connection: string;
  readonly labels: Readonly<Record<string, string>>;
  /** schema, table and column of each, as the target has them now. */
  readonly columns: () => readonly NameParts[];
}

export class UnmatchedMasks {
  readonly #log: Log;
  readonly #onBug: (error: unknown) => void;
  readonly #catalogs = new Map<string, KnownCatalog>();
  #set: PolicySet;

  constructor(set: PolicySet, log: Log, onBug: (error: unknown) => void) {
    this.#set = set;
    this.#log = log;
    this.#onBug = onBug;
  }

  /** Called after every reading; only the first of a connection counts until the policies change. */
  catalogRead(known: KnownCatalog): void {
    if (this.#catalogs.has(known.connection)) return;
    this.#catalogs.set(known.connection, known);
    this.#look(known);
  }

  policiesChanged(set: PolicySet): void {
    this.#set = set;
    for (const known of this.#catalogs.values()) this.#look(known);
  }

  #look(known: KnownCatalog): void {
    this.#check(known).catch(this.#onBug);
  }

  /** One policy a turn: a large catalog takes its time, and sessions must not wait for it. */
  async #check({ connection, labels, columns }: KnownCatalog): Promise<void> {
    const set = this.#set;
    const names = { connection, labels, columns: columns() };
    for (const { policy } of set.policies) {
      await new Promise((resolve) => setImmediate(resolve));
      if (set !== this.#set) return;
      for (const { rule, pattern, meant } of unmatchedMasks([policy], names)) {
        const place = `${rule.at.file}:${rule.at.line}`;
        this.#log.warn(
          { connection, rule: rule.id, place, pattern, nearest: meant },
          'a mask rule names no column of this connection, so it masks nothing there',
        );
      }
    }
  }
}
