// AVX2 without VNNI: AMD Zen 2 and 3, Intel before Ice Lake, and so most of the cloud. Sums of 8-bit products saturate.
import { testProcessor } from './cases.ts';
import { emulated, emulatorMissing } from './emulator.ts';

testProcessor(emulated('Haswell', true), emulatorMissing());
