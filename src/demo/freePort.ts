import { once } from 'node:events';
import { createServer } from 'node:net';

/** A TCP port of 127.0.0.1 that was free a moment ago: `preferred` if it is, else one that the system picks. */
export async function freePort(preferred = 0): Promise<number> {
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen({ host: '127.0.0.1', port: preferred, exclusive: true });
  try {
    await listening;
  } catch (error) {
    if (preferred !== 0) return freePort();
    throw error;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
