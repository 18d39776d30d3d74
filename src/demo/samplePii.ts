/**
 * Made-up personal data that is formally valid: numbers carry right check digits, so that detectors which verify them
 * find them. Mail domains and telephone numbers are the ones reserved for fiction.
 */
import type { Random } from './random.ts';

const firstNames =
  'Ada Amara Anna Arjun Aisha Björn Camille Carlos Chloé Daniel Diego Elena Emeka Fatima Felix Grace Hana Ines Ivan Jack Jamal Jürgen Kaito Kofi Laila Leon Lucía Maeve Marta Mei Mohammed Nadia Noah Olga Omar Paul Priya Quinn Rosa Ruth Samir Sofia Tomás Uma Victor Wanjiru Xin Yusuf Zoë'.split(
    ' ',
  );
const lastNames =
  "Abebe Almeida Andersson Bauer Becker Brown Castillo Chen Costa Dubois Eriksen Fernández Fischer García Haddad Hansen Ibrahim Ivanova Jansen Johnson Kaya Kim Kowalski Kumar Lee Lopez Martin Mensah Meyer Moreau Müller Nakamura Nguyen O'Brien Okafor Patel Pereira Petrov Ricci Rossi Sato Schmidt Silva Singh Smith Tanaka Taylor Torres Wang Weber Williams Wilson Yılmaz Zhang".split(
    ' ',
  );
const mailDomains = ['example.com', 'example.org', 'example.net', 'mail.example.com'];
const streets = [
  'Mill Lane',
  'Station Road',
  'Harbour Street',
  'Oak Avenue',
  'Church Hill',
  'Market Square',
  'Ring Road',
];
const cities = [
  'Leeds',
  'Porto',
  'Graz',
  'Austin',
  'Lyon',
  'Gdańsk',
  'Utrecht',
  'Boston',
  'Sevilla',
  'Aarhus',
  'Turin',
];

export interface Person {
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly phone: string;
  readonly ssn: string;
  readonly cardNumber: string;
  readonly birthDate: string;
  readonly street: string;
  readonly city: string;
}

/** A person; `id` keeps the mail address unique. */
export function samplePerson(random: Random, id: number): Person {
  const firstName = random.pick(firstNames);
  const lastName = random.pick(lastNames);
  const mailName = `${ascii(firstName)}.${ascii(lastName)}${id}`.toLowerCase();
  return {
    firstName,
    lastName,
    email: `${mailName}@${random.pick(mailDomains)}`,
    phone: `+1 ${200 + random.int(790)}-555-01${random.digits(2)}`,
    ssn: sampleSsn(random),
    cardNumber: sampleCard(random),
    birthDate: `${1940 + random.int(66)}-${two(1 + random.int(12))}-${two(1 + random.int(28))}`,
    street: `${1 + random.int(240)} ${random.pick(streets)}`,
    city: random.pick(cities),
  };
}

/** Area 001..899 without 666, group 01..99, serial 0001..9999: what the Social Security Administration may assign. */
export function sampleSsn(random: Random): string {
  const area = 1 + random.int(898);
  const safeArea = area === 666 ? 667 : area;
  return `${String(safeArea).padStart(3, '0')}-${two(1 + random.int(99))}-${String(1 + random.int(9999)).padStart(4, '0')}`;
}

/** A card number of 16 digits (15 for American Express) whose last digit is the Luhn check digit (ISO/IEC 7812-1). */
export function sampleCard(random: Random): string {
  const prefix = random.pick(['4', '4', '4', '51', '52', '53', '54', '55', '37', '6011']);
  const length = prefix === '37' ? 15 : 16;
  const body = prefix + random.digits(length - 1 - prefix.length);
  let sum = 0;
  for (let at = 0; at < body.length; at++) {
    const digit = Number(body[body.length - 1 - at]);
    const doubled = at % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return body + String((10 - (sum % 10)) % 10);
}

/** A German or Dutch IBAN with right check digits (ISO 13616: the whole, rotated by four, is 1 modulo 97). */
export function sampleIban(random: Random): string {
  const german = random.int(2) === 0;
  const country = german ? 'DE' : 'NL';
  const account = german ? random.digits(18) : `ABNA${random.digits(10)}`;
  const digits = `${account}${country}00`.replaceAll(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  const check = 98n - (BigInt(digits) % 97n);
  return `${country}${two(Number(check))}${account}`;
}

/** Free text as support staff write it; about two of three mention something personal. */
export function sampleNote(random: Random, person: Person): string {
  const kinds: readonly (() => string)[] = [
    () => 'Prefers delivery in the evening. No further remarks.',
    () => `Called from ${person.phone} about a late parcel, refund promised.`,
    () => `Wants invoices to ${person.email} from now on.`,
    () =>
      `Paid by phone with card ${person.cardNumber.replaceAll(/(\d{4})(?=\d)/g, '$1 ')}, please remove from the ticket.`,
    () => `Identity checked on the phone, SSN ${person.ssn}, date of birth matches.`,
    () => 'Loyal customer since the first shop; likes the blue one.',
    () => `Refund to ${sampleIban(random)} was confirmed by ${person.firstName}.`,
    () => `Logged in from 203.0.113.${random.int(254) + 1}, asked for a password reset to ${person.email}.`,
    () => 'Complained about packaging; voucher sent.',
  ];
  return random.pick(kinds)();
}

/** A profile as applications nest it: PII several levels deep, beside harmless values. */
export function sampleProfile(random: Random, person: Person): object {
  return {
    contact: { email: person.email, phones: [{ kind: 'mobile', number: person.phone }] },
    verified: { ssn: random.int(3) === 0 ? person.ssn : null, level: 1 + random.int(3) },
    preferences: { newsletter: random.int(2) === 0, language: random.pick(['en', 'de', 'fr', 'pt', 'pl']) },
    last_login: { ip: `198.51.100.${random.int(254) + 1}`, device: random.pick(['ios', 'android', 'web']) },
    loyalty: { points: random.int(5000), tier: random.pick(['bronze', 'silver', 'gold']) },
  };
}

function ascii(name: string): string {
  return name
    .normalize('NFD')
    .replaceAll('ı', 'i')
    .replaceAll(/[^A-Za-z]/g, '');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
