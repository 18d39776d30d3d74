/**
 * The sample database `shop`: customers with personal data in columns, JSON and free text; products, orders, payments.
 * Deterministic, and loaded with COPY.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Random } from './random.ts';
import { sampleCard, sampleIban, sampleNote, samplePerson, sampleProfile } from './samplePii.ts';

const tables = `
create table customers (
  id bigint primary key, first_name text not null, last_name text not null, email text not null, phone text,
  ssn text, card_number text, birth_date date, address text, city text, profile jsonb not null, notes text,
  created_at timestamptz not null);
create table products (id bigint primary key, name text not null, price numeric(10,2) not null);
create table orders (
  id bigint primary key, customer_id bigint not null, status text not null, total numeric(12,2) not null,
  created_at timestamptz not null);
create table order_items (
  order_id bigint not null, line int not null, product_id bigint not null, quantity int not null, price numeric(10,2) not null);
create table payments (
  id bigint primary key, order_id bigint not null, method text not null, card_number text, iban text,
  amount numeric(12,2) not null, paid_at timestamptz not null);
`;

// Keys and indexes are cheaper to build once than to maintain while loading.
const finish = `
alter table order_items add primary key (order_id, line);
alter table orders add foreign key (customer_id) references customers;
alter table payments add foreign key (order_id) references orders;
create unique index on customers (email);
create index on orders (customer_id);
create index on payments (order_id);
analyze;
`;

const adjectives = ['Blue', 'Quiet', 'Sturdy', 'Folding', 'Organic', 'Compact', 'Vintage', 'Wireless'];
const nouns = ['Lamp', 'Kettle', 'Backpack', 'Notebook', 'Chair', 'Bicycle Bell', 'Raincoat', 'Teapot', 'Headset'];
const productCount = adjectives.length * nouns.length;

export interface ShopCounts {
  readonly customers: number;
  readonly orders: number;
  readonly orderItems: number;
  readonly payments: number;
}

/** Creates and fills the tables in schema `public`. `progress` is told what happens, in words. */
export async function loadSampleShop(
  client: Client,
  customers: number,
  progress: (text: string) => void,
): Promise<ShopCounts> {
  await client.query(tables);
  await copy(client, 'products', productRows());
  progress('customers');
  await copy(client, 'customers', customerRows(customers));
  progress('orders and payments');
  const counts = { customers, orders: 0, orderItems: 0, payments: 0 };
  await copy(
    client,
    'orders',
    orderRows(customers, (items) => {
      counts.orders++;
      counts.orderItems += items;
    }),
  );
  await copy(client, 'order_items', orderItemRows(customers));
  await copy(
    client,
    'payments',
    paymentRows(customers, () => counts.payments++),
  );
  progress('indexes');
  await client.query(finish);
  return counts;
}

async function copy(client: Client, table: string, rows: Iterable<readonly Cell[]>): Promise<void> {
  const stream: Writable = client.query(copyFrom(`copy ${table} from stdin`));
  const done = finished(stream);
  const batchBytes = 1 << 16;
  let batch = '';
  for (const row of rows) {
    batch += `${row.map(copyText).join('\t')}\n`;
    if (batch.length < batchBytes) continue;
    if (!stream.write(batch)) await Promise.race([once(stream, 'drain'), done]);
    batch = '';
  }
  stream.end(batch);
  await done;
}

type Cell = string | number | null;

/** One value in COPY's text format (PostgreSQL, sql-copy, "Text Format"). */
function copyText(value: Cell): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  return value.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}

function* productRows(): Generator<Cell[]> {
  const random = new Random(11);
  let id = 1;
  for (const adjective of adjectives)
    for (const noun of nouns) yield [id++, `${adjective} ${noun}`, money(500 + random.int(19_500))];
}

function* customerRows(count: number): Generator<Cell[]> {
  const random = new Random(22);
  for (let id = 1; id <= count; id++) {
    const person = samplePerson(random, id);
    const { firstName, lastName, email, phone, ssn, cardNumber, birthDate, street, city } = person;
    const profile = JSON.stringify(sampleProfile(random, person));
    const notes = random.int(4) === 0 ? null : sampleNote(random, person);
    // Some say nothing about themselves: NULL has to stay NULL.
    const ssnOrNull = random.int(12) === 0 ? null : ssn;
    const address = `${street}, ${city}`;
    yield [
      id,
      firstName,
      lastName,
      email,
      phone,
      ssnOrNull,
      cardNumber,
      birthDate,
      address,
      city,
      profile,
      notes,
      moment(random),
    ];
  }
}

interface Order {
  readonly id: number;
  readonly customer: number;
  readonly items: readonly { readonly product: number; readonly quantity: number; readonly cents: number }[];
  readonly random: Random;
}

/** Two orders a customer on average. The three tables below walk the same sequence. */
function* sampleOrders(customers: number): Generator<Order> {
  const random = new Random(33);
  for (let id = 1; id <= customers * 2; id++) {
    const items = Array.from({ length: 1 + random.int(3) }, () => ({
      product: 1 + random.int(productCount),
      quantity: 1 + random.int(3),
      cents: 500 + random.int(19_500),
    }));
    yield { id, customer: 1 + random.int(customers), items, random: new Random(id * 7919) };
  }
}

function* orderRows(customers: number, counted: (items: number) => void): Generator<Cell[]> {
  for (const { id, customer, items, random } of sampleOrders(customers)) {
    counted(items.length);
    yield [
      id,
      customer,
      random.pick(['open', 'paid', 'shipped', 'returned']),
      money(totalCents(items)),
      moment(random),
    ];
  }
}

function* orderItemRows(customers: number): Generator<Cell[]> {
  for (const { id, items } of sampleOrders(customers))
    for (const [line, item] of items.entries()) yield [id, line + 1, item.product, item.quantity, money(item.cents)];
}

function* paymentRows(customers: number, counted: () => void): Generator<Cell[]> {
  for (const { id, items, random } of sampleOrders(customers)) {
    if (random.int(5) === 0) continue;
    counted();
    const byCard = random.int(2) === 0;
    const card = byCard ? sampleCard(random) : null;
    yield [
      id,
      id,
      byCard ? 'card' : 'transfer',
      card,
      byCard ? null : sampleIban(random),
      money(totalCents(items)),
      moment(random),
    ];
  }
}

function totalCents(items: Order['items']): number {
  return items.reduce((sum, item) => sum + item.quantity * item.cents, 0);
}

function money(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** A moment in 2024 or 2025, to the second. */
function moment(random: Random): string {
  const start = Date.UTC(2024, 0, 1);
  return new Date(start + random.int(730 * 86_400) * 1000).toISOString();
}
