/** The same as the demo uses; tests reach it here, so that what they share stands in one folder. */
export { freePort } from '../../src/demo/freePort.ts';
