/** Before anything is measured: the gate does the work that its numbers are about. A gate that lets all through is fast. */
import { Client } from 'pg';
import type { Endpoint } from './client.ts';
import { bulkSql } from './sampleData.ts';

type Person = Readonly<Record<string, unknown>>;

const rowsChecked = 400;
const maskedColumns = ['email', 'ssn', 'card'];
const untouchedColumns = ['id', 'name', 'note', 'created_at'];

/** Throws unless the masked columns differ in every row, and with detectors also the notes that hold personal data. */
export async function verifyMasks(direct: Endpoint, masked: Endpoint, detect: Endpoint): Promise<void> {
  const [raw, byColumn, byContent] = [await people(direct), await people(masked), await people(detect)];
  const differing = (rows: readonly Person[], column: string): number =>
    rows.filter((row, at) => String(row[column]) !== String(raw[at][column])).length;
  const faults: string[] = [];
  for (const column of maskedColumns) {
    if (differing(byColumn, column) !== rowsChecked) faults.push(`${column} is not masked in every row`);
    if (differing(byContent, column) !== rowsChecked)
      faults.push(`with detectors, ${column} is not masked in every row`);
  }
  for (const column of untouchedColumns) if (differing(byColumn, column) !== 0) faults.push(`${column} is changed`);
  if (differing(byContent, 'note') !== rowsChecked / 50) faults.push('detectors do not find what the notes hold');
  if (faults.length > 0) throw new Error(`the gate does not mask as its policy says: ${faults.join('; ')}`);
}

async function people(endpoint: Endpoint): Promise<readonly Person[]> {
  const client = new Client({ ...endpoint });
  await client.connect();
  try {
    const { rows } = await client.query<Person>(`${bulkSql} where id <= ${rowsChecked} order by id`);
    if (rows.length !== rowsChecked) throw new Error(`${rows.length} of ${rowsChecked} rows arrived`);
    return rows;
  } finally {
    await client.end();
  }
}
