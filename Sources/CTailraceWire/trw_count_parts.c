#include "trw_scan.h"

#include "trw_varint.h"

static size_t count(const uint8_t *at, const uint8_t *end, uint32_t fields, uint32_t inner, size_t most) {
  size_t counted = 0;
  while (at < end && counted <= most) {
    uint32_t number;
    unsigned wire;
    const uint8_t *value = trw_read_tag(at, end, &number, &wire);
    if (value == NULL) return counted;
    at = trw_skip_value(value, end, wire);
    if (at == NULL) return counted;
    if (wire != TRW_WIRE_BYTES || number > 31 || (fields & 1u << number) == 0) continue;
    counted++;
    size_t length;
    const uint8_t *content = inner == 0 ? NULL : trw_read_length(value, end, &length);
    if (content != NULL) counted += count(content, content + length, inner, 0, most - (counted < most ? counted : most));
  }
  return counted;
}

size_t trw_count_parts(const uint8_t *data, size_t length, uint32_t field, uint32_t inner, size_t most) {
  return length == 0 ? 0 : count(data, data + length, 1u << field, inner, most);
}
