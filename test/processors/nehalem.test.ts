// SSE4.2 and nothing newer: the runtime's oldest arithmetic, which widens to 16 bits before it multiplies.
import { testProcessor } from './cases.ts';
import { emulated, emulatorMissing } from './emulator.ts';

testProcessor(emulated('Nehalem', false), emulatorMissing());
