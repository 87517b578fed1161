// Scans of single, hot messages: no allocation, no copy; the results point into the input.
#ifndef TRW_SCAN_H
#define TRW_SCAN_H

#include "trw_unpack.h"

/// tailrace.v1.RequestHeader, flat. Field numbers as in proto/tailrace/v1/frame.proto.
typedef struct {
  uint64_t call_id;          // 1
  const uint8_t *method;     // 2, not NUL-terminated; NULL where absent
  size_t method_length;
  uint32_t timeout_ms;       // 3
  uint32_t metadata_count;   // occurrences of 4: unpack the header to get at them
  bool cancel;               // 5
  uint64_t credit;           // 6
} trw_request_header;

/// Reads a RequestHeader. TRW_OK, or why not. The method is not checked to be UTF-8: it is compared, never shown
/// unescaped. As in protobuf, the last occurrence of a field counts.
trw_status trw_scan_request_header(const uint8_t *data, size_t length, trw_request_header *header);

/// A tailrace.v1.ProduceRequest with one target that holds one batch: what nearly all of them are. Field numbers as in
/// proto/tailrace/v1/log_service.proto and record.proto.
typedef struct {
  uint32_t acks;             // ProduceRequest 1
  const uint8_t *topic;      // ProduceTarget 1, not NUL-terminated; UTF-8 without a NUL
  size_t topic_length;
  uint32_t partition;        // ProduceTarget 3
  uint32_t format_version;   // RecordBatch 1, and so on
  uint32_t record_count;
  uint32_t last_offset_delta;
  int64_t base_timestamp_ms;
  int64_t max_timestamp_ms;
  uint32_t attributes;
  int64_t producer_id;
  uint32_t producer_epoch;
  uint32_t base_sequence;
  uint32_t records_length;
  uint32_t records_crc32c;
  const uint8_t *records;    // RecordBatch 17
  size_t records_byte_count;
} trw_single_produce;

/// Reads such a request. False where it is another one, or has anything that is not usual: a field that stands twice, is
/// unknown, or has another wire type, a topic that is no text, a topic id, plain records, no partition, a batch whose
/// fields are in another order than their numbers. Then the message is to be unpacked.
bool trw_scan_single_produce(const uint8_t *data, size_t length, trw_single_produce *produce);

/// A tailrace.v1.FetchRequest with one target, for batches as they lie in the log; pointers into the message.
typedef struct {
  const uint8_t *topic;    // FetchTarget 1
  size_t topic_length;
  const uint8_t *topic_id;    // 2; NULL where absent
  size_t topic_id_length;
  uint32_t partition;    // 3
  int64_t offset;
  uint32_t partition_max_bytes;
  uint32_t last_epoch;
  bool has_last_epoch;
  uint32_t min_bytes;    // FetchRequest 2
  uint32_t max_bytes;
  uint32_t max_wait_ms;
} trw_single_fetch;

/// Reads such a request. False where it is another one, or has anything that is not usual, as above.
bool trw_scan_single_fetch(const uint8_t *data, size_t length, trw_single_fetch *fetch);

/// How many parts a request has that each are work of their own: occurrences of the length-delimited `field` at its top,
/// and within those of the fields in `inner`, a set of bits by number. Counts up to `most` + 1. Of what is malformed, the
/// parts before that are counted.
size_t trw_count_parts(const uint8_t *data, size_t length, uint32_t field, uint32_t inner, size_t most);

/// One tailrace.v1.Record of a RecordSet, pointing into it. Absent keys and values are NULL; empty ones are not.
typedef struct {
  const uint8_t *key;        // 1
  size_t key_length;
  const uint8_t *value;      // 2
  size_t value_length;
  const uint8_t *headers;    // from the first field 3 on, to be read with trw_next_header; NULL without headers
  size_t headers_length;     // bytes from `headers` to the end of the record
  uint32_t header_count;
  int64_t timestamp_delta_ms;    // 4
  uint32_t offset_delta;         // 5; where absent, the previous record's plus one (first record: 0)
  bool has_offset_delta;
} trw_record;

typedef struct {
  const uint8_t *position;
  const uint8_t *end;
  uint64_t count;           // records read so far
  uint64_t next_delta;      // the offset delta of the next record, where it states none
} trw_record_cursor;

typedef enum {
  TRW_RECORD_OK = 0,
  TRW_RECORD_END = 1,             // the set is read
  TRW_RECORD_MALFORMED = 2,       // not a well-formed RecordSet, Record or Header, or an unknown field in one of them
  TRW_RECORD_TOO_MANY_HEADERS = 3,
  TRW_RECORD_INVALID_HEADER_KEY = 4,    // not UTF-8, or holding a NUL
  TRW_RECORD_OFFSET_DELTA = 5,    // does not grow from record to record
} trw_record_status;

/// A cursor before the first record of a RecordSet.
trw_record_cursor trw_record_cursor_make(const uint8_t *data, size_t length);

/// Reads the next record and moves the cursor past it. On any fault the cursor stands at the faulty record.
trw_record_status trw_next_record(trw_record_cursor *cursor, uint32_t max_headers, trw_record *record);

typedef struct {
  const uint8_t *key;
  size_t key_length;
  const uint8_t *value;      // NULL where absent
  size_t value_length;
} trw_header;

/// Reads the next header of a record that trw_next_record accepted, moving record->headers on. False when there is
/// none. An absent key is empty.
bool trw_next_header(trw_record *record, trw_header *header);

typedef struct {
  uint64_t count;
  uint32_t last_offset_delta;
  int64_t min_timestamp_delta_ms;    // of all records; 0 for an empty set
  int64_t max_timestamp_delta_ms;
  bool every_delta_is_position;      // offset_delta absent or equal to the record's position, in all records
  bool every_record_has_key;
} trw_record_summary;

/// Walks a whole RecordSet, or its first `max_records` and one more. On a fault `summary->count` is the position of the
/// faulty record.
trw_record_status trw_walk_records(const uint8_t *data, size_t length, uint32_t max_headers, uint64_t max_records,
                                   trw_record_summary *summary);

#endif
