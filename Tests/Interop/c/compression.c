/* gzip, lz4 frames and zstd, in memory. */
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "codec.h"

/* Frees what is left of a failure. */
static Bytes none(uint8_t *data) {
  free(data);
  return (Bytes){0};
}

static Bytes gzip(Bytes plain) {
  z_stream stream = {.next_in = plain.data, .avail_in = (uInt)plain.length};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK) return none(NULL);
  uLong most = deflateBound(&stream, plain.length);
  uint8_t *data = malloc(most);
  stream.next_out = data;
  stream.avail_out = (uInt)most;
  int is_whole = data != NULL && deflate(&stream, Z_FINISH) == Z_STREAM_END;
  size_t length = stream.total_out;
  deflateEnd(&stream);
  return is_whole ? (Bytes){.length = length, .data = data} : none(data);
}

Bytes compress_bytes(int codec, Bytes plain) {
  if (codec == GZIP) return gzip(plain);
  size_t most = codec == LZ4    ? LZ4F_compressFrameBound(plain.length, NULL)
                : codec == ZSTD ? ZSTD_compressBound(plain.length)
                                : plain.length + 1;
  Bytes stored = {.length = plain.length, .data = malloc(most)};
  if (stored.data == NULL) return stored;
  if (codec == LZ4) {
    stored.length = LZ4F_compressFrame(stored.data, most, plain.data, plain.length, NULL);
    if (LZ4F_isError(stored.length)) return none(stored.data);
  } else if (codec == ZSTD) {
    stored.length = ZSTD_compress(stored.data, most, plain.data, plain.length, ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(stored.length)) return none(stored.data);
  } else if (plain.length > 0) {
    memcpy(stored.data, plain.data, plain.length);
  }
  return stored;
}

/* Each fills `plain`, which has room for plain->length bytes, sets plain->length, and returns whether that was all. */
static int gunzip(Bytes stored, Bytes *plain) {
  z_stream stream = {.next_in = stored.data, .avail_in = (uInt)stored.length};
  if (inflateInit2(&stream, 31) != Z_OK) return 0;
  stream.next_out = plain->data;
  stream.avail_out = (uInt)plain->length;
  int is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  plain->length = stream.total_out;
  inflateEnd(&stream);
  return is_whole;
}

static int unlz4(Bytes stored, Bytes *plain) {
  LZ4F_dctx *context;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return 0;
  size_t read = 0, written = 0, hint = 1;
  while (hint != 0 && !LZ4F_isError(hint)) {
    size_t room = plain->length - written, left = stored.length - read;
    hint = LZ4F_decompress(context, plain->data + written, &room, stored.data + read, &left, NULL);
    if (room == 0 && left == 0) break;
    written += room;
    read += left;
  }
  LZ4F_freeDecompressionContext(context);
  plain->length = written;
  return hint == 0;
}

static int unzstd(Bytes stored, Bytes *plain) {
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (context == NULL) return 0;
  size_t length = ZSTD_decompressDCtx(context, plain->data, plain->length, stored.data, stored.length);
  ZSTD_freeDCtx(context);
  plain->length = ZSTD_isError(length) ? 0 : length;
  return !ZSTD_isError(length);
}

Bytes decompress_bytes(int codec, Bytes stored) {
  if (codec == NONE) return compress_bytes(NONE, stored);
  /* Memory that is not touched is not taken. */
  Bytes plain = {.length = MAX_BATCH_BYTES, .data = malloc(MAX_BATCH_BYTES)};
  int is_whole = plain.data != NULL && (codec == GZIP   ? gunzip(stored, &plain)
                                        : codec == LZ4  ? unlz4(stored, &plain)
                                        : codec == ZSTD ? unzstd(stored, &plain)
                                                        : 0);
  return is_whole ? plain : none(plain.data);
}
