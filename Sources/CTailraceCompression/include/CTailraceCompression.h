// Bounded compression: gzip, lz4 frames and zstd, with the cap on the output held while decompressing.
#ifndef C_TAILRACE_COMPRESSION_H
#define C_TAILRACE_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

/// The numbers are those of bits 0-2 of RecordBatch.attributes. 0, no compression, is not a codec.
typedef enum {
  TRC_CODEC_GZIP = 1,    // RFC 1952
  TRC_CODEC_LZ4 = 2,     // the lz4 frame format, not bare blocks
  TRC_CODEC_ZSTD = 3,    // RFC 8878
} trc_codec;

typedef enum {
  TRC_OK = 0,
  TRC_CORRUPT = 1,          // empty, truncated, damaged, or followed by something else
  TRC_TOO_LARGE = 2,        // would pass the cap, or asks for a larger window than the cap allows
  TRC_OUT_OF_MEMORY = 3,
  TRC_UNSUPPORTED = 4,      // no such codec
} trc_status;

/// Memory from malloc. All zero at the start; to be freed with trc_buffer_free whatever the call's status was.
typedef struct {
  uint8_t *data;      // NULL where the length is 0
  size_t length;
  size_t capacity;
} trc_buffer;

enum {
  /// Window that any zstd frame may ask for, also where the cap on the output is below it: 8 MiB, as RFC 8878 advises.
  TRC_ZSTD_WINDOW_FLOOR_LOG2 = 23,
  /// Window that no zstd frame may pass, however high the cap is.
  TRC_ZSTD_WINDOW_CEILING_LOG2 = 27,
  /// What a decoder takes beside its window and the output: contexts and block buffers. lz4's 4 MiB blocks need the most.
  TRC_DECODER_OVERHEAD_BYTES = 10 << 20,
};

/// Decompresses all of `in` to `out`, at most `max_out` bytes. Concatenated members or frames are accepted.
/// No buffer passes max_out; the decoder itself takes TRC_DECODER_OVERHEAD_BYTES and, for zstd, a window of at most
/// max_out rounded up to a power of two, within the two bounds above. What `out` held is freed.
trc_status trc_decompress(trc_codec codec, const uint8_t *in, size_t in_length, size_t max_out, trc_buffer *out);

/// Compresses `in` to one member or frame. `level` 0 is the codec's default; others are brought into the codec's range.
/// Inputs above 2^31 - 1 bytes are TRC_TOO_LARGE. What `out` held is freed.
trc_status trc_compress(trc_codec codec, int level, const uint8_t *in, size_t in_length, trc_buffer *out);

/// Frees what the buffer holds and empties it. NULL is allowed.
void trc_buffer_free(trc_buffer *buffer);

#endif
