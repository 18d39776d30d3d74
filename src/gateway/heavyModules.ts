/** Where threads find the tasks of heavyWork.ts. The main thread does not load that: it would be paid at every start. */
import type { HeavyTaskModules } from '../lanes/heavy.ts';
import { flowsTask, textTask } from '../protocols/postgres/masks/distant.ts';

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
/** Under type stripping threads run .ts files, from dist .js. */
const module = new URL('./heavyWork' + extension, import.meta.url).href;

export const heavyModules: HeavyTaskModules = Object.fromEntries(
  [textTask, flowsTask].map((task) => [task, { module, export: task }]),
);
