#!/usr/bin/env node
/** Entry. The only reader of the command line and the environment, and the only place that ends the process. */
import { enableCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

enableCompileCache();
// PostgreSQL's grammar is one function so large that V8's optimizing WebAssembly compiler takes 600 MB and seconds of a core
// for it once it is hot. The baseline code parses as fast (`./run bench parse`): most of a parse is making the tree.
setFlagsFromString('--no-wasm-dynamic-tiering');
setFlagsFromString('--no-wasm-tier-up');
// What is loaded at the start is no load: the space for young objects stays small until gateway/youngSpace.ts lets it grow.
setFlagsFromString('--semi-space-growth-factor=1');

const usage = `usage: blastgate <command>

  serve --config FILE                    run the gate
  policy check|test|explain|catalog ...  look into policy files
  scram                                  make a verifier of a password
  docs                                   write the generated reference
  version                                the version of this gate

Every command takes --help.
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'serve': {
      const { serve } = await import('./cli/serve.ts');
      return await serve(rest, process.env, untilToldToStop);
    }
    case 'policy': {
      const { policy } = await import('./cli/policy.ts');
      return await policy(rest, process.env);
    }
    case 'docs': {
      const { writeReference } = await import('./cli/docs.ts');
      return await writeReference(rest);
    }
    case 'scram': {
      const { scram } = await import('./cli/scram.ts');
      return await scram(rest);
    }
    case 'version': {
      const { printVersion } = await import('./cli/version.ts');
      return printVersion(rest);
    }
    case 'help':
    case '-h':
    case '--help':
      process.stdout.write(usage);
      return 0;
    default:
      process.stderr.write(
        `${command === undefined ? 'a command is missing' : `there is no command '${command}'`} (help lists them)\n`,
      );
      return 2;
  }
}

/** The first SIGTERM or SIGINT drains; a second one ends the process at once, as a terminal user expects. */
function untilToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

process.exitCode = await main(process.argv.slice(2));
