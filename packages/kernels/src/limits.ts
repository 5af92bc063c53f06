/** Bytes of a full segment: 1024 entries of 256 bytes. */
export const SEGMENT_BYTES = 262_144
/** Height of the tree over a full segment. */
export const SEGMENT_HEIGHT = 10
/** Segments that a worker takes at once: 2 MiB, about 5 ms of hashing against 0.1 ms of message passing. */
export const JOB_SEGMENTS_MAX = 8
/** Jobs that may wait for a worker, by reference to the caller's memory: 8 GiB of file. */
export const JOBS_WAITING_MAX = 4_096
