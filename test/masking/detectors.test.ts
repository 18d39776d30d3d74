/** Every detector: what it must find, and the benign twins that it must leave alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHasher } from '../../src/masking/hash.ts';
import { createTextMasker } from '../../src/masking/textScan.ts';
import { HASH_KEY, REDACT } from './support.ts';
import type { DetectorName } from '../../src/masking/detectorNames.ts';

const R = '[redacted]';
const base64 = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKE';
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';
const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----';
const gh = 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';
// Built from parts, so that scanners of this repository do not take the samples for real keys.
const slack = ['xoxb', '123456789012', '123456789012', 'AbCdEfGhIjKlMnOpQrStUvWx'].join('-');
const stripe = ['sk', 'live', '4eC39HqLyjWDarjtT1zdp7dc'].join('_');

/** Value and what becomes of it under `redact`. */
type Positive = readonly [value: string, masked: string];
interface Case {
  readonly positives: readonly Positive[];
  readonly negatives: readonly string[];
}

const cases: Readonly<Record<DetectorName, Case>> = {
  email: {
    positives: [
      ['jane@example.com', R],
      ['write to jane.doe+tag@mail.example.co.uk, please', `write to ${R}, please`],
      ['<jane@example.com>', `<${R}>`],
      ['mailto:jane@example.com?subject=x', `mailto:${R}?subject=x`],
      ['email=jane@example.com', `email=${R}`],
      ['a@b.io;c@d.io', `${R};${R}`],
      ['Jane@EXAMPLE.COM.', `${R}.`],
      ['"jane doe"@example.com', R],
      ['jöhn@exämple.de', R],
      ['用户@例子.公司', R],
      ['jane@[192.0.2.1]', R],
      ["o'brien@example.ie", R],
      ['jane＠example．com', R],
      ['ja\u200bne@example.com', R],
    ],
    negatives: [
      '@handle',
      'user@localhost',
      'a @ b.com',
      'jane@',
      '@example.com',
      'price @ 3.50',
      'x@1.2.3',
      'jane@.com',
      'me@example.c',
      '5@10.20',
      'npm i left-pad@1.3.0',
    ],
  },
  credit_card: {
    positives: [
      ['4111111111111111', R],
      ['4111 1111 1111 1111', R],
      ['4111-1111-1111-1111', R],
      ['4111.1111.1111.1111', R],
      ['card: 5500005555555559.', `card: ${R}.`],
      ['378282246310005', R],
      ['3782 822463 10005', R],
      ['30569309025904', R],
      ['6011111111111117', R],
      ['3530111333300000', R],
      ['2223003122003222', R],
      ['4222222222222', R],
      ['6304000000000000', R],
      ['exp 12/27 4111 1111 1111 1111 cvv 123', `exp 12/27 ${R} cvv 123`],
      ['４１１１１１１１１１１１１１１１', R],
      ['x4111111111111111y', `x${R}y`],
    ],
    negatives: [
      '4111111111111112',
      '1234567890123456',
      '411111111111111',
      '41111111111111111111',
      '0.4111111111111111',
      '1700000000000',
      '1700000000000000',
      '9999999999999995',
      '2024-05-17 10:22:31',
      '4111:1111:1111:1111',
      '4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1',
      '4000000000000000',
    ],
  },
  us_ssn: {
    positives: [
      ['123-45-6789', R],
      ['123 45 6789', R],
      ['123.45.6789', R],
      ['SSN 078-05-1120.', `SSN ${R}.`],
      ['(899-99-9999)', `(${R})`],
      ['001-01-0001', R],
      ['ssn:123456789', `ssn:${R}`],
      ['SSN is 123456789', `SSN is ${R}`],
      ['Social Security number 123456789', `Social Security number ${R}`],
      ['123‑45‑6789', R],
      ['a,123-45-6789,b', `a,${R},b`],
    ],
    negatives: [
      '000-45-6789',
      '666-45-6789',
      '900-45-6789',
      '123-00-6789',
      '123-45-0000',
      '123456789',
      '123-456-789',
      '1123-45-6789',
      '123-45-67890',
      '1-123-45-6789',
      '123-45-6789-1',
      '123-45 6789',
      'AB123-45-6789',
      'order 123456789',
    ],
  },
  phone: {
    positives: [
      ['+14155552671', R],
      ['+1 (415) 555-2671', R],
      ['+44 20 7946 0958', R],
      ['+49-30-1234567', R],
      ['(415) 555-2671', R],
      ['415-555-2671', R],
      ['415.555.2671', R],
      ['415 555 2671', R],
      ['1-415-555-2671', R],
      ['020 7946 0958', R],
      ['06 12 34 56 78', R],
      ['0171/1234567', R],
      ['0044 20 7946 0958', R],
      ['phone: 4155552671', `phone: ${R}`],
      ['call +33612345678 now', `call ${R} now`],
    ],
    negatives: [
      '2024-05-17',
      '17.05.2024',
      '01.02.2024',
      '01-02-2024',
      '10:22:31.123456',
      '4155552671',
      '1234567890123',
      '12345',
      '3.14159265358979',
      '415-55-2671',
      '555-2671',
      '100000-200000',
      '1+23456789',
      '2024-05-17 10:22:31.123456+00',
      '192.168.100.1',
      'SKU-415-555-2671',
    ],
  },
  iban: {
    positives: [
      ['DE89370400440532013000', R],
      ['DE89 3704 0044 0532 0130 00', R],
      ['GB82 WEST 1234 5698 7654 32', R],
      ['FR1420041010050500013M02606', R],
      ['NL91ABNA0417164300', R],
      ['CH9300762011623852957', R],
      ['NO9386011117947', R],
      ['ES9121000418450200051332', R],
      ['de89370400440532013000', R],
      ['pay to MT84MALT011000012345MTLCAST001S today', `pay to ${R} today`],
      ['DE89-3704-0044-0532-0130-00', R],
    ],
    negatives: [
      'DE88370400440532013000',
      'DE8937040044053201300',
      'XX89370400440532013000',
      'DE893704004405320130001',
      'ADE89370400440532013000',
      'DE89',
      'GB82WEST',
      'AB12CD34EF56GH78IJ90',
      'DE89/3704/0044/0532/0130/00',
      'DE89  3704 0044 0532 0130 00',
    ],
  },
  ipv4: {
    positives: [
      ['192.168.1.1', R],
      ['10.0.0.1:8080', `${R}:8080`],
      ['10.0.0.0/24', `${R}/24`],
      ['from 8.8.8.8 to 8.8.4.4', `from ${R} to ${R}`],
      ['255.255.255.255', R],
      ['0.0.0.0', R],
      ['(172.16.0.9)', `(${R})`],
      ['ip=203.0.113.7;', `ip=${R};`],
      ['at 1.2.3.4.', `at ${R}.`],
      ['192.168.001.001', R],
    ],
    negatives: [
      '256.1.1.1',
      '1.2.3',
      '1.2.3.4.5',
      'v1.2.3.4',
      '1.2.3.4beta',
      '1.2.3.',
      '1..2.3.4',
      '1.2.3.1234',
      '10,0,0,1',
      '3.14.15',
      'x_1.2.3.4',
    ],
  },
  ipv6: {
    positives: [
      ['2001:db8::1', R],
      ['2001:0db8:85a3:0000:0000:8a2e:0370:7334', R],
      ['fe80::1', R],
      ['fd00::1234', R],
      ['::1', R],
      ['::ffff:192.0.2.1', R],
      ['[2001:db8::1]:443', `[${R}]:443`],
      ['from 2001:db8:0:1::42 ok', `from ${R} ok`],
      ['2001:db8::/32', `2001:db8::/32`.replace('2001:db8::', R)],
      ['FE80::AB12:1', R],
      ['1:2:3:4:5:6:7:8', R],
    ],
    negatives: [
      '10:22:31',
      '00:1a:2b:3c:4d:5e',
      'std::vector',
      'Foo::Bar',
      'a::b',
      '::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '2001:db8:::1',
      '12345::1',
      'x::int',
      '2001:db8::g1',
    ],
  },
  jwt: {
    positives: [
      [jwt, R],
      [`Bearer ${jwt}`, `Bearer ${R}`],
      [`token=${jwt};`, `token=${R};`],
      [`"${jwt}"`, `"${R}"`],
      [`${jwt} ${jwt}`, `${R} ${R}`],
      ['eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.', R],
      [`eyJhbGciOiJSU0EifQ.c29tZWtleXNvbWVrZXk.aXYxMjM0.Y2lwaGVy.dGFnMTIz`, R],
      [`(${jwt})`, `(${R})`],
      [`a\n${jwt}\nb`, `a\n${R}\nb`],
      [`https://x.example/?t=${jwt}`, `https://x.example/?t=${R}`],
    ],
    negatives: [
      'eyJhbGciOiJIUzI1NiJ9',
      'eyJ.eyJ.x',
      'eyJfoo.bar.baz',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0',
      'heyJude.loves.you',
      'EYJHBGCIOIJIUZI1.aaaaaaaaaaaa.b',
      'xeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x',
      'John.Doe.Smith.Jones.Long.Name',
      'eyJhbGciOiJIUzI1NiJ9 . eyJzdWIiOiIxIn0 . x',
      'a.b.c',
    ],
  },
  aws_key: {
    positives: [
      ['AKIAIOSFODNN7EXAMPLE', R],
      ['ASIAIOSFODNN7EXAMPLE', R],
      ['AROAIOSFODNN7EXAMPLE', R],
      ['key AKIAIOSFODNN7EXAMPLE.', `key ${R}.`],
      [`aws_secret_access_key = ${base64}`, `aws_secret_access_key = ${R}`],
      [base64, R],
      [`AKIAIOSFODNN7EXAMPLE ${base64}`, `${R} ${R}`],
      ['AKIAIOSFODNN7EXAMPLE/20240517/us-east-1', `${R}/20240517/us-east-1`],
      [`SECRET: ${base64}`, `SECRET: ${R}`],
      ['"AKIAIOSFODNN7EXAMPLE"', `"${R}"`],
    ],
    negatives: [
      'AKIAIOSFODNN7EXAMPL',
      'AKIAIOSFODNN7EXAMPLEX',
      'AKIAiosfodnn7example',
      'XKIAIOSFODNN7EXAMPLE',
      'da39a3ee5e6b4b0d3255bfef95601890afd80709',
      'DA39A3EE5E6B4B0D3255BFEF95601890AFD80709',
      `digest ${base64}`,
      'AKIA',
      'THEQUICKBROWNFOXJUMP',
      'commit da39a3ee5e6b4b0d3255bfef95601890afd80709 secret',
    ],
  },
  github_token: {
    positives: [
      [`ghp_${gh}`, R],
      [`gho_${gh}`, R],
      [`ghu_${gh}`, R],
      [`ghs_${gh}`, R],
      [`ghr_${gh}`, R],
      [`github_pat_11ABCDEFG0${gh}_${gh}`, R],
      [`token ghp_${gh}, ok`, `token ${R}, ok`],
      [`https://ghp_${gh}@github.com`, `https://${R}@github.com`],
      [`"ghp_${gh}"`, `"${R}"`],
      [`GITHUB_TOKEN=ghp_${gh}`, `GITHUB_TOKEN=${R}`],
    ],
    negatives: [
      'ghp_short',
      'ghx_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8',
      `xghp_${gh}`,
      'github_pat_',
      `ghp-${gh}`,
      `GHP_${gh}`,
      'gh_pages_branch_name',
      `ghp_ ${gh}`,
      'ghp_1234567890',
      `_gh_${gh}`,
    ],
  },
  slack_token: {
    positives: [
      [slack, R],
      [slack.replace('xoxb', 'xoxp'), R],
      [slack.replace('xoxb', 'xoxa'), R],
      [slack.replace('xoxb', 'xoxr'), R],
      [slack.replace('xoxb', 'xapp'), R],
      [slack.replace('xoxb', 'xoxe.xoxp'), R],
      [`token ${slack}.`, `token ${R}.`],
      [`"${slack}"`, `"${R}"`],
      [`SLACK=${slack};`, `SLACK=${R};`],
      ['https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX', `https://${R}`],
    ],
    negatives: [
      'xoxb-',
      'xoxb-short',
      'xox-1234567890123',
      'hooks.slack.com/docs',
      'xoxo-hugs-and-kisses',
      'xapp-store',
      slack.replace('xoxb', 'axoxb'),
      slack.replace('xoxb-', 'xoxb_'),
      'https://hooks.slack.com/',
      'example-text-1234567890',
    ],
  },
  stripe_key: {
    positives: [
      [stripe, R],
      [stripe.replace('live', 'test'), R],
      [stripe.replace('sk', 'rk'), R],
      [stripe.replace('sk', 'rk').replace('live', 'test'), R],
      ['whsec_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6', R],
      [`key=${stripe}`, `key=${R}`],
      [`"${stripe}"`, `"${R}"`],
      [`use ${stripe}, now`, `use ${R}, now`],
      [`${stripe}\n`, `${R}\n`],
      [`${stripe} ${stripe}`, `${R} ${R}`],
    ],
    negatives: [
      stripe.replace('sk', 'pk'),
      'sk_live_short',
      'sk_prod_4eC39HqLyjWDarjtT1zdp7dc',
      stripe.replace('sk', 'ask'),
      'whsec_short',
      'SK_LIVE_4eC39HqLyjWDarjtT1zdp7dc',
      'task_test_results_are_in_the_table',
      'sk-live-4eC39HqLyjWDarjtT1zdp7dc',
      'risk_live_view_of_all_the_things_x',
      'sk_test_',
    ],
  },
  private_key: {
    positives: [
      [pem, R],
      [`a ${pem} b`, `a ${R} b`],
      [pem.replaceAll('RSA ', ''), R],
      [pem.replaceAll('RSA', 'EC'), R],
      [pem.replaceAll('RSA', 'OPENSSH'), R],
      [pem.replaceAll('RSA', 'ENCRYPTED'), R],
      [pem.replaceAll('PRIVATE KEY', 'PRIVATE KEY BLOCK').replaceAll('RSA', 'PGP'), R],
      [pem.slice(0, -30), R],
      ['-----BEGIN PRIVATE KEY-----', R],
      [`${pem}\n${pem}`, `${R}\n${R}`],
    ],
    negatives: [
      pem.replaceAll('RSA PRIVATE', 'PUBLIC'),
      pem.replaceAll('RSA PRIVATE KEY', 'CERTIFICATE'),
      '-----BEGIN',
      'BEGIN PRIVATE KEY',
      '--- BEGIN PRIVATE KEY ---',
      'a private key',
      '-----END RSA PRIVATE KEY-----',
      'MIIEpAIBAAKCAQEA',
      '-----BEGIN PGP MESSAGE-----',
      'PRIVATE KEY',
      '-----begin private key-----',
    ],
  },
};

