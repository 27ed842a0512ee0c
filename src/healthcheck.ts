// Whether the server of this configuration answers, for a container's health check: ends with 0 if /livez does, else with 1.
import http from 'node:http';
import https from 'node:https';
import { readInvocation } from './config.ts';

const WAIT_MS = 2500;

const invocation = readInvocation([]);
if (!('config' in invocation)) throw new Error('a health check takes no flags');
const { host, port, tlsCert, tlsClientCa } = invocation.config;
const local = { port, host: /^(0\.0\.0\.0|::)$/.test(host) ? '127.0.0.1' : host, path: '/livez', timeout: WAIT_MS };
const end = (alive: boolean) => process.exit(alive ? 0 : 1);
// To itself it need not prove who it is; where every caller has to, that it asks for a certificate shows that it lives.
const request =
  tlsCert === '' ? http.get(local) : https.get({ ...local, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
request.on('response', reply => end(reply.statusCode === 200));
request.on('timeout', () => end(false));
request.on('error', (error: NodeJS.ErrnoException) => end(tlsClientCa !== '' && /^ERR_SSL_/.test(error.code ?? '')));
