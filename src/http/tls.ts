// TLS from files, read again when they change, so that a certificate is renewed without a restart.
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { firstLine, LoadError, messageOf } from '../core/errors.ts';

export interface TlsFiles {
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Whoever does not show a certificate of this authority is refused; empty: nobody needs one. */
  readonly tlsClientCa: string;
}

const LOOK_MS = 5000;

/** @throws {LoadError} if a file cannot be read, or certificate and key are not a pair. */
function read({ tlsCert, tlsKey, tlsClientCa }: TlsFiles): SecureContextOptions {
  const ca = tlsClientCa === '' ? undefined : readPem('POLYHEAD_TLS_CLIENT_CA', tlsClientCa);
  return { ...readPair({ POLYHEAD_TLS_CERT: tlsCert, POLYHEAD_TLS_KEY: tlsKey }), ca, minVersion: 'TLSv1.2' };
}

/** A certificate and its key, by the settings that name their files. @throws {LoadError} */
export function readPair(files: Readonly<Record<string, string>>): { cert: Buffer; key: Buffer } {
  const [cert, key] = Object.entries(files).map(([setting, file]) => readPem(setting, file));
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const names = Object.keys(files).join(' and ');
    throw new LoadError(names, `are no certificate (PEM) and its key: ${firstLine(messageOf(error))}`);
  }
  return { cert, key };
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new LoadError(setting, `: "${file}" cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** What an HTTPS server is made with; undefined without certificates. @throws {LoadError} as `read` does. */
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
