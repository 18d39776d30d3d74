/** Wherever the gate's services throw under a session, that session ends closed, with an error that its client can read. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Services, SessionAudit, Wire } from '../../src/protocols/protocol.ts';
import { loadParser } from '../../src/protocols/postgres/parse/parse.ts';
import { bind, execute, parse, query, sync } from '../support/rawPostgres.ts';
import {
  type Answer,
  bindComplete,
  complete,
  customers,
  dataRow,
  parameterDescription,
  parseComplete,
  ready,
  rowDescription,
} from './sessionTarget.ts';
import { World } from './sessionWires.ts';

before(loadParser);

class Bug extends Error {}
const fail = (): never => {
  throw new Bug('SELECT secret');
};

const policy = `name: engineering
default: allow
rules:
  - id: ssn
    match: { columns: ['*.customers.ssn'] }
    action: mask
    with: redact
`;

/** So many that they come to stand in slots. */
const rows = Buffer.concat([
  ...Array.from({ length: 3000 }, () => dataRow('1', '123-45-6789')),
  complete('SELECT 3000'),
]);
const described = rowDescription(customers.id, customers.ssn);

const answer: Answer = ({ type }) => {
  if (type === 'Q') return Buffer.concat([described, rows, ready()]);
  if (type === 'P') return parseComplete;
  if (type === 'D') return Buffer.concat([parameterDescription(), described]);
  if (type === 'B') return bindComplete;
  if (type === 'E') return rows;
  return type === 'S' ? ready() : null;
};

const simple = query('SELECT id, ssn FROM customers');
const extended = Buffer.concat([parse('', 'SELECT id, ssn FROM customers'), bind('', ''), execute(''), sync]);
const long = query(`SELECT id, ssn FROM customers /* ${'x'.repeat(300)} */`);

/** An object that is another one but for some of its members. */
function but<T extends object>(of: T, changes: Partial<T>): T {
  return new Proxy(of, {
    get: (target, key) => {
      if (key in changes) return changes[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

const audit = (services: Services, changes: (audit: SessionAudit) => Partial<SessionAudit>): Partial<Services> => ({
  openAudit: (...args) => {
    const opened = services.openAudit(...args);
    return but(opened, changes(opened));
  },
});

const decided = (services: Services, changes: object): Partial<Services> => ({
  policyFor: (...args) => but(services.policyFor(...args), changes),
});

const dialled = (services: Services, change: (wire: Wire) => Partial<Wire>): Partial<Services> => ({
  dial: async (...args) => {
    const wire = await services.dial(...args);
    return 'code' in wire ? wire : but(wire, change(wire));
  },
});

/** Of a wire that takes the login, and throws afterwards. */
function throwsAfter(count: number): (wire: Wire) => Partial<Wire> {
  return (wire) => {
    let writes = 0;
    return { write: (bytes, done) => (++writes > count ? fail() : wire.write(bytes, done)) };
  };
}

const injections: Readonly<Record<string, (services: Services) => Partial<Services>>> = {
  'finding the user': () => ({ findUser: fail }),
  'finding the target': () => ({ findTarget: fail }),
  'random bytes': () => ({ random: fail }),
  dialling: () => ({ dial: fail }),
  'a dial that rejects': () => ({ dial: () => Promise.reject(new Bug()) }),
  'opening the audit': () => ({ openAudit: fail }),
  counters: () => ({ countersFor: fail }),
  'the policy': () => ({ policyFor: fail }),
  'a decision': (services) => decided(services, { decide: fail }),
  'an audit record': (services) => audit(services, () => ({ begin: fail })),
  'asking for durability': (services) => audit(services, () => ({ whenDurable: fail })),
  'a result record': (services) => audit(services, () => ({ end: fail })),
  'closing the audit': (services) => audit(services, () => ({ begin: fail, close: fail })),
  'a write to the target, from the audit': (services) => dialled(services, throwsAfter(1)),
  masking: (services) => ({ masker: but(services.masker, { wantsLane: () => false, mask: fail }) }),
  'choosing a lane': (services) => ({ masker: but(services.masker, { wantsLane: fail }) }),
  'the answer of a lane': (services) => ({
    masker: but(services.masker, {
      wantsLane: () => true,
      submit: (_plan, _start, _end, _outputStart, done) => {
        // Nobody could read this.
        queueMicrotask(() =>
          done(
            but(
              {} as Parameters<typeof done>[0] & object,
              {
                get status() {
                  return fail();
                },
              } as object,
            ),
          ),
        );
        return true;
      },
    }),
  }),
  threads: () => ({ heavy: fail }),
  'threads that reject': () => ({ heavy: () => Promise.reject(new Bug()) }),
};

for (const [name, inject] of Object.entries(injections)) {
  for (const [how, stream] of Object.entries({ simple, extended, long })) {
    if (name.startsWith('threads') !== (how === 'long')) continue;
    test(`${name} throws, ${how}: the session ends, and the next one is served`, async () => {
      let armed = true;
      const world = await World.open({
        target: { answer },
        policy,
        guarded: true,
        statementInlineBytes: 200,
        replace: (services) => (armed ? inject(services) : {}),
      });
      const session = world.open();
      session.client.push(world.login);
      await session.rest();
      session.client.push(stream);
      await session.rest();
      const received = Buffer.concat(session.received).toString('latin1');
      assert.ok(session.client.closed, 'the client waits');
      assert.ok(
        world.dialled.every(({ wire }) => wire.closed),
        'the target waits',
      );
      assert.equal(world.ended, world.opened);
      assert.match(received, /SFATAL\0VFATAL\0CXX000\0/);
      assert.ok(!received.includes('123-45'));
      const bugs = world.logged.filter(({ level, fields }) => level === 'error' && 'bug' in fields);
      assert.ok(bugs.length > 0, 'no bug was logged');
      assert.ok(!JSON.stringify(world.logged).includes('secret'));
      assert.equal(world.slab.statistics().used, 0);
      armed = false;
      const served = await world.run(stream, [], []);
      assert.ok(served.length > 0 && !served.toString('latin1').includes('FATAL'));
    });
  }
}
