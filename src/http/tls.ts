// TLS from files, read again when they change, so that a certificate is renewed without a restart.
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../core/errors.ts';

export interface TlsFiles {
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Whoever does not show a certificate of this authority is refused; empty: nobody needs one. */
  readonly tlsClientCa: string;
}

const LOOK_MS = 5000;

/** @throws {Error} if a file cannot be read, or certificate and key are not a pair. */
function read({ tlsCert, tlsKey, tlsClientCa }: TlsFiles): SecureContextOptions {
  const options = {
    cert: readFileSync(tlsCert),
    key: readFileSync(tlsKey),
    ca: tlsClientCa === '' ? undefined : readFileSync(tlsClientCa),
    minVersion: 'TLSv1.2',
  } as const;
  createSecureContext(options);
  return options;
}

/** What an HTTPS server is made with; undefined without certificates. @throws {Error} as `read` does. */
export function tlsOptions(files: TlsFiles): (SecureContextOptions & { requestCert: boolean }) | undefined {
  return files.tlsCert === '' ? undefined : { ...read(files), requestCert: files.tlsClientCa !== '' };
}

/** Takes over changed files for connections from then on; a pair that does not fit, half written, is told and left. */
export function installTls(app: FastifyInstance, files: TlsFiles, lookMs = LOOK_MS): void {
  if (files.tlsCert === '') return;
  const server = app.server as typeof app.server & { setSecureContext(options: SecureContextOptions): void };
  const names = [files.tlsCert, files.tlsKey, files.tlsClientCa].filter(Boolean);
  const renew = () => {
    try {
      server.setSecureContext(read(files));
      app.log.info('the certificate was read again');
    } catch (error) {
      app.log.error({ reason: messageOf(error) }, 'the changed certificate is not taken; the old one stays');
    }
  };
  for (const name of names) watchFile(name, { interval: lookMs, persistent: false }, renew);
  app.addHook('onClose', async () => {
    for (const name of names) unwatchFile(name, renew);
  });
}
