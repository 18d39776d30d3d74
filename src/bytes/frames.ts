/**
 * Finds message boundaries in place: type byte, then a big-endian length that counts itself but not the type.
 *
 *     | type: 1 | length: 4 | body: length - 4 |
 *
 * Nothing is copied or kept here. The caller holds the bytes, asks for one frame after another, and keeps the incomplete
 * tail. A length is judged as soon as its five header bytes are there, so that nobody reserves memory for a lie.
 * Grammar: PostgreSQL manual, Message Flow ("Message Formats"). Both directions use it; only the limits differ.
 */
import { i32 } from './bytes.ts';

/** What stands at an offset. Everything above `incomplete` ends the session. */
export const FrameState = { complete: 0, incomplete: 1, tooShort: 2, tooLong: 3, unknownType: 4 } as const;
export type FrameState = (typeof FrameState)[keyof typeof FrameState];

/** Bytes of type and length. */
const frameHeaderBytes = 5;

/** Largest value of the length field by type byte; 0 refuses the type. */
export type FrameLimits = Uint32Array;

/** Limits that refuse every type except those given as [type byte, largest length field]. */
export function frameLimits(allowed: Iterable<readonly [type: number, lengthMax: number]>): FrameLimits {
  const limits = new Uint32Array(256);
  for (const [type, lengthMax] of allowed) limits[type] = lengthMax;
  return limits;
}

/**
 * One frame, reused from call to call. All offsets are absolute.
 *
 * Invariant after `complete`: start + 5 = body <= end <= end of the buffer. After `incomplete`, `end` is where the frame
 * will end (where its header will end, and `type` -1, if not even that is there), so `end` minus the end of the buffer
 * is how many bytes are missing.
 */
export class Frame {
  type = -1;
  start = 0;
  body = 0;
  end = 0;
}

/** Looks at the frame that starts at `at` in bytes[.., end) and describes it in `frame`. Never reads at or past `end`. */
export function nextFrame(bytes: Uint8Array, at: number, end: number, limits: FrameLimits, frame: Frame): FrameState {
  frame.start = at;
  frame.body = at + frameHeaderBytes;
  if (end - at < frameHeaderBytes) {
    frame.end = frame.body;
    // A type that is never acceptable is refused at its first byte, not after four more.
    frame.type = -1;
    return at < end && limits[bytes[at]] === 0 ? FrameState.unknownType : FrameState.incomplete;
  }
  const type = bytes[at];
  const length = i32(bytes, at + 1);
  const limit = limits[type];
  frame.type = type;
  frame.end = at + 1 + length;
  if (limit === 0) return FrameState.unknownType;
  if (length < 4) return FrameState.tooShort;
  if (length > limit) return FrameState.tooLong;
  return frame.end <= end ? FrameState.complete : FrameState.incomplete;
}

/**
 * End of the run of whole frames of one type that starts at `at`; `at` itself if there is none. Stops without a verdict
 * at another type, at an incomplete frame and at a length that is refused: {@link nextFrame} says which it was.
 * A result's DataRows are handed to a kernel, or written out, as one such range.
 */
export function frameRunEnd(bytes: Uint8Array, at: number, end: number, type: number, lengthMax: number): number {
  while (end - at >= frameHeaderBytes && bytes[at] === type) {
    const length = i32(bytes, at + 1);
    if (length < 4 || length > lengthMax || length > end - at - 1) break;
    at += 1 + length;
  }
  return at;
}
