/** Messages that the gate sends to a target in the client's place. Each function returns whole messages. */
import { Frontend, RequestCode } from './wire.ts';
import type { ByteString } from './text.ts';
import { MessageWriter } from './writer.ts';

/** StartupMessage for protocol 3.`minor`; names and values are UTF-8 text. */
export function startupMessage(minor: number, parameters: Iterable<readonly [string, string]>): Uint8Array {
  const writer = new MessageWriter().beginUntyped().int32((3 << 16) | minor);
  for (const [name, value] of parameters) writer.text(name).text(value);
  return writer.byte(0).end().take();
}

export function sslRequest(): Uint8Array {
  return new MessageWriter().beginUntyped().int32(RequestCode.SSLRequest).end().take();
}

export function cancelRequest(processId: number, secret: Uint8Array): Uint8Array {
  return new MessageWriter().beginUntyped().int32(RequestCode.CancelRequest).int32(processId).raw(secret).end().take();
}

/** Cleartext or MD5 answer, with its zero byte. */
export function passwordMessage(password: Uint8Array): Uint8Array {
  return new MessageWriter().begin(Frontend.PasswordMessage).raw(password).byte(0).end().take();
}

export function saslInitialResponse(mechanism: string, data: Uint8Array): Uint8Array {
  const writer = new MessageWriter().begin(Frontend.PasswordMessage).text(mechanism);
  return writer.int32(data.length).raw(data).end().take();
}

export function saslResponse(data: Uint8Array): Uint8Array {
  return new MessageWriter().begin(Frontend.PasswordMessage).raw(data).end().take();
}

export function query(text: string): Uint8Array {
  return new MessageWriter().begin(Frontend.Query).text(text).end().take();
}

/** Parse without parameter types: the server infers them. `name` as the client wrote it. */
export function parse(name: ByteString, text: string): Uint8Array {
  return new MessageWriter().begin(Frontend.Parse).string(name).text(text).int16(0).end().take();
}

const kindBytes = { statement: 0x53, portal: 0x50 } as const;

export function describe(kind: 'statement' | 'portal', name: ByteString): Uint8Array {
  return new MessageWriter().begin(Frontend.Describe).byte(kindBytes[kind]).string(name).end().take();
}

export function close(kind: 'statement' | 'portal', name: ByteString): Uint8Array {
  return new MessageWriter().begin(Frontend.Close).byte(kindBytes[kind]).string(name).end().take();
}

/** Execute for all rows. */
export function execute(name: ByteString): Uint8Array {
  return new MessageWriter().begin(Frontend.Execute).string(name).int32(0).end().take();
}

export function sync(): Uint8Array {
  return new MessageWriter().begin(Frontend.Sync).end().take();
}

export function flush(): Uint8Array {
  return new MessageWriter().begin(Frontend.Flush).end().take();
}

export function terminate(): Uint8Array {
  return new MessageWriter().begin(Frontend.Terminate).end().take();
}
