/**
 * The process that makes the load. It stands apart from the one that orchestrates and measures, takes one task at a time
 * over IPC, and ends with its parent.
 */
import { Worker } from 'node:worker_threads';
import { RawClient, executeMessage, parseMessage, queryMessage } from './client.ts';
import type { Endpoint } from './client.ts';
import { OpenLoop, newHistogram, record, summarize } from './openLoop.ts';
import type { Latencies } from './openLoop.ts';
import { nowMs } from './pacer.ts';
import type { PacerPlan } from './pacer.ts';

export type Task =
  /** `$1`, where the statement has it, becomes a number from 1 to `keys`; keys 0: no parameter. */
  | {
      readonly kind: 'closed';
      readonly endpoint: Endpoint;
      readonly sql: string;
      readonly keys: number;
      readonly clients: number;
      /** Seconds that count, and those in front of them that do not. */
      readonly seconds: number;
      readonly rampSeconds: number;
    }
  | {
      readonly kind: 'open';
      readonly endpoint: Endpoint;
      readonly sql: string;
      readonly keys: number;
      readonly clients: number;
      readonly seconds: number;
      readonly ratePerSecond: number;
    }
  /** Receives the whole result `times` over. */
  | { readonly kind: 'drain'; readonly endpoint: Endpoint; readonly sql: string; readonly times: number }
  /** Opens connections and keeps them until `release`. */
  | { readonly kind: 'hold'; readonly endpoint: Endpoint; readonly connections: number }
  | { readonly kind: 'release' };

export interface Outcome {
  readonly seconds: number;
  readonly bytes: number;
  readonly rows: number;
  readonly latencies: Latencies | null;
}

export type Reply = { readonly outcome: Outcome } | { readonly fault: string };

const held: RawClient[] = [];
/** Point queries answer with a few hundred bytes; a small buffer each keeps them in the processor's cache. */
const pointReadBytes = 16 * 1024;
const loginsAtOnce = 16;

async function perform(task: Task): Promise<Outcome> {
  switch (task.kind) {
    case 'closed':
      return withClients(task, (clients) => closedLoop(task, clients));
    case 'open':
      return withClients(task, (clients) => openLoop(task, clients));
    case 'drain':
      return drain(task.endpoint, task.sql, task.times);
    case 'hold':
      return hold(task.endpoint, task.connections);
    case 'release':
      for (const client of held.splice(0)) client.close();
      return nothing;
  }
}

const nothing: Outcome = { seconds: 0, bytes: 0, rows: 0, latencies: null };

type LoopTask = Extract<Task, { kind: 'closed' | 'open' }>;

async function withClients(task: LoopTask, run: (clients: readonly RawClient[]) => Promise<Outcome>): Promise<Outcome> {
  const clients: RawClient[] = [];
  try {
    for (let count = 0; count < task.clients; count++) {
      const client = await RawClient.open(task.endpoint, pointReadBytes);
      clients.push(client);
      await client.ask(parseMessage(task.sql));
      // The first execution pays for planning and filled caches, which is not what is asked here.
      for (let warm = 0; warm < 10; warm++) await client.ask(nextMessage(task));
      client.reset();
    }
    return await run(clients);
  } finally {
    for (const client of clients) client.close();
  }
}

function closedLoop(task: Extract<Task, { kind: 'closed' }>, clients: readonly RawClient[]): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const histogram = newHistogram();
  const rampEndMs = nowMs() + task.rampSeconds * 1000;
  const endMs = rampEndMs + task.seconds * 1000;
  let began = 0;
  let running = clients.length;
  for (const client of clients) {
    let sent = nowMs();
    client.listen(() => {
      const now = nowMs();
      if (began === 0 && now >= rampEndMs) {
        began = now;
        for (const each of clients) each.reset();
      }
      if (began > 0) record(histogram, now - sent);
      if (now >= endMs) {
        if (--running === 0)
          resolve({ ...totals(clients), seconds: (now - began) / 1000, latencies: summarize(histogram) });
        return;
      }
      sent = now;
      client.send(nextMessage(task));
    }, reject);
    client.send(nextMessage(task));
  }
  return promise;
}

const openLoopLeadMs = 100;

function openLoop(task: Extract<Task, { kind: 'open' }>, clients: readonly RawClient[]): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const total = Math.max(1, Math.round(task.seconds * task.ratePerSecond));
  const plan: PacerPlan = { startMs: nowMs() + openLoopLeadMs, ratePerSecond: task.ratePerSecond, total };
  const loop = new OpenLoop(plan.startMs, task.ratePerSecond, total);
  const pacer = new Worker(new URL('./pacer.ts', import.meta.url), { workerData: plan });
  const idle = [...clients.keys()];
  const current = new Int32Array(clients.length);
  const dispatch = (): void => {
    while (idle.length > 0) {
      const index = loop.take(nowMs());
      const slot = index < 0 ? undefined : idle.pop();
      if (slot === undefined) return;
      current[slot] = index;
      clients[slot].send(nextMessage(task));
    }
  };
  for (const [slot, client] of clients.entries()) {
    client.listen(() => {
      const now = nowMs();
      loop.complete(current[slot], now);
      idle.push(slot);
      if (loop.done) {
        resolve({ ...totals(clients), seconds: (now - plan.startMs) / 1000, latencies: loop.latencies() });
      } else dispatch();
    }, reject);
  }
  pacer.on('message', dispatch);
  pacer.on('error', reject);
  return promise.finally(() => pacer.terminate());
}

async function drain(endpoint: Endpoint, sql: string, times: number): Promise<Outcome> {
  const client = await RawClient.open(endpoint);
  try {
    client.reset();
    const message = queryMessage(sql);
    const began = nowMs();
    for (let time = 0; time < times; time++) await client.ask(message);
    return { ...totals([client]), seconds: (nowMs() - began) / 1000, latencies: null };
  } finally {
    client.close();
  }
}

async function hold(endpoint: Endpoint, connections: number): Promise<Outcome> {
  const began = nowMs();
  while (held.length < connections) {
    const count = Math.min(loginsAtOnce, connections - held.length);
    held.push(...(await Promise.all(Array.from({ length: count }, () => RawClient.open(endpoint, 512)))));
  }
  return { ...nothing, seconds: (nowMs() - began) / 1000 };
}

function totals(clients: readonly RawClient[]): { bytes: number; rows: number } {
  return {
    bytes: clients.reduce((sum, client) => sum + client.bytes, 0),
    rows: clients.reduce((sum, client) => sum + client.rows, 0),
  };
}

const withoutParameters = executeMessage([]);

function nextMessage({ keys }: LoopTask): Uint8Array {
  return keys === 0 ? withoutParameters : executeMessage([String(1 + Math.floor(Math.random() * keys))]);
}

process.on('message', (task: Task) => {
  perform(task).then(
    (outcome) => process.send?.({ outcome } satisfies Reply),
    (error: unknown) =>
      process.send?.({ fault: error instanceof Error ? error.message : String(error) } satisfies Reply),
  );
});
process.on('disconnect', () => process.exit(0));
