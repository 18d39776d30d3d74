/**
 * The gate as a whole: opens everything that the configuration names, in order, and closes it in the reverse one.
 *
 *     secrets -> identities -> hash key -> policies -> audit -> slab and lanes -> listeners -> control port
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { FileSink } from '../audit/fileSink.ts';
import { SessionRecorder } from '../audit/sessionAudit.ts';
import { Slab } from '../bytes/slab.ts';
import { laneCount } from '../config/config.ts';
import type { Config } from '../config/config.ts';
import { openControl } from '../control/control.ts';
import type { Control } from '../control/control.ts';
import { openHashKey } from '../credentials/hashKey.ts';
import { Secret } from '../credentials/secret.ts';
import { openSecrets } from '../credentials/secrets.ts';
import type { Secrets } from '../credentials/secrets.ts';
import { reportBug } from '../errors.ts';
import { openIdentity } from '../identity/identity.ts';
import type { IdentityStore } from '../identity/identity.ts';
import { openLanes } from '../lanes/lanes.ts';
import type { LaneEvent, Lanes } from '../lanes/lanes.ts';
import { ProbeBudgets } from '../policy/budgets.ts';
import type { PolicySet } from '../policy/compile.ts';
import { loadPolicies } from '../policy/load.ts';
import { gatePermit } from '../policy/permit.ts';
import { strongerMask } from '../policy/strength.ts';
import { formatFault } from '../policy/types.ts';
import { watchPolicies } from '../policy/watch.ts';
import type { PolicyWatch } from '../policy/watch.ts';
import { protocolByName } from '../protocols/index.ts';
import type { Services, Target } from '../protocols/protocol.ts';
import { formatVerifier } from '../scram/verifier.ts';
import type { Log } from '../telemetry/log.ts';
import { openMetrics } from '../telemetry/metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { dial } from './dial.ts';
import type { DialTarget } from './dial.ts';
import { heavyModules } from './heavyModules.ts';
import { Listener } from './listener.ts';
import { GateMasker } from './masker.ts';
import { Timers } from './timers.ts';
import { UnmatchedMasks } from './unmatchedMasks.ts';
import { YoungSpace } from './youngSpace.ts';

export interface Gateway {
  readonly port: number;
  readonly controlPort: number | null;
  /** Finishes what is under way within the limit, then closes everything. */
  stop(): Promise<void>;
}

/** Sentences for the operator; nothing was left open. */
export class StartFailure extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

export interface GatewayDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

