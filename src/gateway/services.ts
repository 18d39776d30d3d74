/** What the gate does for its sessions. */
import { randomBytes } from 'node:crypto';
import type { FileSink } from '../audit/fileSink.ts';
import { SessionRecorder } from '../audit/sessionAudit.ts';
import type { Config } from '../config/config.ts';
import { reportBug } from '../errors.ts';
import type { IdentityStore } from '../identity/identity.ts';
import type { Lanes } from '../lanes/lanes.ts';
import { ProbeBudgets } from '../policy/budgets.ts';
import type { PolicySet } from '../policy/compile.ts';
import type { PolicyDigests } from '../policy/load.ts';
import { gatePermit } from '../policy/permit.ts';
import { strongerMask } from '../policy/strength.ts';
import type { Protocol, Services } from '../protocols/protocol.ts';
import { formatVerifier } from '../scram/verifier.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { dial } from './dial.ts';
import type { GateMasker } from './masker.ts';
import type { OpenTarget } from './targets.ts';
import type { Timers } from './timers.ts';
import type { UnmatchedMasks } from './unmatchedMasks.ts';

/** What changes while the gate runs. */
export interface State {
  policies: PolicySet;
  /** What `policies` were read from. */
  files: PolicyDigests;
  phase: 'starting' | 'accepting' | 'draining';
}

export interface ServiceParts {
  /** Whose sessions are served. */
  readonly protocol: Protocol;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly audit: FileSink;
  readonly masker: GateMasker;
  readonly lanes: Lanes;
  readonly hashKey: Uint8Array;
  readonly identities: IdentityStore;
  readonly targets: ReadonlyMap<string, OpenTarget>;
  readonly state: State;
  readonly timers: Timers;
  readonly unmatched: UnmatchedMasks;
}

export function composeServices(parts: ServiceParts): Services {
  const { protocol, config, log, metrics, audit, state, targets } = parts;
  // They outlive a change of the policies, so that editing a file gives nobody a new allowance.
  const budgets = new ProbeBudgets(() => performance.now());
  return {
    limits: {
      messageBytesMax: config.limits.messageBytes,
      statementBytesMax: config.limits.statementBytes,
      statementInlineBytes: config.limits.statementInlineBytes,
      analysisMs: config.limits.analysisMs,
      authenticationMs: config.limits.authenticationMs,
      startupBytesMax: config.limits.startupBytes,
      catalogProbeMs: config.masking.catalogProbeMs,
    },
    log,
    masker: parts.masker,
    // Whoever asks for no threads gets none. Where `auto` finds a single processor, a thread still keeps others from waiting.
    heavy: config.workers === 0 ? null : (task, payload, timeoutMs) => parts.lanes.runHeavy(task, payload, timeoutMs),
    hashKey: parts.hashKey,
    strongerMask,
    tlsRequired: config.listen.postgres.tls?.required ?? false,
    gatePermit: gatePermit(),
    get policyVersion() {
      return state.policies.version;
    },
    countersFor: (connection) => metrics.connection(connection),
    findUser: (name) => {
      const known = parts.identities.find(name);
      return known === null ? null : { identity: known.identity, verifier: formatVerifier(known.verifier) };
    },
    findTarget: (name) => targets.get(name)?.target ?? null,
    dial: async (target, preamble) => {
      const known = targets.get(target.info.name);
      if (known === undefined) throw new Error(`no target for connection ${target.info.name}`);
      const wire = await dial(known.dial, preamble, config.limits.dialMs);
      if ('code' in wire) {
        metrics.connection(target.info.name).dialFailures++;
        metrics.connection(target.info.name).targetUp = 0;
        log.warn({ connection: target.info.name, detail: wire.detail }, 'the target cannot be reached');
        return wire;
      }
      // A session sets its own; what is left are the gate's own readings.
      wire.onBug = (error) => {
        log.error({ bug: reportBug(error), connection: target.info.name }, 'a connection to a target ended by a bug');
        wire.destroy();
      };
      return wire;
    },
    onTargetLogin: (connection, fault) => {
      const counters = metrics.connection(connection);
      counters.targetUp = fault === null ? 1 : 0;
      if (fault === null) return;
      counters.dialFailures++;
      log.warn({ connection, code: fault.code, detail: fault.detail }, 'the gate cannot log in at the target');
    },
    decideTime: metrics.gate.decide,
    policyFor: (identity, connection) => state.policies.forSession(identity, connection, budgets),
    openAudit: (user, identity, connection, client) => {
      const facts = { protocol: protocol.name, clientAddress: client.peer, groups: identity?.groups ?? [] };
      // A login that was refused proves neither name; the record says so by its event.
      return new SessionRecorder(audit, { ...facts, user, connection, proven: identity !== null });
    },
    catalogRead: (connection, columns) =>
      parts.unmatched.catalogRead({ connection, labels: targets.get(connection)?.target.info.labels ?? {}, columns }),
    every: (ms, task) => parts.timers.every(ms, task),
    nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    random: (count) => new Uint8Array(randomBytes(count)),
  };
}
