#include "trw_crc32c_folding.h"

#ifdef TRW_CRC_CAN_FOLD

#include "trw_crc32c_tables.h"

#include <immintrin.h>

// A message is a polynomial over GF(2), its first bit the highest power. 16 bytes that lie n bits before others weigh x^n
// times as much, so that (their first half) * x^(n + 64) + (their second half) * x^n, each power taken modulo the CRC's
// polynomial first, may be added to those others instead. Thus a message is folded up until 16 bytes are left, which have
// the CRC of the whole. Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (2009).

#define TRW_FOLD_TARGET __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,vpclmulqdq")))

/// The factors of both halves of 16 bytes.
typedef struct {
  uint64_t first, second;
} factors;

// Written once, before main; read-only afterwards. By how many bits bytes move.
static factors by_2048, by_512, by_384, by_256, by_128;

/// x^power modulo the polynomial. Reflected, in the upper half of 64 bits.
static uint64_t reduced(unsigned power) {
  uint32_t crc = (uint32_t)1 << 31;
  for (; power > 0; power--) crc = (crc >> 1) ^ ((crc & 1) != 0 ? TRW_CRC_POLYNOMIAL : 0);
  return (uint64_t)crc << 32;
}

/// A product of two reflected numbers comes out with one x too many.
static factors factors_for(unsigned bits) { return (factors){reduced(bits + 64 - 1), reduced(bits - 1)}; }

__attribute__((constructor(101))) static void fill_factors(void) {
  by_2048 = factors_for(2048);
  by_512 = factors_for(512);
  by_384 = factors_for(384);
  by_256 = factors_for(256);
  by_128 = factors_for(128);
}

int trw_crc32c_can_fold(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vpclmulqdq");
}

TRW_FOLD_TARGET static inline __m512i load(const uint8_t *at) { return _mm512_loadu_si512(at); }

TRW_FOLD_TARGET static inline __m128i both(const factors *by) { return _mm_loadu_si128((const __m128i *)by); }

/// Four times 16 bytes, moved and added to `next`.
TRW_FOLD_TARGET static inline __m512i fold_four(__m512i bytes, __m512i by, __m512i next) {
  enum { SUM_OF_THREE = 0x96 };
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(bytes, by, 0x00), _mm512_clmulepi64_epi128(bytes, by, 0x11),
                                   next, SUM_OF_THREE);
}

/// 16 bytes, moved and added to `next`.
TRW_FOLD_TARGET static inline __m128i fold_one(__m128i bytes, const factors *by, __m128i next) {
  __m128i products =
      _mm_xor_si128(_mm_clmulepi64_si128(bytes, both(by), 0x00), _mm_clmulepi64_si128(bytes, both(by), 0x11));
  return _mm_xor_si128(products, next);
}

TRW_FOLD_TARGET uint32_t trw_crc32c_fold(uint32_t crc, const void *data, size_t length) {
  const uint8_t *at = data;
  // What came before adds to the first bits.
  __m512i a = _mm512_xor_si512(load(at), _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc)));
  __m512i b = load(at + 64), c = load(at + 128), d = load(at + 192);
  __m512i by = _mm512_broadcast_i32x4(both(&by_2048));
  for (at += 256, length -= 256; length >= 256; at += 256, length -= 256) {
    a = fold_four(a, by, load(at));
    b = fold_four(b, by, load(at + 64));
    c = fold_four(c, by, load(at + 128));
    d = fold_four(d, by, load(at + 192));
  }
  by = _mm512_broadcast_i32x4(both(&by_512));
  a = fold_four(fold_four(fold_four(a, by, b), by, c), by, d);
  for (; length >= 64; at += 64, length -= 64) a = fold_four(a, by, load(at));
  __m128i rest = _mm512_extracti32x4_epi32(a, 3);
  rest = fold_one(_mm512_extracti32x4_epi32(a, 0), &by_384, rest);
  rest = fold_one(_mm512_extracti32x4_epi32(a, 1), &by_256, rest);
  rest = fold_one(_mm512_extracti32x4_epi32(a, 2), &by_128, rest);
  uint64_t sum = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(rest));
  return ~(uint32_t)_mm_crc32_u64(sum, (uint64_t)_mm_extract_epi64(rest, 1));
}

#endif
