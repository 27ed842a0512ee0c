// The settings of the supervisor and the processes under it.
import { auto, setting, spares, whole } from './setting.ts';

export const PROCESS_SETTINGS = {
  processes: setting('POLYHEAD_PROCESSES', auto, 1, 'serving processes on one port; auto: by cores and memory'),
  spareProcesses: setting(
    'POLYHEAD_SPARE_PROCESSES',
    spares,
    'auto',
    "processes that wait, models loaded, to take a dead one's place at once; auto: 1 where several serve",
  ),
  operationsPort: setting('POLYHEAD_OPERATIONS_PORT', whole(0, 65535), 0, 'port for health and metrics alone; 0: none'),
  hangTimeoutMs: setting('POLYHEAD_HANG_TIMEOUT_MS', whole(1000, 1e7), 10_000, 'when a silent process is killed'),
} as const;
