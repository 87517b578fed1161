// CRC-32C by carry-less multiplication of 64 bytes at a time, for processors that can.
#ifndef TRW_CRC32C_FOLDING_H
#define TRW_CRC32C_FOLDING_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define TRW_CRC_CAN_FOLD

enum {
  TRW_CRC_FOLD_LEAST = 256,    // bytes at least
  TRW_CRC_FOLD_UNIT = 64,      // and a multiple of this
};

/// Whether the processor has what `trw_crc32c_fold` needs: AVX-512 with VPCLMULQDQ.
int trw_crc32c_can_fold(void);

/// The CRC-32C of `data`, going on from `crc`. `length` is at least TRW_CRC_FOLD_LEAST and a multiple of
/// TRW_CRC_FOLD_UNIT.
uint32_t trw_crc32c_fold(uint32_t crc, const void *data, size_t length);

#endif
#endif
