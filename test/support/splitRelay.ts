/** A relay that hands on every byte by itself, so that whoever reads sees every message torn at every place. */
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

interface Afterwards {
  after(undo: () => Promise<void>): void;
}

/** Returns the port of a relay to 127.0.0.1:`port`. It ends with `context`. */
export async function openSplitRelay(port: number, context: Afterwards): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (near) => {
    const far = net.connect({ host: '127.0.0.1', port, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      void relay(from, to).catch(() => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

async function relay(from: net.Socket, to: net.Socket): Promise<void> {
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at++) {
      to.write(chunk.subarray(at, at + 1));
      // The reader has its turn before the next byte comes, so the kernel has nothing to join.
      await nextTurn();
    }
  }
  to.end();
}
