/**
 * Free bytes that everyone who reads received bytes leaves before them. A reader that needs a header whole keeps an
 * unfinished one and puts it there at the next piece, so that a header is always contiguous and payload never copied.
 */
export const HEADROOM_BYTES = 256;
