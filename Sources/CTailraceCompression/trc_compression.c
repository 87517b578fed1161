#include "trc_codecs.h"

#include <limits.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 16 << 10 };

void trc_buffer_free(trc_buffer *buffer) {
  if (buffer == NULL) return;
  free(buffer->data);
  *buffer = (trc_buffer){0};
}

trc_status trc_buffer_reserve(trc_buffer *buffer, size_t capacity) {
  buffer->data = malloc(capacity == 0 ? 1 : capacity);
  if (buffer->data == NULL) return TRC_OUT_OF_MEMORY;
  buffer->capacity = capacity;
  return TRC_OK;
}

trc_status trc_sink_room(trc_sink *sink, uint8_t **room, size_t *room_length) {
  trc_buffer *buffer = sink->buffer;
  if (buffer->length == buffer->capacity && buffer->capacity < sink->max_out) {
    size_t capacity = buffer->capacity < FIRST_CAPACITY / 2 ? FIRST_CAPACITY : buffer->capacity * 2;
    if (buffer->capacity > sink->max_out / 2 || capacity > sink->max_out) capacity = sink->max_out;
    uint8_t *grown = realloc(buffer->data, capacity);
    if (grown == NULL) return TRC_OUT_OF_MEMORY;
    buffer->data = grown;
    buffer->capacity = capacity;
  }
  size_t left = buffer->capacity - buffer->length;
  *room = left == 0 ? sink->spill : buffer->data + buffer->length;
  *room_length = left == 0 ? sizeof sink->spill : left;
  return TRC_OK;
}

trc_status trc_sink_advance(trc_sink *sink, size_t written) {
  trc_buffer *buffer = sink->buffer;
  if (written > buffer->capacity - buffer->length) return TRC_TOO_LARGE;
  buffer->length += written;
  return TRC_OK;
}

static trc_status decompress(trc_codec codec, const uint8_t *in, size_t in_length, trc_sink *sink) {
  switch (codec) {
  case TRC_CODEC_GZIP: return trc_gzip_decompress(in, in_length, sink);
  case TRC_CODEC_LZ4: return trc_lz4_decompress(in, in_length, sink);
  case TRC_CODEC_ZSTD: return trc_zstd_decompress(in, in_length, sink);
  default: return TRC_UNSUPPORTED;
  }
}

static trc_status compress(trc_codec codec, int level, const uint8_t *in, size_t in_length, trc_buffer *out) {
  switch (codec) {
  case TRC_CODEC_GZIP: return trc_gzip_compress(level, in, in_length, out);
  case TRC_CODEC_LZ4: return trc_lz4_compress(level, in, in_length, out);
  case TRC_CODEC_ZSTD: return trc_zstd_compress(level, in, in_length, out);
  default: return TRC_UNSUPPORTED;
  }
}

static int is_codec(trc_codec codec) {
  return codec == TRC_CODEC_GZIP || codec == TRC_CODEC_LZ4 || codec == TRC_CODEC_ZSTD;
}

/// What a failed call leaves behind is of no use to anybody.
static trc_status finish(trc_status status, trc_buffer *out) {
  if (status != TRC_OK || out->length == 0) trc_buffer_free(out);
  return status;
}

trc_status trc_decompress(trc_codec codec, const uint8_t *in, size_t in_length, size_t max_out, trc_buffer *out) {
  trc_buffer_free(out);
  if (!is_codec(codec)) return TRC_UNSUPPORTED;
  if (in_length == 0) return TRC_CORRUPT;
  trc_sink sink = {.buffer = out, .max_out = max_out};
  return finish(decompress(codec, in, in_length, &sink), out);
}

trc_status trc_compress(trc_codec codec, int level, const uint8_t *in, size_t in_length, trc_buffer *out) {
  static const uint8_t nothing[1] = {0};
  trc_buffer_free(out);
  if (!is_codec(codec)) return TRC_UNSUPPORTED;
  if (in_length > INT_MAX) return TRC_TOO_LARGE;
  return finish(compress(codec, level, in_length == 0 ? nothing : in, in_length, out), out);
}
