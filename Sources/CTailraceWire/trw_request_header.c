#include "trw_scan.h"

#include "trw_varint.h"

/// Notes a field of the schema. False where its wire type does not fit. Later occurrences win, as in protobuf;
/// numbers too long for their field are cut as protobuf-c cuts them.
static bool take_field(trw_request_header *header, uint32_t number, unsigned wire, const uint8_t *at,
                       const uint8_t *end) {
  uint64_t value = 0;
  size_t length = 0;
  bool is_delimited = number == 2 || number == 4;
  if (wire != (is_delimited ? TRW_WIRE_BYTES : TRW_WIRE_VARINT)) return false;
  at = is_delimited ? trw_read_length(at, end, &length) : trw_read_varint(at, end, &value);
  if (at == NULL) return false;
  switch (number) {
  case 1: header->call_id = value; break;
  case 2:
    header->method = at;
    header->method_length = length;
    break;
  case 3: header->timeout_ms = (uint32_t)value; break;
  case 4: header->metadata_count++; break;
  case 5: header->cancel = value != 0; break;
  default: header->credit = value; break;
  }
  return true;
}

/// Reads the usual header: call_id, method, and nothing else, each as short as it can be. False where it is another one.
static inline bool take_usual(const uint8_t *data, size_t length, trw_request_header *header) {
  if (length < 4 || data[0] != 0x08) return false;
  const uint8_t *end = data + length, *at = trw_read_varint(data + 1, end, &header->call_id);
  if (at == NULL || end - at < 2 || at[0] != 0x12 || at[1] != end - at - 2) return false;
  header->method = at + 2;
  header->method_length = at[1];
  return at[1] < 0x80;
}

trw_status trw_scan_request_header(const uint8_t *data, size_t length, trw_request_header *header) {
  *header = (trw_request_header){0};
  if (length == 0 || take_usual(data, length, header)) return TRW_OK;
  *header = (trw_request_header){0};
  const uint8_t *at = data, *end = data + length;
  while (at < end) {
    uint32_t number;
    unsigned wire;
    at = trw_read_tag(at, end, &number, &wire);
    if (at == NULL) return TRW_MALFORMED;
    if (number <= 6 && !take_field(header, number, wire, at, end)) return TRW_MALFORMED;
    at = trw_skip_value(at, end, wire);
    if (at == NULL) return TRW_MALFORMED;
  }
  return TRW_OK;
}
