/**
 * The verdict on what a client is about to run: the policy's decision on the facts of the statements, joined with its
 * judgement of what they do with masked columns (masks/maskedUse.ts), which hangs on the catalog and on what names mean now.
 */
import type { Fault } from '../../../errors.ts';
import type { ColumnName, Decision, MaskedUse } from '../../../facts.ts';
import type { Doubt } from '../catalog/doubted.ts';
import type { Conversation } from './conversation.ts';
import { cancelledFault } from '../masks/distant.ts';
import { changesPath, endsTransaction, pathSetBy } from './effects.ts';
import { changesStatements, withExecuted } from './executed.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Expected } from './expected.ts';
import type { Foresight } from '../masks/foresight.ts';
import { looksMasked, mayBeMask } from '../masks/maskedUse.ts';
import type { GivenToMasked } from '../masks/maskedUse.ts';
import { MessageEncoding, openedBefore } from './messageEncoding.ts';
import { misreadingFault, misspelled, namesAreAscii } from './misreading.ts';
import { changesEncoding, hiddenMoves, isQuiet, isUnknownCursor, movesOf } from './moves.ts';
import type { OwnQueries } from './ownQueries.ts';
import type { Portal, PreparedStatement } from './prepared.ts';
import { isFault } from './refusals.ts';
import type { TurnAsked } from './sessionTurns.ts';
import { addsTable, changesNames, type RunMoves, still } from './statementRun.ts';
import { asTemporary, mayBeTemporary } from '../facts/temporaryTables.ts';
import { ParameterTexts } from './parameterTexts.ts';
import type { BindMessage } from '../wire/frontend.ts';
import { type ByteString, nameKeyOfText } from '../wire/text.ts';

export class Verdicts {
  readonly #conversation: Conversation;
  readonly #own: OwnQueries;
  #reading = false;
  /** Why the flow of a long statement in the held message could not be found out. */
  #fault: Fault | null = null;
  #fetching: object | null = null;
  /** The command behind which the target was asked for its answers. */
  #askedBehind: Expected | null = null;
  readonly #encoding: MessageEncoding;
  /** Of the message that was judged last; null: none of its statements makes anything that another uses. */
  foresight: Foresight | null = null;
  /** Of the same message: what others must not change, or wait for, while it runs. */
  turn: TurnAsked | null = null;
  /** Of the same message: whether names mean the same behind it. */
  moves: RunMoves = still;
  /** A verdict that had to wait can be asked for again; set by the session. */
  onRelease: () => void = () => {};

  constructor(conversation: Conversation, own: OwnQueries) {
    this.#conversation = conversation;
    this.#own = own;
    this.#encoding = new MessageEncoding(conversation);
  }

  /** Of the message that was judged last: its rows were judged as such that may fail to be converted. */
  get converts(): boolean {
    return this.#encoding.converts;
  }

  /** What runs, in order: these statements, and before each those that it executes by name. */
  running(statements: readonly AnalyzedStatement[]): readonly AnalyzedStatement[] {
    return this.#running(statements, (statement) => statement);
  }

  /** The same for a simple query, between whose statements no message can change what names mean. */
  runningQuery(statements: readonly AnalyzedStatement[]): readonly AnalyzedStatement[] {
    return this.#running(statements, (one, mayDiffer) => withExecuted(this.#conversation, one, mayDiffer));
  }

