#include "trw_allocator.h"

#include <stddef.h>

#if defined(__GLIBC__)
#include <malloc.h>

void trw_tune_allocator(void) {
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
}
#else
void trw_tune_allocator(void) {}
#endif
