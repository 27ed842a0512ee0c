// This machine's own processor, whatever it is.
import { testProcessor } from './cases.ts';
import { native } from './emulator.ts';

testProcessor(native());