  #running(
    statements: readonly AnalyzedStatement[],
    read: (statement: AnalyzedStatement, mayDiffer: boolean) => AnalyzedStatement,
  ): readonly AnalyzedStatement[] {
    if (statements.every(({ executes }) => executes.length === 0)) return statements;
    const running: AnalyzedStatement[] = [];
    const prepared = new Map<ByteString, AnalyzedStatement>();
    let mayDiffer = false;
    for (const statement of statements) {
      for (const name of statement.executes) {
        const inner = this.#meaningOf(nameKeyOfText(name), prepared);
        if (inner !== null) running.push(inner);
      }
      running.push(read(statement, mayDiffer));
      const { session } = statement;
      if (session.kind === 'prepare') prepared.set(nameKeyOfText(session.name), session.inner);
      mayDiffer ||= changesStatements.has(session.kind);
    }
    return running;
  }

  /** Decision on the facts alone. */
  decide(running: readonly AnalyzedStatement[]): Decision {
    return this.#conversation.policy().decide(running);
  }

  /**
   * The same with what is known just now: perhaps all that the statement changes are the session's own temporary tables.
   * `wait`: as for {@link judge}.
   */
  decideNow(running: readonly AnalyzedStatement[]): Decision | 'wait' {
    const decided = this.decide(running);
    const { masks } = this.#conversation;
    if (decided.permit !== null || !masks.active || running.length !== 1 || !mayBeTemporary(running[0])) return decided;
    if (!masks.certainNow)
      return this.#own.asking || this.answersCome() || this.#own.askForCatalog() ? 'wait' : decided;
    const index = masks.certainIndex;
    if (index === null) return this.#readCatalog();
    const { path } = masks.meanings;
    const own = path === null ? null : asTemporary(running[0], index.catalog, path);
    return own === null ? decided : this.decide([own]);
  }

  /** Why the target must not prepare the statements: it reads their names now, however they are spelt when they are run. */
  refusesNames(statements: readonly AnalyzedStatement[]): Fault | null {
    const { active, encoding } = this.#conversation.masks;
    return active && encoding.misspells && !statements.every(namesAreAscii) ? misspelled : null;
  }

  /** The verdict on one run of a prepared statement. `bind`: where its parameters stand; null: they are not known any more. */
  judgeRun(prepared: PreparedStatement, bytes: Uint8Array, bind: BindMessage | null): Decision | Fault | 'wait' {
    this.#distrustOldPlan(prepared);
    const running = this.running(prepared.statements);
    // A table that was the session's own when it was prepared need not be any more.
    const isShort = running.length === 1 && prepared.mayBeTemporary;
    const decided = isShort ? this.decideNow(running) : this.decideAgain(prepared);
    if (decided === 'wait') return decided;
    const given = bind !== null && running.length === 1 && prepared.textParameters && setsAny(running[0]);
    const parameters = given ? new ParameterTexts(bytes, bind) : null;
    return this.judge(decided, running, parameters?.allAreTexts === true ? parameters : null);
  }

  /** The decision on what is left of a portal's rows. */
  judgeRest(portal: Portal): Decision | Fault {
    if (this.#conversation.masks.encoding.converts && !portal.converts) return openedBefore;
    return this.decideAgain(portal.prepared);
  }

  /** The decision on a prepared statement, taken again after a change of policy. */
  decideAgain(prepared: PreparedStatement): Decision {
    const { statement } = prepared;
    const policy = this.#conversation.policy();
    // A name that it executes may mean another statement by now.
    if (prepared.policyVersion !== policy.version || (statement !== null && statement.executes.length > 0)) {
      prepared.decision = this.decide(this.running(prepared.statements));
      prepared.policyVersion = policy.version;
    }
    return prepared.decision;
  }

  /**
   * `decision` joined with the judgement of one run. `wait`: what names mean is not known yet and soon will be; ask again
   * after {@link onRelease} or after the next answer of the target. A fault refuses the statement.
   *
   * @param parameters of the only statement; null: not known, or not surely texts.
   */
  judge(
    decision: Decision,
    running: readonly AnalyzedStatement[],
    parameters: ParameterTexts | null = null,
  ): Decision | Fault | 'wait' {
    const isActive = this.#conversation.masks.active;
    this.turn = null;
    this.moves = still;
    const quietly = isActive && running.length === 1 ? this.#judgeQuiet(decision, running[0]) : null;
    if (quietly === null && isActive) this.moves = movesOf(this.#conversation, running);
    const judged = quietly ?? this.#judge(decision, running, parameters);
    if (judged === 'wait' || isFault(judged) || judged.permit === null || !isActive) return judged;
    this.turn = this.#conversation.turns.ask(this.#conversation, running);
    const fault = this.#conversation.turns.admit(this.turn, this.onRelease);
    return fault ?? judged;
  }

  /** What nearly every statement is: alone, quiet, and among names that are known. null: it is not. */
  #judgeQuiet(decision: Decision, statement: AnalyzedStatement): Decision | null {
    const { masks } = this.#conversation;
    if (this.#fault !== null || masks.encoding.misspells || !masks.certainNow || !isQuiet(statement)) return null;
    const found = masks.useOf(statement, true);
    if (found === 'refresh' || !masks.noMovers) return null;
    this.foresight = null;
    this.#encoding.begin(true);
    if (found.use === null || decision.outcome === 'block') return decision;
    const policy = this.#conversation.policy();
    return policy.both(decision, policy.judge(found.use));
  }

  #judge(
    decision: Decision,
    running: readonly AnalyzedStatement[],
    parameters: ParameterTexts | null,
  ): Decision | Fault | 'wait' {
    const { masks } = this.#conversation;
    this.foresight = null;
    this.#encoding.begin(running.length === 1);
    if (this.#fault !== null) return this.#fault;
    if (!masks.active || decision.outcome === 'block') return decision;
    let foresight: Foresight | null = null;
    const sure = masks.certainNow;
    let certain = sure;
    let doubt: Doubt = sure ? 'new_tables' : 'any';
    let pathBehind: string | null = null;
    // A BEGIN stands in front in the same message, so that SET LOCAL has an effect.
    let inBlock = false;
    let uses: MaskedUse[] | null = null;
    let missing = false;
    // What long texts make, or read of it, cannot be foreseen: their trees are elsewhere.
    const isDistant = running.some(({ distant }) => distant !== null);
    for (const statement of running) {
      // A message is converted as a whole, before any of it may change the encoding.
      const misread = misreadingFault(statement, masks.encoding.misspells, parameters);
      if (misread !== null) return misread;
      // The statement behind the name stands in `running` itself, and was judged when it was prepared.
      if (statement.session.kind === 'execute') continue;
      if (isUnknownCursor(this.#conversation, statement, running) && this.#askForAnswers()) return 'wait';
      const found =
        (certain ? foresight?.useOf(statement) : null) ??
        (pathBehind === null ? masks.useOf(statement, certain, doubt) : masks.useBehind(statement, pathBehind));
      // maskWritten will ask for it with the names of now.
      if (statement.distant !== null && masks.useOf(statement, sure) === 'refresh') missing = true;
      // What more is missing is asked for at once.
      if (found === 'refresh') missing = true;
      else if (found.use !== null) (uses ??= []).push(found.use);
      // What stands behind it in the same message is run with other names, or its rows are sent in another encoding.
      const isAlone = running.length === 1;
      const isMoved = !isAlone && hiddenMoves(this.#conversation, statement, running) !== 'nothing';
      const recodes = isAlone ? this.moves.encoding : isMoved || changesEncoding(this.#conversation, statement);
      const asStated = certain && pathBehind === null && foresight === null;
      const told = this.#encoding.judge(statement, recodes, asStated);
      if (told === 'opened_before') return openedBefore;
      if (told === 'refresh') missing = true;
      else if (told !== null) (uses ??= []).push(told);
      if (isAlone) break;
      const isNew = foresight !== null;
      inBlock = begins(statement) || (inBlock && !endsTransaction(statement));
      const path = certain && !isNew && !isMoved ? pathSetBy(statement, inBlock) : null;
      if (path !== null) pathBehind = path;
      else if (isMoved || changesPath(statement) || this.#takesBack(statement, pathBehind !== null || isNew)) {
        doubt = 'any';
        certain = false;
      } else if (changesNames(statement)) {
        // Behind a path that was set, a new table may hide another, and only its own name is sure.
        if (pathBehind !== null || !addsTable(statement)) doubt = 'any';
        if (pathBehind !== null || isDistant) certain = false;
        if (certain) this.foresight = foresight ??= masks.foresee();
        certain &&= foresight?.follow(statement) === true;
      }
      if (!certain) pathBehind = null;
    }
    if (missing) return masks.flows.wanted ? this.#fetchFlows() : this.#readCatalog();
    // Also of what is harmless the rows are judged later, by the catalog that is known then.
    const matters = uses !== null || running.some(({ objects }) => objects.length > 0);
    const answered = masks.movesAhead > 0 ? this.#askForAnswers() : this.answersCome();
    if (!sure && matters && (answered || this.#own.asking || this.#own.askForCatalog())) return 'wait';
    if (uses === null) return decision;
    const policy = this.#conversation.policy();
    let judged = decision;
    for (const use of uses) judged = policy.both(judged, policy.judge(use));
    return judged;
  }

  /**
   * A masked column into which one of the statements writes what only a mask of this gate can look like: a client that
   * saw the mask would overwrite the value with it. `bind`: where parameters stand, null without any.
   */
  maskWritten(running: readonly AnalyzedStatement[], bytes: Uint8Array, bind: BindMessage | null): ColumnName | null {
    const { masks } = this.#conversation;
    if (!masks.active) return null;
    let parameters: ParameterTexts | null = null;
    for (const statement of running) {
      const found = masks.useOf(statement, masks.certainNow);
      if (found === 'refresh' || found.given.length === 0) continue;
      const literals = found.given.some(({ given }) => given.kind === 'literal');
      // Statements of one shape share their flow, but not their literals; a distant one is alone in its shape.
      const given = literals && statement.distant === null ? masks.givenBy(statement) : found.given;
      if (bind !== null) parameters ??= new ParameterTexts(bytes, bind);
      const written = given.find((one) => isMask(one, parameters));
      if (written !== undefined) return written.column;
    }
    return null;
  }

  /** Whether the target will have answered all that was sent without another message from the client. */
  answersCome(): boolean {
    const { expected } = this.#conversation;
    const last = expected.length === 0 ? null : expected.at(expected.length - 1);
    return last !== null && (last.endsWithSync || last.kind === 'query');
  }

  /** Whether it is asked for just now what names mean. */
  get namesCome(): boolean {
    const { masks } = this.#conversation;
    return masks.active && masks.meanings.path === null && this.answersCome();
  }

  /** Whether what was sent will be answered: of commands without a Sync behind them the target keeps its answers until it is asked. */
  #askForAnswers(): boolean {
    if (this.answersCome()) return true;
    const { expected } = this.#conversation;
    if (expected.length === 0 || expected.skipping) return false;
    const last = expected.lastCommand;
    if (last !== this.#askedBehind) this.#conversation.askForAnswers();
    this.#askedBehind = last;
    return true;
  }

  /** The statement that a name means: prepared earlier in the same batch, or in the session. */
  #meaningOf(key: ByteString, before: ReadonlyMap<ByteString, AnalyzedStatement>): AnalyzedStatement | null {
    const own = before.get(key);
    if (own !== undefined) return own;
    const prepared = this.#conversation.statements.get(key);
    if (prepared !== undefined) this.#distrustOldPlan(prepared);
    return prepared?.statement ?? null;
  }

  /** A plan that the target keeps is made anew when a table is changed, but not when another one comes to stand in front of it. */
  #distrustOldPlan({ madeUnder }: PreparedStatement): void {
    const { masks } = this.#conversation;
    if (masks.active && madeUnder !== masks.names) masks.meanings.onMoved();
  }

  /** Whether a path or a change of the schema that was set before may be gone once the statement has run. */
  #takesBack(statement: AnalyzedStatement, pathSet: boolean): boolean {
    const { pathTouched, roleTouched, schemaTouched } = this.#conversation;
    return endsTransaction(statement) && (pathSet || pathTouched || roleTouched || schemaTouched);
  }

  /** The held message has been dealt with. */
  settle(): void {
    this.#fault = null;
    this.#conversation.turns.stopWaiting();
  }

  #fetchFlows(): 'wait' {
    const conversation = this.#conversation;
    if (conversation.analysing) return 'wait';
    conversation.analysing = true;
    const fetching = {};
    this.#fetching = fetching;
    conversation.follow(conversation.masks.flows.fetch(), (fault) => this.#release(fetching, fault));
    return 'wait';
  }

  /** The message that waits for flows can be judged, or refused, unless it was cancelled. */
  #release(fetching: object, fault: Fault | null): void {
    if (this.#fetching !== fetching || this.#conversation.ended) return;
    this.#fetching = null;
    this.#conversation.analysing = false;
    this.#fault = fault;
    this.onRelease();
  }

  /** As {@link StatementTexts.cancel}, of what waits for flows. */
  cancel(): boolean {
    if (this.#conversation.expected.length > 0) return false;
    if (this.#conversation.turns.waiting) {
      this.#fault = cancelledFault;
      this.onRelease();
      return true;
    }
    if (this.#fetching === null) return false;
    this.#release(this.#fetching, cancelledFault);
    return true;
  }

  #readCatalog(): 'wait' {
    if (this.#reading) return 'wait';
    this.#reading = true;
    const conversation = this.#conversation;
    conversation.follow(conversation.masks.readCatalog(), (fault) => {
      this.#reading = false;
      if (conversation.ended) return;
      if (fault === null) this.onRelease();
      else conversation.fail(fault);
    });
    return 'wait';
  }
}

function setsAny({ settings }: AnalyzedStatement): boolean {
  return settings.length > 0;
}

function begins({ session }: AnalyzedStatement): boolean {
  return session.kind === 'transaction' && session.command === 'begin';
}

function isMask({ mask, given }: GivenToMasked, parameters: ParameterTexts | null): boolean {
  if (given.kind === 'literal') return mayBeMask(mask, given.text);
  const text = parameters?.text(given.number) ?? null;
  return text !== null && looksMasked(mask, text);
}
