// What a model runs on, as the kernel module tells it: folders as the driver writes them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { deviceOf, devices } from '../../src/runtime/device.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

function driverFolder(...gpus: readonly { bus: string; minor: number; model: string }[]): string {
  const folder = temporaryFolder();
  writeFileSync(
    path.join(folder, 'version'),
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (archive)\nGCC version:  gcc 13\n',
  );
  for (const { bus, minor, model } of gpus) {
    mkdirSync(path.join(folder, 'gpus', bus), { recursive: true });
    const text = `Model: \t\t ${model}\nIRQ:   \t\t 88\nBus Location: \t ${bus}\nDevice Minor: \t ${minor}\n`;
    writeFileSync(path.join(folder, 'gpus', bus, 'information'), text);
  }
  return folder;
}
const gpu = (minor: number, model: string) => ({ bus: `0000:0${9 - minor}:00.0`, minor, model });

test('a GPU is told by its name, with its driver and how it multiplies', () => {
  const found = devices(driverFolder(gpu(0, 'NVIDIA H100 80GB HBM3')));
  const expected = { device: 'NVIDIA H100 80GB HBM3', driver: '580.159.04' };
  assert.deepEqual(deviceOf('cuda', false, found), { ...expected, tf32: false });
  assert.deepEqual(deviceOf('cuda', true, found), { ...expected, tf32: true });
});

test('several GPUs are told once where they are alike, and all where they differ', () => {
  const alike = devices(driverFolder(gpu(0, 'A'), gpu(1, 'A')));
  assert.deepEqual([alike.gpus, deviceOf('cuda', false, alike).device], [['A', 'A'], 'A']);
  assert.equal(deviceOf('cuda', false, devices(driverFolder(gpu(1, 'B'), gpu(0, 'A')))).device, 'A, B');
});

test('without a driver there is no GPU to tell, and a processor is told by its name', () => {
  const none = devices(path.join(temporaryFolder(), 'none'));
  assert.deepEqual(none, { gpus: [] });
  assert.deepEqual(deviceOf('cuda', false, none), { device: 'unknown', driver: undefined, tf32: false });
  assert.deepEqual(deviceOf('cpu', true, none), { device: cpus()[0]?.model.trim() || 'unknown' });
});
