/** Opens the counters of the gate. The Prometheus library is loaded when somebody scrapes, not at start. */
import { ConnectionCounters, GateCounters } from './counters.ts';

/** State of the slab, as `Slab.statistics()` tells it. */
export interface SlabState {
  readonly slots: number;
  readonly used: number;
  readonly peak: number;
  readonly exhausted: number;
}

/** State of the lanes, as `Lanes.statistics()` tells it. */
export interface LanesState {
  readonly ready: number;
  readonly inFlight: number;
  readonly submitted: number;
  readonly refused: number;
  readonly deaths: number;
}

/** State of the cache of statements, as `Protocol.statistics()` tells it. */
export interface StatementsState {
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** What is asked when metrics are read. The gateway sets these once it has opened what they look at. */
export interface MetricsSources {
  slab: (() => SlabState) | null;
  lanes: (() => LanesState) | null;
  /** Audit records that wait for the next write. */
  auditWaiting: (() => number) | null;
  /** Audit records so far. */
  auditRecords: (() => number) | null;
  /** What the cache of analysed statements has seen. */
  statements: (() => StatementsState) | null;
}

export interface MetricsState {
  readonly gate: GateCounters;
  readonly connections: readonly ConnectionCounters[];
  readonly sources: MetricsSources;
}

export interface Metrics extends MetricsState {
  /** Counters of a configured connection; throws for a name that was not given to `openMetrics`. */
  connection(name: string): ConnectionCounters;
  /** The Prometheus text format, version 0.0.4. */
  render(): Promise<string>;
}

/** Label values come from the configuration only, so clients cannot make series grow. */
export function openMetrics(connections: readonly { readonly name: string; readonly protocol: string }[]): Metrics {
  const byName = new Map(connections.map(({ name, protocol }) => [name, new ConnectionCounters(protocol, name)]));
  const state: MetricsState = {
    gate: new GateCounters(),
    connections: [...byName.values()],
    sources: { slab: null, lanes: null, auditWaiting: null, auditRecords: null, statements: null },
  };
  let registry: Promise<{ metrics(): Promise<string> }> | null = null;
  return {
    ...state,
    connection: (name) => {
      const counters = byName.get(name);
      if (counters === undefined) throw new Error(`no counters for connection ${name}`);
      return counters;
    },
    render: async () => {
      registry ??= import('./registry.ts').then(({ createRegistry }) => createRegistry(state));
      return await (await registry).metrics();
    },
  };
}
