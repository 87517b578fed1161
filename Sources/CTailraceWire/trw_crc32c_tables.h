// Tables of CRC-32C, filled once before main.
#ifndef TRW_CRC32C_TABLES_H
#define TRW_CRC32C_TABLES_H

#include <stddef.h>
#include <stdint.h>

/// Reflected: bit 31 of a CRC stands for x^0.
#define TRW_CRC_POLYNOMIAL 0x82F63B78u

// Powers of two.
enum {
  TRW_CRC_SHORT = 256,     // bytes of one of three streams, for middling inputs
  TRW_CRC_LONG = 4096,     // and for long ones
};

/// A linear map of CRCs, one table for each byte of the argument.
typedef struct {
  uint32_t bytes[4][256];
} trw_crc_shift;

/// slices[k][b]: the CRC of byte b with k zero bytes after it.
extern uint32_t trw_crc_slices[8][256];
/// The CRC after TRW_CRC_SHORT and TRW_CRC_LONG further zero bytes.
extern trw_crc_shift trw_crc_shift_short;
extern trw_crc_shift trw_crc_shift_long;

static inline uint32_t trw_crc_apply(const trw_crc_shift *shift, uint32_t crc) {
  return shift->bytes[0][crc & 0xff] ^ shift->bytes[1][(crc >> 8) & 0xff] ^
         shift->bytes[2][(crc >> 16) & 0xff] ^ shift->bytes[3][crc >> 24];
}

#endif
