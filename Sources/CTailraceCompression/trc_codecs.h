// What the three codecs share.
#ifndef TRC_CODECS_H
#define TRC_CODECS_H

#include "CTailraceCompression.h"

enum { TRC_SPILL_BYTES = 64 };

/// Output that grows up to a cap. At the cap, decoders write to `spill`: a byte that arrives there is one too many.
typedef struct {
  trc_buffer *buffer;
  size_t max_out;
  uint8_t spill[TRC_SPILL_BYTES];
} trc_sink;

/// Room for the decoder's next bytes: never empty. TRC_OUT_OF_MEMORY where the buffer could not grow.
trc_status trc_sink_room(trc_sink *sink, uint8_t **room, size_t *room_length);

/// Notes that the decoder wrote `written` bytes to the room. TRC_TOO_LARGE where they passed the cap.
trc_status trc_sink_advance(trc_sink *sink, size_t written);

/// Allocates exactly `capacity` bytes (at least one) in an empty buffer.
trc_status trc_buffer_reserve(trc_buffer *buffer, size_t capacity);

// `in_length` is not 0 for the decoders.
trc_status trc_gzip_decompress(const uint8_t *in, size_t in_length, trc_sink *sink);
trc_status trc_lz4_decompress(const uint8_t *in, size_t in_length, trc_sink *sink);
trc_status trc_zstd_decompress(const uint8_t *in, size_t in_length, trc_sink *sink);

trc_status trc_gzip_compress(int level, const uint8_t *in, size_t in_length, trc_buffer *out);
trc_status trc_lz4_compress(int level, const uint8_t *in, size_t in_length, trc_buffer *out);
trc_status trc_zstd_compress(int level, const uint8_t *in, size_t in_length, trc_buffer *out);

/// Four bytes, little-endian, at the beginning of a frame.
static inline uint32_t trc_magic(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/// Skippable frames, the same in lz4 and zstd: 0x184D2A50 ... 0x184D2A5F.
static inline int trc_is_skippable(uint32_t magic) { return (magic & 0xFFFFFFF0u) == 0x184D2A50u; }

#endif
