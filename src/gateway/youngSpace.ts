/**
 * Lets V8's space for young objects grow only under load. It doubles from 1 MB up to the 4 that the gate is started with
 * (`--max-semi-space-size`; V8's own 32 would go through the processor's caches again and again) and is never given back while the
 * process rests, so without this a gate that has merely started, or has seen a thousand logins, keeps megabytes for
 * nothing. The smallest space is emptied most often, a quarter of a millisecond each time; so it is worth growing only where there
 * are many statements.
 */
import { setFlagsFromString } from 'node:v8';

/** Below this rate the small space costs less than one percent of a core. */
const busyPerSecond = 5000;

export class YoungSpace {
  readonly #allow: (growth: boolean) => void;
  #statements = 0;
  #atMs: number;
  #grows = false;

  /** `allow` is V8's switch; tests put their own here. */
  constructor(nowMs: number, allow: (growth: boolean) => void = allowGrowth) {
    this.#allow = allow;
    this.#atMs = nowMs;
    allow(false);
  }

  /** Call about once a second. `statements`: all that came since the gate started. */
  look(statements: number, nowMs: number): void {
    const seconds = (nowMs - this.#atMs) / 1000;
    if (seconds <= 0) return;
    const grows = statements - this.#statements >= busyPerSecond * seconds;
    this.#statements = statements;
    this.#atMs = nowMs;
    if (grows === this.#grows) return;
    this.#grows = grows;
    this.#allow(grows);
  }
}

/** V8 reads this flag each time the space could grow, unlike the sizes, which are fixed when the process begins. */
function allowGrowth(growth: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${growth ? 2 : 1}`);
}
