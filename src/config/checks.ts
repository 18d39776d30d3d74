/**
 * What the schema cannot say because it hangs on several keys. Works on the raw values, so that these faults are
 * reported together with those of the schema; what has the wrong type is left to the schema.
 */
import { isIP } from 'node:net';

import type { FileFault, KeyPath, YamlDocument } from '../yaml/document.ts';
import { faultAt, pathText } from '../yaml/faults.ts';
import type { Config } from './config.ts';
import { defaults } from './schema.ts';

/** Faults of the file as a whole. */
export function checkDocument(document: YamlDocument): FileFault[] {
  return [
    ...duplicates(document, ['identity', 'users']),
    ...duplicates(document, ['connections']),
    ...openListeners(document),
    ...portClash(document),
    ...targets(document),
    ...slab(document),
  ];
}

/** Risks that are allowed because the file says so, each as one sentence for the log. */
export function warnings(config: Config): string[] {
  const found: string[] = [];
  const { postgres, control } = config.listen;
  if (!isLoopback(postgres.host) && postgres.tls?.required !== true)
    found.push('listen.postgres: clients may connect without TLS from other machines');
  if (control !== null && !isLoopback(control.host))
    found.push('listen.control: metrics and health are readable from other machines without TLS');
  for (const { name, target } of config.connections) {
    if (isLoopback(target.host) || target.tls === 'verify-full') continue;
    const risk = target.tls === 'disable' ? 'is not encrypted' : 'is encrypted, but the server is not verified';
    found.push(`connection ${name}: the way to the target ${risk} (tls: ${target.tls})`);
  }
  return found;
}

/** Whether only this machine can reach, or be, `host`. Names other than localhost could resolve to anything. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  const v4 = name.startsWith('::ffff:') ? name.slice(7) : name;
  return isIP(v4) === 4 && v4.startsWith('127.');
}

/** Paths of the items of the list at `path`. */
export function itemPaths(document: YamlDocument, path: KeyPath): KeyPath[] {
  const list = document.valueAt(path);
  return Array.isArray(list) ? list.map((_, index) => [...path, index]) : [];
}

function duplicates(document: YamlDocument, list: KeyPath): FileFault[] {
  const first = new Map<string, KeyPath>();
  const faults: FileFault[] = [];
  for (const item of itemPaths(document, list)) {
    const path = [...item, 'name'];
    const name = document.valueAt(path);
    if (typeof name !== 'string') continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, path);
    else {
      const { line } = document.locate(earlier);
      faults.push(faultAt(document, path, `the same name stands in line ${line} (${pathText(earlier)})`));
    }
  }
  return faults;
}

/** Without TLS passwords are safe in SCRAM, but every result is readable on the way: only where the file insists. */
function openListeners(document: YamlDocument): FileFault[] {
  const faults: FileFault[] = [];
  for (const name of ['postgres', 'control']) {
    const path = ['listen', name];
    const host = document.valueAt([...path, 'host']);
    if (typeof host !== 'string' || isLoopback(host)) continue;
    if (document.valueAt([...path, 'insecure']) === true) continue;
    if (document.valueAt([...path, 'tls']) !== undefined) continue;
    const remedy = name === 'postgres' ? 'give `tls: { cert, key }`, listen on 127.0.0.1,' : 'listen on 127.0.0.1';
    faults.push(
      faultAt(
        document,
        [...path, 'host'],
        `other machines can reach this address without TLS; ${remedy} or say \`insecure: true\``,
      ),
    );
  }
  return faults;
}

function portClash(document: YamlDocument): FileFault[] {
  const postgres = listener(document, 'postgres', defaults.postgresPort);
  const control = listener(document, 'control', defaults.controlPort);
  if (postgres === null || control === null || postgres.port === 0 || postgres.port !== control.port) return [];
  const wild = (host: string): boolean => host === '0.0.0.0' || host === '::';
  const same = postgres.host === control.host || wild(postgres.host) || wild(control.host);
  if (!same) return [];
  return [faultAt(document, ['listen', 'control', 'port'], 'is the port of listen.postgres as well')];
}

function listener(document: YamlDocument, name: string, defaultPort: number): { host: string; port: number } | null {
  if (document.valueAt(['listen', name]) === undefined) return null;
  const host = document.valueAt(['listen', name, 'host']) ?? defaults.host;
  const port = document.valueAt(['listen', name, 'port']) ?? defaultPort;
  return typeof host === 'string' && typeof port === 'number' ? { host, port } : null;
}

/** `ca` next to a mode that ignores it would look like a check that is never made. */
function targets(document: YamlDocument): FileFault[] {
  const faults: FileFault[] = [];
  for (const item of itemPaths(document, ['connections'])) {
    const target = [...item, 'target'];
    const mode = document.valueAt([...target, 'tls']);
    if (mode !== 'disable' && mode !== 'require') continue;
    for (const key of ['ca', 'server_name']) {
      if (document.valueAt([...target, key]) === undefined) continue;
      faults.push(faultAt(document, [...target, key], `has no effect with \`tls: ${mode}\`; use \`tls: verify-full\``));
    }
  }
  return faults;
}

function slab(document: YamlDocument): FileFault[] {
  const slot = document.valueAt(['masking', 'slot_bytes']) ?? defaults.slotBytes;
  const all = document.valueAt(['masking', 'slab_bytes']) ?? defaults.slabBytes;
  if (typeof slot !== 'number' || typeof all !== 'number' || all >= slot * 4) return [];
  return [faultAt(document, ['masking', 'slab_bytes'], `must hold at least four slots of ${slot} bytes`)];
}
