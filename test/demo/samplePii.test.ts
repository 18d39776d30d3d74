import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/demo/random.ts';
import { sampleCard, sampleIban, samplePerson, sampleSsn } from '../../src/demo/samplePii.ts';

const samples = 2000;

test('card numbers pass the Luhn check', () => {
  const random = new Random(1);
  for (let at = 0; at < samples; at++) {
    const card = sampleCard(random);
    assert.match(card, /^(?:\d{15}|\d{16})$/);
    const sum = [...card].toReversed().reduce((total, digit, place) => {
      const value = Number(digit) * (place % 2 === 0 ? 1 : 2);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    assert.equal(sum % 10, 0, card);
  }
});

test('IBANs are 1 modulo 97', () => {
  const random = new Random(2);
  for (let at = 0; at < samples; at++) {
    const iban = sampleIban(random);
    assert.match(iban, /^(?:DE\d{20}|NL\d{2}ABNA\d{10})$/);
    const digits = (iban.slice(4) + iban.slice(0, 4)).replaceAll(/[A-Z]/g, (letter) =>
      String(letter.charCodeAt(0) - 55),
    );
    assert.equal(BigInt(digits) % 97n, 1n, iban);
  }
});

test('social security numbers are ones that may be assigned', () => {
  const random = new Random(3);
  for (let at = 0; at < samples; at++) {
    assert.match(sampleSsn(random), /^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/);
  }
});

test('people are the same every time, and their mail addresses differ', () => {
  const people = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: samples }, (_, id) => samplePerson(random, id));
  };
  assert.deepEqual(people(4), people(4));
  assert.equal(new Set(people(4).map(({ email }) => email)).size, samples);
  for (const { email } of people(5)) assert.match(email, /^[a-z]+\.[a-z]+\d+@(?:mail\.)?example\.(?:com|org|net)$/);
});
