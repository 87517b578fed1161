// What client and server sides share: frames and small helpers.
#ifndef CTB_IO_H
#define CTB_IO_H

#include <stdint.h>
#include <string.h>
#include <time.h>

static inline uint32_t ctb_get32(const uint8_t *p) {
  return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline void ctb_put32(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

static inline uint32_t ctb_get16(const uint8_t *p) { return ((uint32_t)p[0] << 8) | p[1]; }

static inline uint64_t ctb_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/// Reads the varint of field 1 at the front of a frame's header: its call_id. 0 where there is none.
static inline uint64_t ctb_call_id(const uint8_t *header, uint32_t length, uint32_t *used) {
  uint64_t value = 0;
  uint32_t i = 1;
  if (length < 2 || header[0] != 0x08) return 0;
  for (unsigned shift = 0; i < length && shift < 64; shift += 7, i++) {
    value |= (uint64_t)(header[i] & 0x7f) << shift;
    if (!(header[i] & 0x80)) {
      *used = i + 1;
      return value;
    }
  }
  return 0;
}

/// Writes field 1 = call_id and field 3 = true: the header of an answer that is all there is. Returns its length.
static inline uint32_t ctb_put_header(uint8_t *p, uint64_t call_id) {
  uint32_t n = 0;
  p[n++] = 0x08;
  while (call_id >= 0x80) {
    p[n++] = (uint8_t)(call_id | 0x80);
    call_id >>= 7;
  }
  p[n++] = (uint8_t)call_id;
  p[n++] = 0x18;
  p[n++] = 0x01;
  return n;
}

#endif
