/** Whether PEM files hold what their keys in the configuration promise. Nothing of their content is quoted. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const certificateHead = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m;

/** What is wrong with a file of certificates; null: nothing. The first certificate is the one that is presented. */
export function certificateFault(text: string, path: string): string | null {
  if (!certificateHead.test(text))
    return `no certificate in ${path}: a PEM file with -----BEGIN CERTIFICATE----- is needed`;
  return readCertificate(text) === null ? `the certificate in ${path} cannot be read; export it again as PEM` : null;
}

/** What is wrong with a file of a private key; null: nothing. */
export function privateKeyFault(text: string, path: string): string | null {
  if (!/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/m.test(text))
    return `no private key in ${path}: a PEM file with -----BEGIN PRIVATE KEY----- is needed`;
  if (readKey(text) !== null) return null;
  return `the private key in ${path} cannot be read; it must be whole and without a passphrase (openssl pkey -in .. -out ..)`;
}

/** Of a certificate and a key that can both be read. */
export function isPair(certificate: string, key: string): boolean {
  const [first, second] = [readCertificate(certificate), readKey(key)];
  return first !== null && second !== null && first.checkPrivateKey(second);
}

function readCertificate(text: string): X509Certificate | null {
  try {
    return new X509Certificate(text);
  } catch {
    return null;
  }
}

function readKey(text: string): KeyObject | null {
  try {
    return createPrivateKey(text);
  } catch {
    return null;
  }
}
