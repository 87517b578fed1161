#include "trw_allocator.h"

// Tells which C library it is.
#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>

void trw_tune_allocator(void) {
  mallopt(M_MMAP_THRESHOLD, 2 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
}

size_t trw_allocated_bytes(void) {
  struct mallinfo2 figures = mallinfo2();
  return figures.uordblks + figures.hblkhd;
}
#else
void trw_tune_allocator(void) {}

size_t trw_allocated_bytes(void) { return 0; }
#endif
