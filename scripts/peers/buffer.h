// Bytes on their way to or from a socket.
#ifndef PEERS_BUFFER_H
#define PEERS_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MAX_BUFFER_BYTES = 64 << 20 };

// The live bytes are those from `start` up to `end`.
typedef struct {
  uint8_t *bytes;
  size_t start, end, capacity;
} buffer;

// Makes room for `count` more bytes at the end; the live bytes may move.
void buffer_need(buffer *b, size_t count);

static inline size_t buffer_length(const buffer *b) { return b->end - b->start; }

static inline const uint8_t *buffer_head(const buffer *b) { return b->bytes + b->start; }

static inline void put_bytes(buffer *b, const void *bytes, size_t count) {
  buffer_need(b, count);
  memcpy(b->bytes + b->end, bytes, count);
  b->end += count;
}

static inline void put_text(buffer *b, const char *text) { put_bytes(b, text, strlen(text)); }

// Appends text as printf makes it, less than 1 KiB.
__attribute__((format(printf, 2, 3))) void put_format(buffer *b, const char *format, ...);

#endif
