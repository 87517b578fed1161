#define _GNU_SOURCE
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

#if defined(__linux__)
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

/// Of one object; the program itself comes first, and ends it.
static int release_code(struct dl_phdr_info *object, size_t size, void *released) {
  (void)size;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0 || (part->p_flags & PF_W) != 0) continue;
    uintptr_t start = (object->dlpi_addr + part->p_vaddr) & ~(uintptr_t)(page - 1);
    uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_filesz;
    if (madvise((void *)start, end - start, MADV_DONTNEED) == 0) *(size_t *)released += end - start;
  }
  return 1;
}

size_t trw_release_start_code(void) {
  size_t released = 0;
  dl_iterate_phdr(release_code, &released);
  return released;
}
#else
size_t trw_release_start_code(void) { return 0; }
#endif
