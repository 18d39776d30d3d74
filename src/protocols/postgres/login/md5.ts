/** AuthenticationMD5Password. Weak, and still what old targets ask for; never offered to clients of the gate. */
import { createHash } from 'node:crypto';

/** 'md5' + md5(md5(password + user) + salt), hexadecimal. PostgreSQL manual, "Message Flow". `salt` has 4 bytes. */
export function md5Password(user: string, password: string, salt: Uint8Array): string {
  const inner = md5Hex(Buffer.from(password + user, 'utf8'));
  return `md5${md5Hex(Buffer.concat([Buffer.from(inner, 'latin1'), salt]))}`;
}

function md5Hex(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex');
}
