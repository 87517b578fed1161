#include "trc_codecs.h"

#include <limits.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16 };    // the largest window; + 16 means gzip and nothing else

static uInt clamp_length(size_t length) { return length > INT_MAX ? INT_MAX : (uInt)length; }

/// One call of inflate: output to the sink, input taken from the front of `in`.
static trc_status inflate_step(z_stream *stream, const uint8_t **in, size_t *in_length, trc_sink *sink, int *result) {
  uint8_t *room;
  size_t room_length;
  trc_status status = trc_sink_room(sink, &room, &room_length);
  if (status != TRC_OK) return status;
  uInt given = clamp_length(*in_length), offered = clamp_length(room_length);
  stream->next_in = (z_const Bytef *)*in;
  stream->avail_in = given;
  stream->next_out = room;
  stream->avail_out = offered;
  *result = inflate(stream, Z_NO_FLUSH);
  *in += given - stream->avail_in;
  *in_length -= given - stream->avail_in;
  return trc_sink_advance(sink, offered - stream->avail_out);
}

static trc_status inflate_members(z_stream *stream, const uint8_t *in, size_t in_length, trc_sink *sink) {
  for (;;) {
    int result = Z_OK;
    trc_status status = inflate_step(stream, &in, &in_length, sink, &result);
    if (status != TRC_OK) return status;
    if (result == Z_MEM_ERROR) return TRC_OUT_OF_MEMORY;
    if (result == Z_STREAM_END) {
      if (in_length == 0) return TRC_OK;
      if (inflateReset(stream) != Z_OK) return TRC_CORRUPT;
    } else if (result != Z_OK) {
      return TRC_CORRUPT;    // also Z_BUF_ERROR: room there always is, so the input has ended too early
    }
  }
}

trc_status trc_gzip_decompress(const uint8_t *in, size_t in_length, trc_sink *sink) {
  z_stream stream = {0};
  if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) return TRC_OUT_OF_MEMORY;
  trc_status status = inflate_members(&stream, in, in_length, sink);
  inflateEnd(&stream);
  return status;
}

static trc_status deflate_whole(z_stream *stream, const uint8_t *in, size_t in_length, trc_buffer *out) {
  trc_status status = trc_buffer_reserve(out, deflateBound(stream, in_length));
  if (status != TRC_OK) return status;
  stream->next_in = (z_const Bytef *)in;
  stream->avail_in = (uInt)in_length;
  stream->next_out = out->data;
  stream->avail_out = (uInt)out->capacity;
  if (deflate(stream, Z_FINISH) != Z_STREAM_END) return TRC_OUT_OF_MEMORY;
  out->length = stream->total_out;
  return TRC_OK;
}

trc_status trc_gzip_compress(int level, const uint8_t *in, size_t in_length, trc_buffer *out) {
  z_stream stream = {0};
  if (level == 0) level = Z_DEFAULT_COMPRESSION;
  else if (level < Z_BEST_SPEED) level = Z_BEST_SPEED;
  else if (level > Z_BEST_COMPRESSION) level = Z_BEST_COMPRESSION;
  if (deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return TRC_OUT_OF_MEMORY;
  }
  trc_status status = deflate_whole(&stream, in, in_length, out);
  deflateEnd(&stream);
  return status;
}