const hasher = createHasher(HASH_KEY);

for (const [name, { positives, negatives }] of Object.entries(cases)) {
  const masker = createTextMasker([{ name, mask: REDACT }], [], 'utf8', hasher);
  const apply = (value: string): string => {
    const bytes = Buffer.from(`77${value}77`, 'utf8');
    // The digits around the value are other values' bytes and must not be read.
    const out = masker.mask(bytes, 2, bytes.length - 2);
    return out === null ? value : Buffer.from(out).toString('utf8');
  };

  test(`${name}: finds`, () => {
    assert.ok(positives.length >= 10);
    for (const [value, expected] of positives) assert.equal(apply(value), expected, value);
  });

  test(`${name}: leaves benign twins`, () => {
    assert.ok(negatives.length >= 10);
    for (const value of negatives) assert.equal(apply(value), value, value);
  });
}

test('custom detectors use RE2 and see byte offsets', () => {
  const masker = createTextMasker(
    [{ name: 'badge', mask: REDACT }],
    [{ name: 'badge', pattern: '\\bB-[0-9]{4}\\b' }],
    'utf8',
    hasher,
  );
  const apply = (value: string): string =>
    Buffer.from(masker.mask(Buffer.from(value), 0, Buffer.byteLength(value)) ?? value).toString();
  assert.equal(apply('é B-1234 é B-9999'), `é ${R} é ${R}`);
  assert.equal(apply('AB-1234'), 'AB-1234');
});

test('a pattern that matches nothing but the empty text ends', () => {
  const masker = createTextMasker(
    [{ name: 'empty', mask: REDACT }],
    [{ name: 'empty', pattern: 'x*' }],
    'utf8',
    hasher,
  );
  assert.equal(masker.mask(Buffer.from('aaaé'), 0, 5), null);
  assert.equal(Buffer.from(masker.mask(Buffer.from('axxa'), 0, 4) ?? []).toString(), `a${R}a`);
});

test('overlapping matches become one, with the stronger mask', () => {
  const plans = [
    { name: 'email', mask: { kind: 'email' } as const },
    { name: 'host', mask: REDACT },
  ];
  const masker = createTextMasker(plans, [{ name: 'host', pattern: 'example\\.com:[0-9]+' }], 'utf8', hasher);
  const value = Buffer.from('see jane@example.com:8080!');
  assert.equal(Buffer.from(masker.mask(value, 0, value.length) ?? []).toString(), `see ${R}!`);
});
