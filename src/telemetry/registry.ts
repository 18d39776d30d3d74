/** The counters as prom-client metrics. Loaded at the first scrape. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricValueWithName } from 'prom-client';

import { Latency } from './counters.ts';
import { latencyDefinitions, numberDefinitions } from './definitions.ts';
import type { Labels, LatencyDefinition, NumberDefinition } from './definitions.ts';
import type { MetricsState } from './metrics.ts';

/**
 * Default metrics whose reading takes as long as there are sockets: they list every handle, or /proc/self/fd, on the
 * main thread. The gate counts its sockets itself.
 */
const slowDefaults = [
  'process_open_fds',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
];

/** All metrics of the gate and those of the process. */
export function createRegistry(state: MetricsState): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of slowDefaults) registry.removeSingleMetric(name);
  for (const definition of numberDefinitions) registry.registerMetric(numberMetric(definition, state));
  for (const definition of latencyDefinitions) registry.registerMetric(new LatencyMetric(definition, state));
  return registry;
}

function numberMetric(definition: NumberDefinition, state: MetricsState): Counter | Gauge {
  const { name, help } = definition;
  const shared = { name, help, labelNames: [...definition.labelNames], registers: [] };
  if (definition.type === 'gauge')
    return new Gauge({
      ...shared,
      collect() {
        this.reset();
        for (const [labels, value] of definition.read(state)) this.set({ ...labels }, value);
      },
    });
  return new Counter({
    ...shared,
    collect() {
      this.reset();
      for (const [labels, value] of definition.read(state)) this.inc({ ...labels }, value);
    },
  });
}

/** A histogram that was counted elsewhere: prom-client's own can only be filled one observation at a time. */
class LatencyMetric extends Histogram {
  readonly #definition: LatencyDefinition;
  readonly #state: MetricsState;

  constructor(definition: LatencyDefinition, state: MetricsState) {
    const { name, help, labelNames } = definition;
    super({ name, help, labelNames: [...labelNames], registers: [] });
    this.#definition = definition;
    this.#state = state;
  }

  /** What the registry asks for, and what `get` of the base class is made of. */
  getForPromString(): Promise<unknown> {
    const { name, help, type } = this.#definition;
    const values = this.#definition.read(this.#state).flatMap(([labels, latency]) => samples(name, labels, latency));
    return Promise.resolve({ name, help, type, values, aggregator: 'sum' });
  }
}

/** Buckets of the text format are cumulative and end with `+Inf`, which equals the count. */
function samples(name: string, labels: Labels, latency: Latency): MetricValueWithName<string>[] {
  let total = 0;
  const values = Latency.boundsSeconds.map((bound, index) => {
    total += latency.buckets[index];
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: total };
  });
  return [
    ...values,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: latency.count },
    { metricName: `${name}_sum`, labels, value: latency.sumUs / 1e6 },
    { metricName: `${name}_count`, labels, value: latency.count },
  ];
}
