/**
 * What drivers send in one piece behind a Bind of the unnamed portal: its Execute and a Sync, often with a Describe before
 * them. All three run nothing that the Bind was not decided for, so they are dealt with together with it: a message costs
 * nearly as much by itself as all of these at once.
 */
import type { Behind } from './expected.ts';
import { unnamed } from './prepared.ts';
import { describe, execute, sync } from '../wire/toTarget.ts';

export interface PortalRun {
  /** The messages. */
  readonly bytes: Uint8Array;
  readonly answers: Behind;
}

const executed: Behind = { kind: 'execute', next: { kind: 'sync', next: null } };

const plain: PortalRun = { bytes: Buffer.concat([execute(unnamed), sync()]), answers: executed };
const described: PortalRun = {
  bytes: Buffer.concat([describe('portal', unnamed), plain.bytes]),
  answers: { kind: 'describe_portal', next: executed },
};

/** The messages that stand at `at` in bytes[.., end), if they are these and whole; else null. */
export function portalRunAt(bytes: Uint8Array, at: number, end: number): PortalRun | null {
  if (at >= end) return null;
  const run = bytes[at] === described.bytes[0] ? described : plain;
  if (at + run.bytes.length > end) return null;
  for (let index = 0; index < run.bytes.length; index++) if (bytes[at + index] !== run.bytes[index]) return null;
  return run;
}
