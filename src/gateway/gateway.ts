/**
 * The gate as a whole: opens everything that the configuration names, in order, and closes it in the reverse one.
 *
 *     data -> secrets -> identities -> hash key -> policies -> audit -> slab and lanes -> control port -> listeners
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { FileSink } from '../audit/fileSink.ts';
import { Slab } from '../bytes/slab.ts';
import { laneCount } from '../config/config.ts';
import type { Config } from '../config/config.ts';
import { openControl } from '../control/control.ts';
import type { Control } from '../control/control.ts';
import { openHashKey } from '../credentials/hashKey.ts';
import { openSecrets } from '../credentials/secrets.ts';
import type { Secrets } from '../credentials/secrets.ts';
import { reportBug } from '../errors.ts';
import { openIdentity } from '../identity/identity.ts';
import type { IdentityStore } from '../identity/identity.ts';
import { openLanes } from '../lanes/lanes.ts';
import type { LaneEvent, Lanes } from '../lanes/lanes.ts';
import type { PolicySet } from '../policy/compile.ts';
import { changedFiles, loadPolicies } from '../policy/load.ts';
import type { PolicyDigests } from '../policy/load.ts';
import { formatFault } from '../policy/types.ts';
import { watchPolicies } from '../policy/watch.ts';
import type { PolicyWatch } from '../policy/watch.ts';
import { protocolByName } from '../protocols/index.ts';
import type { Protocol, Services } from '../protocols/protocol.ts';
import type { Log } from '../telemetry/log.ts';
import { openMetrics } from '../telemetry/metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { heavyModules } from './heavyModules.ts';
import { Listener } from './listener.ts';
import { GateMasker } from './masker.ts';
import { listenFailure, openData, StartFailure } from './opening.ts';
import { composeServices } from './services.ts';
import type { State } from './services.ts';
import { openTargets, trySecrets } from './targets.ts';
import { Timers } from './timers.ts';
import { UnmatchedMasks } from './unmatchedMasks.ts';
import { YoungSpace } from './youngSpace.ts';

export interface Gateway {
  readonly port: number;
  readonly controlPort: number | null;
  /** Finishes what is under way within the limit, then closes everything. */
  stop(): Promise<void>;
}

