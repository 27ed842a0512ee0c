// A folder that cannot be read, also by the superuser, who is nobody meanwhile.
import { chmodSync, statSync } from 'node:fs';
import path from 'node:path';

const NOBODY = 65534;

export async function whileUnreadable<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const { mode } = statSync(folder);
  const superuser = process.geteuid?.() === 0;
  chmodSync(folder, 0o000);
  chmodSync(path.dirname(folder), 0o755);
  if (superuser) process.seteuid?.(NOBODY);
  try {
    return await act();
  } finally {
    if (superuser) process.seteuid?.(0);
    chmodSync(folder, mode);
  }
}
