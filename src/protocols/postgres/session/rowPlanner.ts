/** How the rows that come now are masked: checked against what the target really runs, and planned when the first comes. */
import type { Fault } from '../../../errors.ts';
import type { MaskPlan } from '../../../masking/plan.ts';
import type { Conversation } from './conversation.ts';
import type { Expected } from './expected.ts';
import { isIndirect } from './prepared.ts';
import type { Shape } from './prepared.ts';
import { rowSourceOf } from './rowSource.ts';
import type { StatementRun } from './statementRun.ts';
import { Backend, clientFault } from '../wire/wire.ts';

const misnamed = clientFault('a name means another statement to the target than the messages before it said');

export class RowPlanner {
  readonly #conversation: Conversation;
  /** What the current wait is for. */
  #until: Promise<Fault | null> | null = null;
  /** Rows come as CopyData. */
  copyOut = false;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  /** Plan for rows of this message type; null: they pass or are the gate's own; undefined: nobody asked for them. */
  planFor(type: number): MaskPlan | null | 'wait' | undefined {
    const { masks, expected } = this.#conversation;
    const { front } = expected;
    if (front === null || !returnsRows(front)) return undefined;
    if ((type === Backend.CopyData) !== this.copyOut) return undefined;
    if (front.own) return null;
    const { run } = front;
    if (run === null) return undefined;
    if (!this.#verified(front)) {
      this.misnamed();
      return undefined;
    }
    if (run.planned && run.planVersion === masks.version) return run.plan;
    if (!masks.active) run.usePlan(null, masks.version);
    else {
      // A result that goes on under a newer policy or catalog is planned anew from the shape that it came with.
      if (front.portal === null && run.shape === null) return undefined;
      const shape = front.portal === null ? (run.shape ?? []) : masks.shapeOf(front.portal, run);
      const planned = this.plan(front, run, shape);
      if (planned === 'wait') return 'wait';
      run.usePlan(planned, masks.version);
    }
    return run.plan;
  }

  /** `wait`: see {@link whenReady}. */
  plan(front: Expected, run: StatementRun, shape: Shape): MaskPlan | null | 'wait' {
    const source = rowSourceOf(this.#conversation, run.current, front.portal);
    const planned = this.#conversation.masks.plan(run, source, shape, front.portal);
    if (planned !== 'refresh') return planned;
    this.refresh();
    return 'wait';
  }

  /** The catalog must be read before anything can be planned. */
  refresh(): void {
    this.#until = this.#conversation.masks.refresh();
  }

  /** Calls back when what the current wait is for has come; a fault ends the session instead. */
  whenReady(goOn: () => void): void {
    const until = this.#until ?? Promise.resolve(null);
    this.#until = null;
    this.#conversation.follow(until, (fault) => {
      if (fault !== null) this.#conversation.fail(fault);
      goOn();
    });
  }

  /** A client can make the gate expect another statement under a name than the target holds; that ends the session. */
  misnamed(): void {
    this.#conversation.fail(misnamed);
  }

  /** Once for each Execute, before any of its rows: the target runs the portal that the gate thinks it runs. */
  #verified(front: Expected): boolean {
    const { portal } = front;
    if (front.verified || portal === null) return true;
    front.verified = true;
    const { heldPortals, masks } = this.#conversation;
    if (heldPortals.get(portal.name) !== portal) return false;
    if (!masks.active || !isIndirect(portal.prepared.statement) || portal.lineage !== null) return true;
    return rowSourceOf(this.#conversation, portal.prepared.statement, portal).statement === portal.source;
  }
}

/** A statement is being run, and not just bound or described. */
export function returnsRows({ kind }: Expected): boolean {
  return kind === 'query' || kind === 'execute';
}
