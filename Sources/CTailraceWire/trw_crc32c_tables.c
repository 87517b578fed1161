#include "trw_crc32c_tables.h"

#include <string.h>

uint32_t trw_crc_slices[8][256];
trw_crc_shift trw_crc_shift_short;
trw_crc_shift trw_crc_shift_long;

static void fill_slices(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? TRW_CRC_POLYNOMIAL : 0);
    trw_crc_slices[0][byte] = crc;
  }
  for (int k = 1; k < 8; k++) {
    for (int byte = 0; byte < 256; byte++) {
      uint32_t crc = trw_crc_slices[k - 1][byte];
      trw_crc_slices[k][byte] = (crc >> 8) ^ trw_crc_slices[0][crc & 0xff];
    }
  }
}

/// A linear map of CRCs, by the images of the 32 single bits.
static uint32_t image(const uint32_t images[32], uint32_t crc) {
  uint32_t sum = 0;
  for (int bit = 0; bit < 32; bit++) {
    if ((crc >> bit & 1) != 0) sum ^= images[bit];
  }
  return sum;
}

/// `zeros` is a power of two: the map of twice as many zero bytes is the map applied twice, so that this takes
/// microseconds. It runs before every start of the program.
static void fill_shift(trw_crc_shift *shift, size_t zeros) {
  uint32_t images[32];
  for (int bit = 0; bit < 32; bit++) {
    uint32_t crc = (uint32_t)1 << bit;
    images[bit] = (crc >> 8) ^ trw_crc_slices[0][crc & 0xff];
  }
  for (; zeros > 1; zeros /= 2) {
    uint32_t twice[32];
    for (int bit = 0; bit < 32; bit++) twice[bit] = image(images, images[bit]);
    memcpy(images, twice, sizeof images);
  }
  for (int position = 0; position < 4; position++) {
    for (int byte = 0; byte < 256; byte++) {
      shift->bytes[position][byte] = image(images, (uint32_t)byte << (8 * position));
    }
  }
}

// Early, so that the constructors of other files may already take checksums.
__attribute__((constructor(101))) static void fill_tables(void) {
  fill_slices();
  fill_shift(&trw_crc_shift_short, TRW_CRC_SHORT);
  fill_shift(&trw_crc_shift_long, TRW_CRC_LONG);
}
