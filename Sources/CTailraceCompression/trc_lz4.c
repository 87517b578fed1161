#include "trc_codecs.h"

#include <lz4frame.h>
#include <string.h>

enum { LZ4_FRAME_MAGIC = 0x184D2204, LZ4_LEVEL_MIN = -65537, LZ4_LEVEL_MAX = 12 };

/// The stable part of lz4's API tells its errors only by name.
static trc_status status_of(size_t error) {
  return strcmp(LZ4F_getErrorName(error), "ERROR_allocation_failed") == 0 ? TRC_OUT_OF_MEMORY : TRC_CORRUPT;
}

static int begins_frame(const uint8_t *in, size_t in_length) {
  if (in_length < 4) return 0;
  uint32_t magic = trc_magic(in);
  return magic == LZ4_FRAME_MAGIC || trc_is_skippable(magic);
}

/// Decompresses the frame at the front of the input and moves past it.
static trc_status decompress_frame(LZ4F_dctx *context, const uint8_t **in, size_t *in_length, trc_sink *sink) {
  for (;;) {
    uint8_t *room;
    size_t room_length;
    trc_status status = trc_sink_room(sink, &room, &room_length);
    if (status != TRC_OK) return status;
    size_t written = room_length, read = *in_length;
    size_t result = LZ4F_decompress(context, room, &written, *in, &read, NULL);
    if (LZ4F_isError(result)) return status_of(result);
    *in += read;
    *in_length -= read;
    status = trc_sink_advance(sink, written);
    if (status != TRC_OK || result == 0) return status;
    if (read == 0 && written == 0) return TRC_CORRUPT;    // truncated: it waits for more
  }
}

trc_status trc_lz4_decompress(const uint8_t *in, size_t in_length, trc_sink *sink) {
  LZ4F_dctx *context = NULL;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return TRC_OUT_OF_MEMORY;
  trc_status status = TRC_OK;
  while (status == TRC_OK && in_length > 0) {
    status = begins_frame(in, in_length) ? decompress_frame(context, &in, &in_length, sink) : TRC_CORRUPT;
  }
  LZ4F_freeDecompressionContext(context);
  return status;
}

trc_status trc_lz4_compress(int level, const uint8_t *in, size_t in_length, trc_buffer *out) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.compressionLevel = level < LZ4_LEVEL_MIN ? LZ4_LEVEL_MIN : level > LZ4_LEVEL_MAX ? LZ4_LEVEL_MAX : level;
  preferences.frameInfo.contentSize = in_length;
  trc_status status = trc_buffer_reserve(out, LZ4F_compressFrameBound(in_length, &preferences));
  if (status != TRC_OK) return status;
  size_t written = LZ4F_compressFrame(out->data, out->capacity, in, in_length, &preferences);
  if (LZ4F_isError(written)) return TRC_OUT_OF_MEMORY;    // the bound rules out the rest
  out->length = written;
  return TRC_OK;
}