export async function openGateway(config: Config, deps: GatewayDeps): Promise<Gateway> {
  const { log } = deps;
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  const secrets = openSecrets({ env: deps.env, now: () => performance.now() });
  const protocol = protocolByName('postgres');
  if (protocol === null) throw new Error('protocol postgres is not registered');
  const [identities, hashKey, policies, targets, tls] = await Promise.all([
    openIdentities(config, secrets),
    openHashKey(config.masking.hashKey, config.data, secrets),
    openPolicies(config, log),
    openTargets(config, secrets),
    readTls(config),
    protocol.prepare(),
  ]);
  if ('code' in hashKey) throw new StartFailure([hashKey.detail]);
  const metrics = openMetrics(config.connections);
  const audit = openAudit(config, metrics, log);
  const slab = new Slab({
    payloadBytes: config.masking.slotBytes,
    slots: Math.max(1, Math.floor(config.masking.slabBytes / config.masking.slotBytes)),
  });
  const laneTotal = laneCount(config.workers, availableParallelism());
  const lanes = openLanes({
    lanes: laneTotal,
    slab,
    heavy: heavyModules,
    onEvent: (event) => logLane(event, log),
  });
  const state: State = { policies: policies.set, draining: false };
  const unmatched = new UnmatchedMasks(policies.set, log, (error) =>
    log.error({ bug: reportBug(error) }, 'looking for mask rules without a column failed by a bug'),
  );
  const masker = new GateMasker({
    slab,
    lanes,
    laneCount: laneTotal,
    inlineBytes: config.masking.inlineBytes,
    hashKey,
    counters: metrics.gate,
  });
  const timers = new Timers((error) => log.error({ bug: reportBug(error) }, 'a timer failed by a bug'));
  const services = composeServices({
    config,
    log,
    metrics,
    audit,
    masker,
    lanes,
    hashKey,
    identities,
    targets,
    state,
    timers,
    unmatched,
  });
  connectMetrics(metrics, slab, lanes, audit, policies.set.version);
  const { postgres } = config.listen;
  const listener = new Listener({
    protocol,
    services,
    host: postgres.host,
    port: postgres.port,
    tls,
    connectionsMax: config.limits.connections,
    perUserMax: config.limits.connectionsPerUser,
    unauthenticatedMax: config.limits.unauthenticated,
    authenticationMs: config.limits.authenticationMs,
    pace: { idleMs: config.limits.idleMs, slowClientMs: config.limits.slowClientMs },
    counters: metrics.gate,
    connectionCounters: (name) => metrics.connection(name),
  });
  const address = await listener.listen();
  const pulse = startPulse(listener, metrics);
  const watch = watchForChanges(config, policies.digest, state, unmatched, metrics, log);
  const control = await openControlPort(config, state, audit, metrics, log);
  log.info({ host: address.host, port: address.port, control: control?.port ?? null }, 'accepting');
  return {
    port: address.port,
    controlPort: control?.port ?? null,
    stop: async () => {
      state.draining = true;
      log.info({ sessions: listener.open }, 'draining');
      watch.close();
      await listener.drain(config.limits.drainMs);
      clearInterval(pulse);
      timers.close();
      const fault = await audit.close();
      if (fault !== null) log.error({ detail: fault.detail }, 'the audit log could not be completed');
      await lanes.close();
      await control?.close();
      log.info({}, 'stopped');
    },
  };
}

function logLane(event: LaneEvent, log: Log): void {
  if (event.kind === 'bug') log.error({ bug: reportBug(event.error) }, 'an answer of a lane was lost by a bug');
  else log.debug({ event: event.kind }, 'lane');
}

const pulseMs = 500;

/** What changes while the gate runs. */
interface State {
  policies: PolicySet;
  draining: boolean;
}

async function openIdentities(config: Config, secrets: Secrets): Promise<IdentityStore> {
  const opened = await openIdentity(config.identity.users, secrets);
  if ('faults' in opened) throw new StartFailure(opened.faults.map((fault) => fault.detail));
  return opened.identities;
}

async function openPolicies(config: Config, log: Log): Promise<{ set: PolicySet; digest: string }> {
  const loaded = await loadPolicies(config.policies);
  if ('faults' in loaded) throw new StartFailure(loaded.faults.map(formatFault));
  log.info({ policies: loaded.set.policies.length }, 'policies loaded');
  return loaded;
}

export interface OpenTarget {
  readonly target: Target;
  readonly dial: DialTarget;
}

/** Targets as configured. Secrets are looked up when they are needed. */
export async function openTargets(config: Config, secrets: Secrets): Promise<ReadonlyMap<string, OpenTarget>> {
  const targets = new Map<string, OpenTarget>();
  for (const { name, protocol, target, credential, labels } of config.connections) {
    const ca = target.ca === null ? null : await readFile(target.ca, 'utf8');
    targets.set(name, {
      dial: { host: target.host, port: target.port, tls: target.tls, ca, serverName: target.serverName },
      target: {
        info: { name, protocol, labels },
        database: target.database,
        user: credential.user,
        password: async () => {
          if (credential.password === null) return '';
          const secret = await secrets.resolve(credential.password);
          return secret instanceof Secret ? secret.reveal() : secret;
        },
      },
    });
  }
  return targets;
}

async function readTls(config: Config): Promise<{ cert: string; key: string } | null> {
  const { tls } = config.listen.postgres;
  if (tls === null) return null;
  const [cert, key] = await Promise.all([readFile(tls.cert, 'utf8'), readFile(tls.key, 'utf8')]);
  return { cert, key };
}

