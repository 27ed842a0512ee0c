// Inflates one message, counting what comes out as it comes: grpc-js' own hands it on when all of it lies in memory.
import { createGunzip, createInflate } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';

/** Rejects with a status, as grpc-js' own does, also when `take` says that there is no room. */
export function inflated(
  bytes: Buffer,
  encoding: 'gzip' | 'deflate',
  mostBytes: number,
  take: (bytes: number) => boolean,
): Promise<Buffer> {
  const inflater = encoding === 'gzip' ? createGunzip() : createInflate();
  const parts: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const fail = (code: grpc.status, details: string) => {
      inflater.destroy();
      reject({ code, details });
    };
    inflater.on('error', () => fail(grpc.status.INVALID_ARGUMENT, 'the compressed message is damaged'));
    inflater.on('data', (part: Buffer) => {
      length += part.length;
      parts.push(part);
      if (length > mostBytes)
        fail(grpc.status.RESOURCE_EXHAUSTED, `the message inflates to more than ${mostBytes} bytes`);
      else if (!take(part.length)) fail(grpc.status.RESOURCE_EXHAUSTED, 'there is no room for the message');
    });
    inflater.on('end', () => resolve(Buffer.concat(parts, length)));
    inflater.end(bytes);
  });
}
