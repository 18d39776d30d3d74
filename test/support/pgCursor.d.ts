/** The package brings no types of its own; this is what the tests use (its README). */
declare module 'pg-cursor' {
  import type { Submittable } from 'pg';

  export default class Cursor<Row = unknown> implements Submittable {
    constructor(text: string, values?: readonly unknown[], config?: { rowMode?: 'array' });
    submit(connection: unknown): void;
    read(maxRows: number): Promise<Row[]>;
    close(): Promise<void>;
  }
}
