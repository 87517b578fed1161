// Hints for the processor's caches.
#ifndef TRW_PREFETCH_H
#define TRW_PREFETCH_H

#include <stddef.h>

/// Has the processor fetch the cache lines of memory that is about to be written, while it goes on. Only a hint: reads
/// and writes nothing, and faults on nothing.
static inline void trw_prefetch_for_writing(void *memory, size_t count) {
  for (size_t at = 0; at < count; at += 64) __builtin_prefetch((char *)memory + at, 1, 3);
}

#endif
