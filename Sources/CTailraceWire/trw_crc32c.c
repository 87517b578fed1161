#include "trw_crc32c.h"

#include "trw_crc32c_folding.h"
#include "trw_crc32c_tables.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TRW_CRC_TARGET __attribute__((target("sse4.2")))
#define TRW_CRC_NAME "sse4.2"
#define TRW_CRC_WORD(crc, word) _mm_crc32_u64((crc), (word))
#define TRW_CRC_BYTE(crc, byte) _mm_crc32_u8((uint32_t)(crc), (byte))
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define TRW_CRC_TARGET __attribute__((target("+crc")))
#define TRW_CRC_NAME "armv8"
#define TRW_CRC_WORD(crc, word) __crc32cd((uint32_t)(crc), (word))
#define TRW_CRC_BYTE(crc, byte) __crc32cb((uint32_t)(crc), (byte))
#endif

static uint64_t load(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

uint32_t trw_crc32c_portable(uint32_t crc, const void *data, size_t length) {
  const uint8_t *at = data;
  crc = ~crc;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  for (; length >= 8; length -= 8, at += 8) {
    uint64_t word = load(at) ^ crc;
    crc = 0;
    for (int k = 0; k < 8; k++) crc ^= trw_crc_slices[7 - k][word >> (8 * k) & 0xff];
  }
#endif
  for (; length > 0; length--) crc = (crc >> 8) ^ trw_crc_slices[0][(crc ^ *at++) & 0xff];
  return ~crc;
}

#ifdef TRW_CRC_NAME

/// Three streams of `stream` bytes each: the instruction takes three cycles, but one can be begun in every cycle.
#define TRW_CRC_THREE_STREAMS(crc, at, length, stream, shift)                  \
  while ((length) >= 3 * (size_t)(stream)) {                                   \
    uint64_t second = 0, third = 0;                                            \
    for (const uint8_t *stop = (at) + (stream); (at) < stop; (at) += 8) {      \
      (crc) = TRW_CRC_WORD((crc), load(at));                                   \
      second = TRW_CRC_WORD(second, load((at) + (stream)));                    \
      third = TRW_CRC_WORD(third, load((at) + 2 * (stream)));                  \
    }                                                                          \
    (crc) = trw_crc_apply((shift), (uint32_t)(crc)) ^ (uint32_t)second;        \
    (crc) = trw_crc_apply((shift), (uint32_t)(crc)) ^ (uint32_t)third;         \
    (at) += 2 * (stream);                                                      \
    (length) -= 3 * (size_t)(stream);                                          \
  }

TRW_CRC_TARGET static uint32_t crc32c_instructions(uint32_t start, const void *data, size_t length) {
  const uint8_t *at = data;
  uint64_t crc = (uint32_t)~start;
  TRW_CRC_THREE_STREAMS(crc, at, length, TRW_CRC_LONG, &trw_crc_shift_long)
  TRW_CRC_THREE_STREAMS(crc, at, length, TRW_CRC_SHORT, &trw_crc_shift_short)
  for (; length >= 8; length -= 8, at += 8) crc = TRW_CRC_WORD(crc, load(at));
  for (; length > 0; length--) crc = TRW_CRC_BYTE(crc, *at++);
  return ~(uint32_t)crc;
}

#ifdef TRW_CRC_CAN_FOLD
static uint32_t crc32c_folding(uint32_t crc, const void *data, size_t length) {
  size_t folded = length < TRW_CRC_FOLD_LEAST ? 0 : length / TRW_CRC_FOLD_UNIT * TRW_CRC_FOLD_UNIT;
  if (folded > 0) crc = trw_crc32c_fold(crc, data, folded);
  return crc32c_instructions(crc, (const uint8_t *)data + folded, length - folded);
}
#endif

static int has_instructions(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2");
#else
  const unsigned long crc32_bit = 1ul << 7;    // HWCAP_CRC32
  return (getauxval(AT_HWCAP) & crc32_bit) != 0;
#endif
}

// Written once, before main, by one thread; read-only afterwards.
static uint32_t (*chosen)(uint32_t, const void *, size_t) = trw_crc32c_portable;
static const char *implementation = "table";

__attribute__((constructor(102))) static void choose(void) {
  if (!has_instructions()) return;
  chosen = crc32c_instructions;
  implementation = TRW_CRC_NAME;
#ifdef TRW_CRC_CAN_FOLD
  if (!trw_crc32c_can_fold()) return;
  chosen = crc32c_folding;
  implementation = "vpclmulqdq";
#endif
}

uint32_t trw_crc32c(uint32_t crc, const void *data, size_t length) { return chosen(crc, data, length); }

uint32_t trw_crc32c_instructions(uint32_t crc, const void *data, size_t length) {
  return has_instructions() ? crc32c_instructions(crc, data, length) : trw_crc32c_portable(crc, data, length);
}

const char *trw_crc32c_implementation(void) { return implementation; }

#else

uint32_t trw_crc32c(uint32_t crc, const void *data, size_t length) { return trw_crc32c_portable(crc, data, length); }

uint32_t trw_crc32c_instructions(uint32_t crc, const void *data, size_t length) {
  return trw_crc32c_portable(crc, data, length);
}

const char *trw_crc32c_implementation(void) { return "table"; }

#endif
