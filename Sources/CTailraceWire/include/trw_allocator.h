// The C library's allocator, set up for buffers of megabytes that come and go.
#ifndef TRW_ALLOCATOR_H
#define TRW_ALLOCATOR_H

/// Keeps freed memory of up to 64 MiB in the process instead of giving it back and faulting it in anew for each large
/// buffer: measured 3.7 times the speed on copied fetches of 1 MiB. To be called once, before threads are started. Does
/// nothing where the C library is not glibc.
void trw_tune_allocator(void);

#endif
