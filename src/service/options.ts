// What a service is started with.
import type { RegistryOptions } from './registry.ts';

export interface ServiceOptions {
  readonly modelRepository: string;
  /** Whether one refused model keeps the whole service from starting. */
  readonly strictRepository: boolean;
  readonly version: string;
  readonly models: RegistryOptions;
  /** Keys of 32 bytes that seal state tokens, the first, and open them, all; none: a random one. */
  readonly stateKeys: readonly Buffer[];
  readonly stateTokenTtlS: number;
  /** `memory`, or the address of a Redis. */
  readonly streamStore: string;
  readonly streamIdleTimeoutS: number;
  readonly maxStreams: number;
  readonly streamBytes: number;
  /** Most sequences, or rows, of one request. */
  readonly maxSequences: number;
  /** Most bytes of bodies and answers in memory, over all skins. */
  readonly uploadBytes: number;
  /** Most requests of one caller in a minute, over all skins; 0 for no quota. */
  readonly quotaPerMinute: number;
  /** A run that takes longer makes the service unready. */
  readonly runTimeoutMs: number;
  /** How long a shadow may take. */
  readonly requestTimeoutMs: number;
  /** Whether changes of the repository are taken over while serving, and how they are noticed. */
  readonly reload: 'off' | 'watch' | 'poll';
  readonly reloadIntervalS: number;
}
