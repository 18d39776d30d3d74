/** Every metric of the gate: name, help, labels, and how it is read from the counters. docs/metrics.md lists them. */
import { performance } from 'node:perf_hooks';

import { sampledEvery } from './counters.ts';
import type { ConnectionCounters, GateCounters, Latency } from './counters.ts';
import type { LanesState, MetricsState, SlabState } from './metrics.ts';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export interface NumberDefinition {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  read(state: MetricsState): readonly Sample[];
}

export interface LatencyDefinition {
  readonly type: 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  read(state: MetricsState): readonly (readonly [labels: Labels, latency: Latency])[];
}

type NumberField<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T];

export const numberDefinitions: readonly NumberDefinition[] = [
  perConnection('gauge', 'sessions_open', 'Sessions open now.', 'sessionsOpen'),
  perConnection('counter', 'sessions_total', 'Sessions opened.', 'sessions'),
  perConnectionBy('statements_total', 'Statements, by outcome of the decision.', 'outcome', {
    allow: 'statementsAllowed',
    block: 'statementsBlocked',
    approve: 'statementsNeedingApproval',
    refused: 'statementsRefused',
  }),
  perConnection(
    'counter',
    'statements_failed_total',
    'Allowed statements that failed at the target.',
    'statementsFailed',
  ),
  perConnection(
    'counter',
    'statements_observed_total',
    'Statements that a policy in observe mode would have decided more strictly.',
    'statementsObserved',
  ),
  perConnection('counter', 'rows_total', 'Rows sent to clients.', 'rows'),
  perConnection('counter', 'masked_values_total', 'Values changed by masks.', 'maskedValues'),
  perConnectionBy('bytes_total', 'Bytes on the wire, by direction, without TLS.', 'direction', {
    from_client: 'bytesFromClient',
    to_client: 'bytesToClient',
    from_target: 'bytesFromTarget',
    to_target: 'bytesToTarget',
  }),
  perConnection('counter', 'dial_failures_total', 'Failures to connect or log in to the target.', 'dialFailures'),
  {
    type: 'gauge',
    name: 'blastgate_target_up',
    help: 'Whether the last login of the gate at the target worked (1) or not (0); absent until one was tried.',
    labelNames: ['protocol', 'connection'],
    read: ({ connections }) =>
      connections.flatMap((counters): Sample[] =>
        counters.targetUp === null ? [] : [[connectionLabels(counters), counters.targetUp]],
      ),
  },
  perConnection(
    'counter',
    'cancel_requests_total',
    'Cancel requests for the target: of clients, and of the gate for what a session left behind.',
    'cancelRequests',
  ),
  perGate('gauge', 'sockets_open', 'Client sockets open now, authenticated or not.', 'socketsOpen'),
  perGate('counter', 'sockets_total', 'Client sockets accepted.', 'sockets'),
  perGate('gauge', 'unauthenticated_sockets_open', 'Of these, not authenticated yet.', 'unauthenticatedOpen'),
  perGate('counter', 'sockets_refused_total', 'Client sockets closed because of a limit.', 'socketsRefused'),
  perGate('counter', 'authentication_failures_total', 'Logins refused.', 'authenticationFailures'),
  perGate('counter', 'authentication_timeouts_total', 'Logins not finished in time.', 'authenticationTimeouts'),
  perGate('counter', 'idle_timeouts_total', 'Sessions closed because they were idle for too long.', 'idleTimeouts'),
  perGate('counter', 'slow_clients_total', 'Clients closed because they did not read for too long.', 'slowClients'),
  perGate('counter', 'unknown_connections_total', 'Logins to a connection that does not exist.', 'unknownConnections'),
  perGate(
    'counter',
    'protocol_violations_total',
    'Sessions closed because of a malformed message.',
    'protocolViolations',
  ),
  perGate('counter', 'internal_errors_total', 'Sessions closed because of a bug of the gate.', 'internalErrors'),
  perGate('gauge', 'policy_version', 'Number of the policy set in force.', 'policyVersion'),
  perGate('counter', 'policy_reloads_total', 'Policy changes put in force.', 'policyReloads'),
  perGate('counter', 'policy_reloads_refused_total', 'Policy changes refused as invalid.', 'policyReloadsRefused'),
  fromSource(
    'counter',
    'statement_cache_hits_total',
    'Texts of statements whose facts were known.',
    ({ sources }) => sources.statements?.().cacheHits,
  ),
  fromSource(
    'counter',
    'statement_cache_misses_total',
    'Texts of statements that were parsed.',
    ({ sources }) => sources.statements?.().cacheMisses,
  ),
  {
    type: 'counter',
    name: 'blastgate_masked_ranges_total',
    help: 'Ranges of rows masked, by where.',
    labelNames: ['where'],
    read: ({ gate }) => [
      [{ where: 'inline' }, gate.rangesInline],
      [{ where: 'lane' }, gate.rangesInLane],
    ],
  },
  fromSource('counter', 'audit_records_total', 'Records written to the audit log.', ({ sources }) =>
    sources.auditRecords?.(),
  ),
  perGate('counter', 'audit_failures_total', 'Writes of the audit log that failed.', 'auditFailures'),
  fromSource('gauge', 'audit_records_waiting', 'Audit records waiting for the next write.', ({ sources }) =>
    sources.auditWaiting?.(),
  ),
  fromSlab('gauge', 'slab_slots', 'Slots of the slab.', 'slots'),
  fromSlab('gauge', 'slab_slots_in_use', 'Slots in use now.', 'used'),
  fromSlab('gauge', 'slab_slots_in_use_peak', 'Most slots in use at once since start.', 'peak'),
  fromSlab('counter', 'slab_exhausted_total', 'Times that no slot was free.', 'exhausted'),
  fromLanes('gauge', 'lanes_ready', 'Lanes running.', 'ready'),
  fromLanes('gauge', 'lane_ranges_in_flight', 'Ranges handed to lanes and not back yet.', 'inFlight'),
  fromLanes('counter', 'lane_ranges_total', 'Ranges handed to lanes.', 'submitted'),
  fromLanes('counter', 'lane_ranges_refused_total', 'Ranges that found every lane busy.', 'refused'),
  fromLanes('counter', 'lane_deaths_total', 'Lanes that died.', 'deaths'),
  fromSource(
    'counter',
    'event_loop_active_seconds_total',
    'Time that the main thread was busy.',
    eventLoopSeconds('active'),
  ),
  fromSource('counter', 'event_loop_idle_seconds_total', 'Time that the main thread waited.', eventLoopSeconds('idle')),
];

