#include "trw_utf8.h"

#include <string.h>

/// Length of the well-formed sequence that begins with the non-ASCII byte at `at`, or 0 (Unicode 15, table 3-7).
static size_t sequence_length(const uint8_t *at, size_t available) {
  uint8_t lead = at[0];
  uint8_t low = 0x80, high = 0xBF;    // bounds of the second byte: they exclude overlong forms and surrogates
  size_t length;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (available < length || at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

/// Whether eight bytes are all ASCII and none of them NUL.
static bool is_plain_word(const uint8_t *at) {
  const uint64_t tops = 0x8080808080808080u, ones = 0x0101010101010101u;
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return ((word | (word - ones)) & tops) == 0;
}

trw_status trw_check_string(const uint8_t *data, size_t length, size_t *position) {
  size_t at = 0;
  while (at < length) {
    if (length - at >= 8 && is_plain_word(data + at)) {
      at += 8;
      continue;
    }
    *position = at;
    if (data[at] == 0) return TRW_NUL_IN_STRING;
    size_t step = data[at] < 0x80 ? 1 : sequence_length(data + at, length - at);
    if (step == 0) return TRW_INVALID_UTF8;
    at += step;
  }
  return TRW_OK;
}

bool trw_is_utf8(const uint8_t *data, size_t length) {
  size_t position = 0;
  while (length > 0) {
    trw_status status = trw_check_string(data, length, &position);
    if (status != TRW_NUL_IN_STRING) return status == TRW_OK;
    data += position + 1;
    length -= position + 1;
  }
  return true;
}
