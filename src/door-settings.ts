// The settings of who may come in, and how: TLS, proxies, quotas, keys.
import { z } from 'zod';
import { apiKey, listOf, MIB, setting, whole } from './setting.ts';

export const DOOR_SETTINGS = {
  tlsCert: setting('POLYHEAD_TLS_CERT', z.string(), '', 'certificate chain (PEM); with it the server speaks HTTPS'),
  tlsKey: setting('POLYHEAD_TLS_KEY', z.string(), '', 'its key (PEM); both files are read again when they change'),
  tlsClientCa: setting(
    'POLYHEAD_TLS_CLIENT_CA',
    z.string(),
    '',
    'authority (PEM) whose certificate every caller has to show',
  ),
  trustedProxies: setting(
    'POLYHEAD_TRUSTED_PROXIES',
    listOf(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'expected addresses or CIDR ranges')),
    '',
    'proxies whose X-Forwarded-For is believed: addresses or CIDR ranges, separated by commas',
  ),
  quotaPerMinute: setting(
    'POLYHEAD_QUOTA_PER_MINUTE',
    whole(0, 1e9),
    0,
    'most requests of one API key, of all keys of one name together, or of one address (IPv6: of one /64 network) without keys, in a minute, by whatever door; 0 for no quota',
  ),
  uploadBytes: setting(
    'POLYHEAD_UPLOAD_BYTES',
    whole(1024, 1e12),
    256 * MIB,
    'most bytes of bodies in memory, of all requests that are being read or answered, and of answers that wait to be read',
  ),
  maxAnswerBytes: setting(
    'POLYHEAD_MAX_ANSWER_BYTES',
    whole(1024, 1024 * MIB),
    64 * MIB,
    'largest answer; more is refused, with 413 or RESOURCE_EXHAUSTED',
  ),
  metrics: setting(
    'POLYHEAD_METRICS',
    z.enum(['keys', 'public']),
    'keys',
    'who may read /metrics where there are API keys: those with one for it, or all',
  ),
  auth: setting('POLYHEAD_AUTH', z.enum(['auto', 'off']), 'auto', 'off: listen beyond loopback without API keys'),
  apiKeys: {
    ...setting(
      'POLYHEAD_API_KEYS',
      listOf(apiKey),
      '',
      'keys, separated by commas, that callers send as "Authorization: Bearer <key>"; each may be NAME:KEY, or NAME:ROLES:KEY with roles such as predict+metrics (predict, control, metrics); what is sent may be KEY or the whole',
    ),
    secret: true,
  },
} as const;
