/** The turns of one session among others at the same target: see catalog/schemaTurns.ts. */
import type { Fault } from '../../../errors.ts';
import type { Services } from '../../protocol.ts';
import type { Conversation } from './conversation.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Footprint, Footprints } from '../catalog/footprints.ts';
import { type SchemaTurns, type Turn, turnWaitMs } from '../catalog/schemaTurns.ts';
import type { StatementRun } from './statementRun.ts';

export interface TurnAsked extends Turn {
  /** null: it changes nothing that has a name. */
  readonly changed: Footprint | null;
}

const changingFault: Fault = {
  code: 'BG_SCHEMA_BUSY',
  detail: 'another session is changing what this statement uses, and has not committed',
};
const usedFault: Fault = {
  code: 'BG_SCHEMA_BUSY',
  detail: 'a statement of another session that is still running uses what this one changes',
};

export class SessionTurns {
  readonly #turns: SchemaTurns;
  readonly #every: Services['every'];
  readonly #owner = {};
  readonly #asked = new WeakMap<Footprints, TurnAsked | null>();
  /** Cursors that were declared, until the transaction ends. */
  readonly #cursors = new Set<Turn>();
  /** The one that ended last. It is kept on the list of all sessions, so that running it again changes nothing there. */
  #last: Turn | null = null;
  #gone = false;
  /** Ends the wait of the message that is held; null: none waits for its turn. */
  #stop: (() => void) | null = null;
  #late = false;
  /** The session has ended, and the target may still be at what was sent. */
  #left = false;

  constructor(turns: SchemaTurns, services: Pick<Services, 'every'>) {
    this.#turns = turns;
    this.#every = (ms, task) => services.every(ms, task);
  }

  get waiting(): boolean {
    return this.#stop !== null;
  }

  /** null: the statements hang on nothing that others could change, and change nothing of theirs. */
  ask(conversation: Conversation, running: readonly AnalyzedStatement[]): TurnAsked | null {
    const footprints = conversation.masks.footprintsOf(running);
    let asked = this.#asked.get(footprints);
    if (asked === undefined) this.#asked.set(footprints, (asked = this.#askedOf(footprints, conversation, running)));
    return asked;
  }

  #askedOf(
    { used, changed }: Footprints,
    conversation: Conversation,
    running: readonly AnalyzedStatement[],
  ): TurnAsked | null {
    if (used.length === 0 && changed === null) return null;
    const relies = (): boolean => running.some((statement) => reliesOnNames(conversation, statement));
    const declares = running.some(({ session }) => session.kind === 'declare');
    return { owner: this.#owner, footprints: used, changed, relies, declares, runs: 0 };
  }

  /** null: it may be sent. `wait`: `release` is called when it may be asked again. */
  admit(asked: TurnAsked | null, release: () => void): Fault | 'wait' | null {
    const fault = asked === null ? null : this.#against(asked);
    if (fault === null) return null;
    if (this.#late) return fault;
    this.#wait(release);
    return 'wait';
  }

  #against({ footprints, changed, relies }: TurnAsked): Fault | null {
    if (this.#turns.isChanging(this.#owner, footprints) && relies()) return changingFault;
    return changed !== null && this.#turns.isUsed(this.#owner, changed) ? usedFault : null;
  }

  #wait(release: () => void): void {
    if (this.#stop !== null) return;
    // In a turn of its own: whoever wakes it is another session.
    const stopWaiting = this.#turns.wait(() => queueMicrotask(release));
    const stopTimer = this.#every(turnWaitMs, () => {
      this.#late = true;
      stopTimer();
      release();
    });
    this.#stop = () => {
      stopWaiting();
      stopTimer();
    };
  }

  /** The message has been dealt with, or never will be. */
  stopWaiting(): void {
    this.#stop?.();
    this.#stop = null;
    this.#late = false;
  }

  begin(run: StatementRun, asked: TurnAsked): void {
    if (asked.footprints.length > 0) {
      run.turn = asked;
      this.#turns.beginTurn(asked);
    }
    if (asked.changed !== null) this.#turns.beginChange(this.#owner, asked.changed);
  }

  end(run: StatementRun): void {
    const { turn } = run;
    if (turn === null) return;
    run.turn = null;
    // What a cursor calls is called when it is read; one of its runs is enough to keep it on the list.
    const keeps = (turn.declares || this.#left) && !this.#cursors.has(turn);
    if (keeps) this.#cursors.add(turn);
    else this.#end(turn);
  }

  #end(turn: Turn): void {
    this.#turns.endTurn(turn);
    if (this.#gone) this.#turns.forget(turn);
    if (this.#gone || turn === this.#last) return;
    this.#forgetLast();
    this.#last = turn;
  }

  #forgetLast(): void {
    if (this.#last !== null) this.#turns.forget(this.#last);
    this.#last = null;
  }

  /** The transaction has ended, and nothing is owed. */
  settle(): void {
    if (this.#cursors.size > 0) {
      for (const turn of this.#cursors) this.#end(turn);
      this.#cursors.clear();
    }
    this.#turns.endChanges(this.#owner);
  }

  /** The session ends. A server goes on with what it has begun, and does not say when it is done. */
  leave(owed: boolean): void {
    this.stopWaiting();
    this.#left = owed;
    if (!owed) return this.#leaveNow();
    const stop = this.#every(turnWaitMs, () => {
      stop();
      this.#leaveNow();
    });
  }

  #leaveNow(): void {
    this.settle();
    this.#forgetLast();
    this.#gone = true;
  }
}

/** Whether there would be anything for policy to judge if the names in it meant other things. */
function reliesOnNames(conversation: Conversation, statement: AnalyzedStatement): boolean {
  if (statement.session.kind === 'fetch') return true;
  const found = conversation.masks.useOf(statement, false);
  return found === 'refresh' || found.use !== null;
}