export interface GatewayDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Resolves when clients are accepted. Rejects with a {@link StartFailure} for what the operator can mend; nothing is left open then. */
export async function openGateway(config: Config, deps: GatewayDeps): Promise<Gateway> {
  const { log } = deps;
  // Whatever fails below closes what was opened above it, in the reverse order, as stopping does.
  await using opening = new AsyncDisposableStack();
  await openData(config);
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
  if ('code' in hashKey) throw new StartFailure([`${config.file}: masking.hash_key: ${hashKey.detail}`]);
  const metrics = openMetrics(config.connections);
  const audit = openAudit(config, metrics, log);
  opening.defer(() => closeAudit(audit, log));
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
  opening.defer(() => lanes.close());
  const state: State = { policies: policies.set, files: policies.files, phase: 'starting' };
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
  opening.defer(() => timers.close());
  const services = composeServices({
    protocol,
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
  connectMetrics({ metrics, slab, lanes, audit, protocol, version: policies.set.version });
  // Before any client is served: what else can fail has not failed then.
  const control = await openControlPort(config, state, audit, metrics, log);
  if (control !== null) opening.defer(() => control.close());
  const listener = makeListener(config, { protocol, services, tls, metrics });
  const pulse = startPulse(listener, metrics);
  opening.defer(() => clearInterval(pulse));
  const { postgres } = config.listen;
  const address = await listener.listen().catch((cause: unknown) => {
    throw listenFailure(config.file, 'listen.postgres', postgres, cause);
  });
  opening.defer(async () => {
    await listener.drain(config.limits.drainMs);
    // What sessions left behind at their targets is called off before the process may end.
    await withinTime(protocol.settled(), config.limits.dialMs);
  });
  const watch = watchForChanges(config, policies.digest, state, unmatched, metrics, log);
  opening.defer(() => watch.close());
  state.phase = 'accepting';
  log.info({ host: address.host, port: address.port, control: control?.port ?? null }, 'accepting');
  trySecrets(targets, metrics, log);
  const opened = opening.move();
  return {
    port: address.port,
    controlPort: control?.port ?? null,
    stop: async () => {
      state.phase = 'draining';
      log.info({ sessions: listener.open, limitMs: config.limits.drainMs }, 'draining');
      await opened.disposeAsync();
      log.info({}, 'stopped');
    },
  };
}

async function closeAudit(audit: FileSink, log: Log): Promise<void> {
  const fault = await audit.close();
  if (fault !== null) log.error({ detail: fault.detail }, 'the audit log could not be completed');
}

async function withinTime(work: Promise<void>, limitMs: number): Promise<void> {
  const { promise: tooLate, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  await Promise.race([work, tooLate]);
  clearTimeout(timer);
}

function logLane(event: LaneEvent, log: Log): void {
  if (event.kind === 'bug') log.error({ bug: reportBug(event.error) }, 'an answer of a lane was lost by a bug');
  else log.debug({ event: event.kind }, 'lane');
}

const pulseMs = 500;

async function openIdentities(config: Config, secrets: Secrets): Promise<IdentityStore> {
  const opened = await openIdentity(config.identity.users, secrets);
  if ('faults' in opened) {
    throw new StartFailure(opened.faults.map(({ detail }) => `${config.file}: identity.users: ${detail}`));
  }
  return opened.identities;
}

async function openPolicies(
  config: Config,
  log: Log,
): Promise<{ set: PolicySet; digest: string; files: PolicyDigests }> {
  const loaded = await loadPolicies(config.policies);
  if ('faults' in loaded) throw new StartFailure(loaded.faults.map(formatFault));
  log.info({ policies: loaded.set.policies.length }, 'policies loaded');
  return loaded;
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

interface MeasuredParts {
  readonly metrics: Metrics;
  readonly slab: Slab;
  readonly lanes: Lanes;
  readonly audit: FileSink;
  readonly protocol: Protocol;
  readonly version: number;
}

function connectMetrics({ metrics, slab, lanes, audit, protocol, version }: MeasuredParts): void {
  metrics.gate.policyVersion = version;
  metrics.sources.statements = () => protocol.statistics();
  metrics.sources.auditRecords = () => audit.statistics().records;
  metrics.sources.slab = () => slab.statistics();
  metrics.sources.lanes = () => lanes.statistics();
  metrics.sources.auditWaiting = () => audit.statistics().waiting;
}

interface ListenerParts {
  readonly protocol: Protocol;
  readonly services: Services;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly metrics: Metrics;
}

function makeListener(config: Config, { protocol, services, tls, metrics }: ListenerParts): Listener {
  const { limits } = config;
  const { postgres } = config.listen;
  try {
    return new Listener({
      protocol,
      services,
      host: postgres.host,
      port: postgres.port,
      tls,
      connectionsMax: limits.connections,
      perUserMax: limits.connectionsPerUser,
      unauthenticatedMax: limits.unauthenticated,
      authenticationMs: limits.authenticationMs,
      pace: { idleMs: limits.idleMs, slowClientMs: limits.slowClientMs },
      counters: metrics.gate,
      connectionCounters: (name) => metrics.connection(name),
    });
  } catch (cause) {
    if (postgres.tls === null || !(cause instanceof Error)) throw cause;
    // What OpenSSL still refuses of a pair that belongs together, a key that is too short for instance.
    const { cert, key } = postgres.tls;
    throw new StartFailure([
      `${config.file}: listen.postgres.tls: ${cert} and ${key} cannot be used: ${cause.message}; make a new pair`,
    ]);
  }
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
      const files = changedFiles(state.files, change.files);
      state.policies = change.set;
      state.files = change.files;
      metrics.gate.policyReloads++;
      metrics.gate.policyVersion = change.set.version;
      log.info({ policies: change.set.policies.length, ...files }, 'policies reloaded');
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
  try {
    return await openControl({
      host: control.host,
      port: control.port,
      notReady: () => notReady(state, audit),
      metrics: () => metrics.render(),
      onError: (cause) => log.error({ bug: reportBug(cause) }, 'the control port failed by a bug'),
    });
  } catch (cause) {
    throw listenFailure(config.file, 'listen.control', control, cause);
  }
}

/**
 * Reasons that hold for every session. A target that is down is none of them: the gate's other connections work, and its
 * clients read what is wrong; `blastgate_target_up` tells of targets.
 */
function notReady({ phase }: State, audit: FileSink): string[] {
  const reasons: string[] = [];
  if (phase !== 'accepting') reasons.push(phase);
  if (audit.fault !== null) reasons.push('the audit log cannot be written');
  return reasons;
}
