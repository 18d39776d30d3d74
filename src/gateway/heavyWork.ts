/** The tasks that threads of the gate run, by name. A protocol knows no policy, so what it needs of it comes in here. */
import { strongerMask } from '../policy/strength.ts';
import type { FlowAnswer } from '../protocols/postgres/masks/distant.ts';
import { analyzeFlows as flows } from '../protocols/postgres/masks/distantWork.ts';
import type { FlowsPayload } from '../protocols/postgres/masks/distantWork.ts';

export { analyzeText } from '../protocols/postgres/masks/distantWork.ts';

export function analyzeFlows(payload: FlowsPayload): Promise<readonly FlowAnswer[]> {
  return flows(payload, strongerMask);
}
