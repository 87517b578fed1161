/* gzip, lz4 frames and zstd, in memory. What comes from elsewhere is bounded, so that a small batch cannot fill it. */
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include "records.h"

static ProtobufCBinaryData gzip(ProtobufCBinaryData plain) {
  z_stream stream = {.next_in = plain.data, .avail_in = (uInt)plain.len};
  MUST(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  uLong most = deflateBound(&stream, plain.len);
  ProtobufCBinaryData stored = {.data = malloc(most)};
  stream.next_out = stored.data;
  stream.avail_out = (uInt)most;
  MUST(stored.data != NULL && deflate(&stream, Z_FINISH) == Z_STREAM_END);
  stored.len = stream.total_out;
  deflateEnd(&stream);
  return stored;
}

ProtobufCBinaryData compress_records(int codec, ProtobufCBinaryData plain) {
  if (codec == GZIP) return gzip(plain);
  size_t most = codec == LZ4    ? LZ4F_compressFrameBound(plain.len, NULL)
                : codec == ZSTD ? ZSTD_compressBound(plain.len)
                                : plain.len + 1;
  ProtobufCBinaryData stored = {.data = malloc(most)};
  MUST(stored.data != NULL);
  if (codec == LZ4) {
    stored.len = LZ4F_compressFrame(stored.data, most, plain.data, plain.len, NULL);
    MUST(!LZ4F_isError(stored.len));
  } else if (codec == ZSTD) {
    stored.len = ZSTD_compress(stored.data, most, plain.data, plain.len, ZSTD_CLEVEL_DEFAULT);
    MUST(!ZSTD_isError(stored.len));
  } else {
    memcpy(stored.data, plain.data, stored.len = plain.len);
  }
  return stored;
}

/* Each fills `plain`, which has room for plain->len bytes, sets plain->len, and returns whether that was all. */
static int gunzip(ProtobufCBinaryData stored, ProtobufCBinaryData *plain) {
  z_stream stream = {.next_in = stored.data, .avail_in = (uInt)stored.len};
  if (inflateInit2(&stream, 31) != Z_OK) return 0;
  stream.next_out = plain->data;
  stream.avail_out = (uInt)plain->len;
  int is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  plain->len = stream.total_out;
  inflateEnd(&stream);
  return is_whole;
}

static int unlz4(ProtobufCBinaryData stored, ProtobufCBinaryData *plain) {
  LZ4F_dctx *context;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return 0;
  size_t read = 0, written = 0, hint = 1;
  while (hint != 0 && !LZ4F_isError(hint)) {
    size_t room = plain->len - written, left = stored.len - read;
    hint = LZ4F_decompress(context, plain->data + written, &room, stored.data + read, &left, NULL);
    if (room == 0 && left == 0) break;
    written += room;
    read += left;
  }
  LZ4F_freeDecompressionContext(context);
  plain->len = written;
  return hint == 0;
}

static int unzstd(ProtobufCBinaryData stored, ProtobufCBinaryData *plain) {
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (context == NULL) return 0;
  size_t length = ZSTD_decompressDCtx(context, plain->data, plain->len, stored.data, stored.len);
  ZSTD_freeDCtx(context);
  plain->len = ZSTD_isError(length) ? 0 : length;
  return !ZSTD_isError(length);
}

ProtobufCBinaryData decompress_records(int codec, ProtobufCBinaryData stored) {
  if (codec == NONE) return compress_records(NONE, stored);
  /* Memory that is not touched is not taken. */
  ProtobufCBinaryData plain = {.len = MAX_BATCH_BYTES, .data = malloc(MAX_BATCH_BYTES)};
  int is_whole = plain.data != NULL && (codec == GZIP   ? gunzip(stored, &plain)
                                        : codec == LZ4  ? unlz4(stored, &plain)
                                        : codec == ZSTD ? unzstd(stored, &plain)
                                                        : 0);
  if (is_whole) return plain;
  free(plain.data);
  return (ProtobufCBinaryData){0};
}
