/** The protocols that this gate speaks: one line each. */
import { PostgresProtocol } from './postgres/index.ts';
import type { Protocol } from './protocol.ts';

export function protocolByName(name: string): Protocol | null {
  switch (name) {
    case 'postgres':
      return new PostgresProtocol();
    default:
      return null;
  }
}
