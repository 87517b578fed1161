#include "records.h"

static ProtobufCBinaryData text(const char *content) {
  return (ProtobufCBinaryData){.len = strlen(content), .data = (uint8_t *)content};
}

static void set_key(TR(Record) *record, const char *key) {
  record->_key_case = TAILRACE__V1__RECORD___KEY_KEY;
  record->key = text(key);
}

static void set_value(TR(Record) *record, ProtobufCBinaryData value) {
  record->_value_case = TAILRACE__V1__RECORD___VALUE_VALUE;
  record->value = value;
}

static void add_headers(TR(Record) *record) {
  static TR(Header) headers[3], *pointers[3];
  static char *keys[3] = {"source", "empty", "absent"};
  for (int at = 0; at < 3; at++) {
    tailrace__v1__header__init(pointers[at] = &headers[at]);
    headers[at].key = keys[at];
    if (at < 2) headers[at]._value_case = TAILRACE__V1__HEADER___VALUE_VALUE;
  }
  headers[0].value = text("interop");
  record->headers = pointers;
  record->n_headers = 3;
}

const TR(RecordSet) *sample_records(void) {
  static TR(RecordSet) set = TAILRACE__V1__RECORD_SET__INIT;
  static TR(Record) records[SAMPLES], *pointers[SAMPLES];
  static uint8_t every_byte[256];
  static char long_text[901];
  if (set.n_records) return &set;
  for (int at = 0; at < SAMPLES; at++) tailrace__v1__record__init(pointers[at] = &records[at]);
  for (int at = 0; at < 256; at++) every_byte[at] = (uint8_t)at;
  for (int at = 0; at < 100; at++) strcat(long_text, "tailrace ");
  set_key(&records[0], "user-1");
  set_value(&records[0], text("hello"));
  add_headers(&records[0]);
  set_value(&records[1], text("no key"));
  set_key(&records[2], "");
  set_value(&records[2], text(""));
  records[2].timestamp_delta_ms = -5;
  set_key(&records[3], "gone");
  records[3].timestamp_delta_ms = 300;
  set_key(&records[4], "schl\xc3\xbcssel");
  set_value(&records[4], (ProtobufCBinaryData){.len = 256, .data = every_byte});
  set_key(&records[5], "long");
  set_value(&records[5], text(long_text));
  records[5]._offset_delta_case = TAILRACE__V1__RECORD___OFFSET_DELTA_OFFSET_DELTA;
  records[5].offset_delta = 5;
  set.records = pointers;
  set.n_records = SAMPLES;
  return &set;
}

ProtobufCBinaryData packed(const ProtobufCMessage *message) {
  ProtobufCBinaryData bytes = {.len = protobuf_c_message_get_packed_size(message)};
  MUST((bytes.data = malloc(bytes.len + 1)) != NULL);
  protobuf_c_message_pack(message, bytes.data);
  return bytes;
}

int same(ProtobufCBinaryData one, ProtobufCBinaryData other) {
  return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

TR(RecordBatch) encode_samples(int codec) {
  ProtobufCBinaryData plain = packed(&sample_records()->base);
  TR(RecordBatch) batch = TAILRACE__V1__RECORD_BATCH__INIT;
  batch.format_version = 1;
  batch.record_count = SAMPLES;
  batch.last_offset_delta = SAMPLES - 1;
  batch.base_timestamp_ms = BASE_MS;
  batch.max_timestamp_ms = BASE_MS + 300;
  batch.attributes = (uint32_t)codec;
  Bytes stored = compress_bytes(codec, (Bytes){.length = plain.len, .data = plain.data});
  MUST(stored.data != NULL);
  batch.records = (ProtobufCBinaryData){.len = stored.length, .data = stored.data};
  batch.records_crc32c = crc32c(batch.records.data, batch.records.len);
  free(plain.data);
  return batch;
}

TR(RecordSet) *decode_batch(const TR(RecordBatch) *batch) {
  int codec = batch->attributes & 7;
  if (batch->attributes & ~15u || codec >= CODECS) return NULL;
  if (crc32c(batch->records.data, batch->records.len) != batch->records_crc32c) return NULL;
  Bytes plain = decompress_bytes(codec, (Bytes){.length = batch->records.len, .data = batch->records.data});
  TR(RecordSet) *set = plain.data ? tailrace__v1__record_set__unpack(NULL, plain.length, plain.data) : NULL;
  free(plain.data);
  if (set != NULL && set->n_records == batch->record_count) return set;
  if (set != NULL) tailrace__v1__record_set__free_unpacked(set, NULL);
  return NULL;
}