export const latencyDefinitions: readonly LatencyDefinition[] = [
  {
    type: 'histogram',
    name: 'blastgate_decide_seconds',
    help: `From a command message to its decision, with the record made; one of ${sampledEvery} is measured.`,
    labelNames: [],
    read: ({ gate }) => [[{}, gate.decide]],
  },
  {
    type: 'histogram',
    name: 'blastgate_mask_seconds',
    help: `Masking of one range, by where; in a lane with the way there and back. One of ${sampledEvery} is measured.`,
    labelNames: ['where'],
    read: ({ gate }) => [
      [{ where: 'inline' }, gate.maskInline],
      [{ where: 'lane' }, gate.maskInLane],
    ],
  },
  {
    type: 'histogram',
    name: 'blastgate_audit_flush_seconds',
    help: 'One write of the audit log, with the disk flush where configured.',
    labelNames: [],
    read: ({ gate }) => [[{}, gate.auditFlush]],
  },
];

function perConnection(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  field: NumberField<ConnectionCounters>,
): NumberDefinition {
  return {
    type,
    name: `blastgate_${name}`,
    help,
    labelNames: ['protocol', 'connection'],
    read: ({ connections }) => connections.map((counters) => [connectionLabels(counters), counters[field]]),
  };
}

function perConnectionBy(
  name: string,
  help: string,
  label: string,
  fields: Readonly<Record<string, NumberField<ConnectionCounters>>>,
): NumberDefinition {
  return {
    type: 'counter',
    name: `blastgate_${name}`,
    help,
    labelNames: ['protocol', 'connection', label],
    read: ({ connections }) =>
      connections.flatMap((counters) =>
        Object.entries(fields).map(([value, field]): Sample => [
          { ...connectionLabels(counters), [label]: value },
          counters[field],
        ]),
      ),
  };
}

function connectionLabels({ protocol, connection }: ConnectionCounters): Labels {
  return { protocol, connection };
}

function perGate(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  field: NumberField<GateCounters>,
): NumberDefinition {
  return fromSource(type, name, help, ({ gate }) => gate[field]);
}

function fromSlab(type: 'counter' | 'gauge', name: string, help: string, field: keyof SlabState): NumberDefinition {
  return fromSource(type, name, help, ({ sources }) => sources.slab?.()[field]);
}

function fromLanes(type: 'counter' | 'gauge', name: string, help: string, field: keyof LanesState): NumberDefinition {
  return fromSource(type, name, help, ({ sources }) => sources.lanes?.()[field]);
}

/** A metric without labels; 0 while its source is not open. */
function fromSource(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: (state: MetricsState) => number | undefined,
): NumberDefinition {
  return {
    type,
    name: `blastgate_${name}`,
    help,
    labelNames: [],
    read: (state) => {
      const now = value(state);
      return now === undefined ? [] : [[{}, now]];
    },
  };
}

function eventLoopSeconds(field: 'active' | 'idle'): () => number {
  return () => performance.eventLoopUtilization()[field] / 1000;
}