/**
 * Records in memory, with the room set aside for results. Room is not memory: it is used when many statements end while the
 * disk does not take any. At 320 bytes a statement this is two hundred clients that pipeline as much as they may.
 */
const auditBytesMax = 64 * 1024 * 1024;

function openAudit(config: Config, metrics: Metrics, log: Log): FileSink {
  const { gate } = metrics;
  return new FileSink({
    directory: join(config.data, 'audit'),
    durability: config.audit.durability,
    fileBytesMax: config.audit.fileBytes,
    bufferBytesMax: auditBytesMax,
    onBug: (error) => log.error({ bug: reportBug(error) }, 'the audit of a session failed by a bug'),
    onWrite: (durationUs, fault) => {
      gate.auditFlush.observe(durationUs);
      if (fault === null) return;
      gate.auditFailures++;
      log.error({ code: fault.code, detail: fault.detail }, 'the audit log cannot be written');
    },
  });
}

interface Parts {
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

function composeServices(parts: Parts): Services {
  const { config, log, metrics, audit, state, targets } = parts;
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
    policyFor: (identity, connection) => state.policies.forSession(identity, connection, budgets),
    openAudit: (user, identity, connection, client) => {
      const facts = { protocol: 'postgres', clientAddress: client.peer, groups: identity?.groups ?? [] };
      // A login that was refused proves neither name; the record says so by its event.
      return new SessionRecorder(audit, {
        ...facts,
        user: identity === null ? null : user,
        connection: identity === null ? null : connection,
      });
    },
    catalogRead: (connection, columns) =>
      parts.unmatched.catalogRead({ connection, labels: targets.get(connection)?.target.info.labels ?? {}, columns }),
    every: (ms, task) => parts.timers.every(ms, task),
    nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    random: (count) => new Uint8Array(randomBytes(count)),
  };
}

function connectMetrics(metrics: Metrics, slab: Slab, lanes: Lanes, audit: FileSink, version: number): void {
  metrics.gate.policyVersion = version;
  metrics.sources.slab = () => slab.statistics();
  metrics.sources.lanes = () => lanes.statistics();
  metrics.sources.auditWaiting = () => audit.statistics().waiting;
}

/** The one timer of a running gate: what is looked at now and then costs no session a timer of its own. */
function startPulse(listener: Listener, metrics: Metrics): NodeJS.Timeout {
  const youngSpace = new YoungSpace(performance.now());
  const beat = (): void => {
    const nowMs = performance.now();
    listener.look(nowMs);
    let statements = 0;
    for (const { statementsAllowed } of metrics.connections) statements += statementsAllowed;
    youngSpace.look(statements, nowMs);
  };
  return setInterval(beat, pulseMs).unref();
}

function watchForChanges(
  config: Config,
  digest: string,
  state: State,
  unmatched: UnmatchedMasks,
  metrics: Metrics,
  log: Log,
): PolicyWatch {
  return watchPolicies(
    config.policies,
    (change) => {
      if ('faults' in change) {
        metrics.gate.policyReloadsRefused++;
        log.error({ faults: change.faults.map(formatFault) }, 'policy change refused; the old policies stay in force');
        return;
      }
      state.policies = change.set;
      metrics.gate.policyReloads++;
      metrics.gate.policyVersion = change.set.version;
      log.info({ policies: change.set.policies.length }, 'policies reloaded');
      unmatched.policiesChanged(change.set);
    },
    { loaded: digest, onBug: (error) => log.error({ bug: reportBug(error) }, 'watching policies failed by a bug') },
  );
}

async function openControlPort(
  config: Config,
  state: State,
  audit: FileSink,
  metrics: Metrics,
  log: Log,
): Promise<Control | null> {
  const { control } = config.listen;
  if (control === null) return null;
  return await openControl({
    host: control.host,
    port: control.port,
    notReady: () => {
      const reasons: string[] = [];
      if (state.draining) reasons.push('draining');
      if (audit.fault !== null) reasons.push('the audit log cannot be written');
      return reasons;
    },
    metrics: () => metrics.render(),
    onError: (cause) => log.error({ err: cause }, 'the control port failed'),
  });
}
