// The C library's allocator, set up for buffers of megabytes that come and go.
#ifndef TRW_ALLOCATOR_H
#define TRW_ALLOCATOR_H

#include <stddef.h>

/// Keeps freed memory of up to 16 MiB an arena in the process instead of giving it back and faulting it in anew for each
/// large buffer: measured twice the bytes per second on eight connections that produce batches of 64 KiB. More was no
/// faster. To be called once, before threads are started. Does nothing where the C library is not glibc.
void trw_tune_allocator(void);

/// Bytes that the process has allocated and not freed, as the allocator counts them; 0 where it does not. Thread-safe,
/// and slow: it walks the allocator's lists.
size_t trw_allocated_bytes(void);

#endif
