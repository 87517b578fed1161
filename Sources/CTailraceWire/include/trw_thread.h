// What the C library has no name for.
#ifndef TRW_THREAD_H
#define TRW_THREAD_H

#include <stdint.h>

/// Asks the system to let the calling thread run for short slices, `nanoseconds` each: it gets no more time than others,
/// but gets it sooner after it wakes up (Linux 6.12 and later, of other systems nothing is asked). 100,000 is the least.
/// Returns 0, or an error number; nothing depends on it.
int trw_prefer_short_slices(uint64_t nanoseconds);

#endif
