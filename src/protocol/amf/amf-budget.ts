/**
 * What one AMF message may cost, shared by the AMF0 decoder and the AMF3 decoder it switches to.
 */

import { LimitError } from "../errors.ts";
import {
  AMF_DEPTH_MAX,
  AMF_STRING_BYTES_MAX,
  AMF_VALUES_MAX,
  COMMAND_MESSAGE_BYTES_MAX,
} from "../limits.ts";

/** Counts depth, values and repeated text of one message. */
export class AmfBudget {
  #depth = 0;
  #values = 0;
  #repeatedBytes = 0;

  /**
   * Counts `count` values, before anything is kept for them.
   * @throws LimitError `ERR_AMF_VALUES`
   */
  countValues(count: number): void {
    this.#values += count;
    if (this.#values > AMF_VALUES_MAX) {
      throw new LimitError("ERR_AMF_VALUES", `more than ${AMF_VALUES_MAX} values in a message`);
    }
  }

  /**
   * Goes into an object or array; {@link AmfBudget.leave} goes out again.
   * @throws LimitError `ERR_AMF_DEPTH`
   */
  enter(): void {
    this.#depth++;
    if (this.#depth > AMF_DEPTH_MAX) {
      throw new LimitError("ERR_AMF_DEPTH", `values nested deeper than ${AMF_DEPTH_MAX}`);
    }
  }

  /** Goes out of an object or array. */
  leave(): void {
    this.#depth--;
  }

  /**
   * Checks the length of a string whose bytes are there.
   * @throws LimitError `ERR_AMF_STRING`
   */
  checkString(bytes: number): void {
    if (bytes > AMF_STRING_BYTES_MAX) {
      throw new LimitError(
        "ERR_AMF_STRING",
        `string of ${bytes} bytes, at most ${AMF_STRING_BYTES_MAX}`,
      );
    }
  }

  /**
   * Counts text repeated by reference: a few bytes on the wire that are long again when the value is written out.
   * @throws LimitError `ERR_AMF_STRING`
   */
  countRepeated(bytes: number): void {
    this.#repeatedBytes += bytes;
    if (this.#repeatedBytes > COMMAND_MESSAGE_BYTES_MAX) {
      throw new LimitError(
        "ERR_AMF_STRING",
        `more than ${COMMAND_MESSAGE_BYTES_MAX} bytes of text by reference`,
      );
    }
  }
}
