/** The SQL in the source of a function: SQL-standard bodies come as `BEGIN ATOMIC ..; END` or `RETURN expression`. */
export function sqlBody(source: string): string {
  const atomic = /^\s*BEGIN\s+ATOMIC\s([\s\S]*)\bEND\s*$/.exec(source);
  if (atomic !== null) return atomic[1];
  return source.replace(/^\s*RETURN\s/, 'SELECT ');
}
