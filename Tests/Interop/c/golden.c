#include "golden.h"

#include "connection.h"

static ProtobufCBinaryData read_file(const char *directory, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "rb");
  MUST(file != NULL);
  ProtobufCBinaryData content = {.data = malloc(1 << 16)};
  MUST(content.data != NULL);
  content.len = fread(content.data, 1, 1 << 16, file);
  fclose(file);
  return content;
}

/* Frees `bytes`. */
static void check_file(const char *directory, const char *name, ProtobufCBinaryData bytes) {
  ProtobufCBinaryData file = read_file(directory, name);
  if (!same(bytes, file)) fprintf(stderr, "%s is not what this client encodes\n", name), exit(1);
  free(file.data);
  free(bytes.data);
}

static void check_hashes(const char *directory) {
  ProtobufCBinaryData file = read_file(directory, "hashes.txt");
  file.data[file.len] = 0;
  int count = 0;
  char *rest = NULL;
  for (char *line = strtok_r((char *)file.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), count++) {
    char digits[600];
    uint8_t key[300];
    unsigned checksum, hash, partition, byte;
    size_t length = 0;
    MUST(sscanf(line, "%599s %x %x %u", digits, &checksum, &hash, &partition) == 4);
    for (; digits[0] != '-' && sscanf(digits + 2 * length, "%2x", &byte) == 1; length++) key[length] = (uint8_t)byte;
    MUST(crc32c(key, length) == checksum);
    MUST(murmur2(key, length) == hash);
    MUST(partition_of(key, length, 7) == partition);
  }
  MUST(count == 14);
  free(file.data);
}

static void check_batch(const char *directory, int codec) {
  static const char *const names[] = {"batch_none.bin", "batch_gzip.bin", "batch_lz4.bin", "batch_zstd.bin"};
  ProtobufCBinaryData file = read_file(directory, names[codec]);
  TR(Segment) *segment = tailrace__v1__segment__unpack(NULL, file.len, file.data);
  MUST(segment != NULL && segment->n_batches == 1);
  TR(RecordBatch) *batch = segment->batches[0];
  MUST(batch->header_crc32c == crc32c(file.data, 105));
  MUST(batch->base_offset == 42 && batch->producer_id == 4711 && batch->attributes == (uint32_t)codec);
  TR(RecordSet) *set = decode_batch(batch);
  MUST(set != NULL);
  check_file(directory, "record_set.bin", packed(&set->base));
  tailrace__v1__record_set__free_unpacked(set, NULL);
  tailrace__v1__segment__free_unpacked(segment, NULL);
  free(file.data);
}

static void check_request(const char *directory) {
  TR(Metadata) trace = TAILRACE__V1__METADATA__INIT, *metadata[] = {&trace};
  trace.key = "trace";
  trace.value = "abc";
  TR(RequestHeader) header = TAILRACE__V1__REQUEST_HEADER__INIT;
  header.call_id = 7;
  header.method = "tailrace.v1.LogService/Produce";
  header.timeout_ms = 1500;
  header.metadata = metadata;
  header.n_metadata = 1;
  TR(RecordBatch) batch = encode_samples(NONE), *batches[] = {&batch};
  TR(ProduceTarget) target = TAILRACE__V1__PRODUCE_TARGET__INIT, *targets[] = {&target};
  target.topic = "golden";
  target._partition_case = TAILRACE__V1__PRODUCE_TARGET___PARTITION_PARTITION;
  target.partition = 1;
  target.batches = batches;
  target.n_batches = 1;
  TR(ProduceRequest) request = TAILRACE__V1__PRODUCE_REQUEST__INIT;
  request.acks = TAILRACE__V1__ACKS__ACKS_DURABLE;
  request.targets = targets;
  request.n_targets = 1;
  check_file(directory, "request.frame", encode_frame(&header.base, &request.base));
  free(batch.records.data);
}

/* The header of the only frame of a file; `message` becomes what follows, in `file`. */
static TR(ResponseHeader) *response_header(ProtobufCBinaryData file, ProtobufCBinaryData *message) {
  size_t length = (size_t)file.data[2] << 8 | file.data[3], header_length = (size_t)file.data[4] << 8 | file.data[5];
  MUST(file.len == 4 + length && 2 + header_length <= length);
  *message = (ProtobufCBinaryData){.len = length - 2 - header_length, .data = file.data + 6 + header_length};
  TR(ResponseHeader) *header = tailrace__v1__response_header__unpack(NULL, header_length, file.data + 6);
  MUST(header != NULL && header->end_of_stream);
  return header;
}

static void check_responses(const char *directory) {
  ProtobufCBinaryData file = read_file(directory, "response.frame"), message;
  TR(ResponseHeader) *header = response_header(file, &message);
  TR(ProduceResponse) *response = tailrace__v1__produce_response__unpack(NULL, message.len, message.data);
  MUST(response != NULL && response->n_results == 1 && response->results[0]->n_batches == 1);
  TR(BatchResult) *stored = response->results[0]->batches[0];
  MUST(header->call_id == 7 && stored->base_offset == 42 && stored->append_timestamp_ms == BASE_MS + 1000);
  check_file(directory, "response.frame", encode_frame(&header->base, &response->base));
  release(response);
  release(header);
  free(file.data);

  file = read_file(directory, "error.frame");
  header = response_header(file, &message);
  MUST(header->status->code == 6 && header->status->error == TAILRACE__V1__ERROR_CODE__ERROR_CODE_TOPIC_EXISTS);
  TR(StatusDetail) *detail = header->status->details[0];
  TR(Limits) *limits = tailrace__v1__limits__unpack(NULL, detail->value.len, detail->value.data);
  MUST(strcmp(detail->type, "tailrace.v1.Limits") == 0 && limits->max_frame_bytes == 16 << 20);
  check_file(directory, "error.frame", encode_frame(&header->base, NULL));
  release(limits);
  release(header);
  free(file.data);
}

static void check_prefaces(const char *directory) {
  ProtobufCBinaryData client = read_file(directory, "client_preface.bin");
  ProtobufCBinaryData server = read_file(directory, "server_preface.bin");
  MUST(client.len == PREFACE_BYTES && memcmp(client.data, PREFACE, PREFACE_BYTES) == 0);
  MUST(server.len == PREFACE_BYTES && memcmp(server.data, PREFACE, VERSION_BYTES) == 0);
  free(client.data);
  free(server.data);
}

void check_golden_files(const char *directory) {
  check_hashes(directory);
  check_file(directory, "record_set.bin", packed(&sample_records()->base));
  for (int codec = NONE; codec < CODECS; codec++) check_batch(directory, codec);
  check_request(directory);
  check_responses(directory);
  check_prefaces(directory);
}
