#include "trc_codecs.h"

#include <zstd.h>
#include <zstd_errors.h>

static trc_status status_of(size_t error) {
  switch (ZSTD_getErrorCode(error)) {
  case ZSTD_error_memory_allocation: return TRC_OUT_OF_MEMORY;
  case ZSTD_error_frameParameter_windowTooLarge: return TRC_TOO_LARGE;
  default: return TRC_CORRUPT;
  }
}

/// The window that an output of at most `max_out` bytes can make use of.
static int window_log_max(size_t max_out) {
  int log = TRC_ZSTD_WINDOW_FLOOR_LOG2;
  while (log < TRC_ZSTD_WINDOW_CEILING_LOG2 && ((size_t)1 << log) < max_out) log++;
  return log;
}

/// Only the present format: distributions still build the decoders of zstd's pre-standard versions.
static int begins_frame(const uint8_t *in, size_t in_length) {
  if (in_length < 4) return 0;
  uint32_t magic = trc_magic(in);
  return magic == ZSTD_MAGICNUMBER || trc_is_skippable(magic);
}

/// Decompresses the frame at the front of the input.
static trc_status decompress_frame(ZSTD_DCtx *context, ZSTD_inBuffer *input, trc_sink *sink) {
  for (;;) {
    ZSTD_outBuffer output = {0};
    uint8_t *room;
    trc_status status = trc_sink_room(sink, &room, &output.size);
    if (status != TRC_OK) return status;
    output.dst = room;
    size_t before = input->pos;
    size_t result = ZSTD_decompressStream(context, &output, input);
    if (ZSTD_isError(result)) return status_of(result);
    status = trc_sink_advance(sink, output.pos);
    if (status != TRC_OK || result == 0) return status;
    if (input->pos == before && output.pos == 0) return TRC_CORRUPT;    // truncated: it waits for more
  }
}

trc_status trc_zstd_decompress(const uint8_t *in, size_t in_length, trc_sink *sink) {
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (context == NULL) return TRC_OUT_OF_MEMORY;
  size_t set = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log_max(sink->max_out));
  trc_status status = ZSTD_isError(set) ? TRC_UNSUPPORTED : TRC_OK;
  ZSTD_inBuffer input = {.src = in, .size = in_length, .pos = 0};
  while (status == TRC_OK && input.pos < input.size) {
    status = begins_frame(in + input.pos, input.size - input.pos) ? decompress_frame(context, &input, sink)
                                                                  : TRC_CORRUPT;
  }
  ZSTD_freeDCtx(context);
  return status;
}

trc_status trc_zstd_compress(int level, const uint8_t *in, size_t in_length, trc_buffer *out) {
  if (level == 0) level = ZSTD_defaultCLevel();
  // Above 19 the windows pass the floor that every decoder of ours accepts.
  const int highest = 19;
  if (level > highest) level = highest;
  if (level < ZSTD_minCLevel()) level = ZSTD_minCLevel();
  trc_status status = trc_buffer_reserve(out, ZSTD_compressBound(in_length));
  if (status != TRC_OK) return status;
  size_t written = ZSTD_compress(out->data, out->capacity, in, in_length, level);
  if (ZSTD_isError(written)) return TRC_OUT_OF_MEMORY;    // the bound rules out the rest
  out->length = written;
  return TRC_OK;
}
