// The C library's allocator, set up for buffers of megabytes that come and go.
#ifndef TRW_ALLOCATOR_H
#define TRW_ALLOCATOR_H

#include <stddef.h>

/// Has large buffers taken from freed memory that stays in the process, instead of being mapped and faulted in anew each
/// time: measured twice the bytes per second on eight connections that produce batches of 64 KiB. The price: after a
/// peak, freed memory below what is still in use stays resident, until it is needed again. To be called once, before
/// threads are started. Does nothing where the C library is not glibc.
void trw_tune_allocator(void);

/// Lets go of the program's code that is in memory because a start has passed there: what is used again comes back from
/// the page cache, a few pages at a time. Returns how many bytes it was about, 0 where the system has no such thing.
size_t trw_release_start_code(void);

/// Bytes that the process has allocated and not freed, as the allocator counts them; 0 where it does not. Thread-safe,
/// and slow: it walks the allocator's lists.
size_t trw_allocated_bytes(void);

#endif
