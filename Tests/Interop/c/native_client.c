/* Tailrace from C, on the native door: protobuf-c's messages and a socket.
   Usage: native_client HOST PORT TOPIC TESTDATA */
#include "connection.h"
#include "golden.h"
#include "group.h"

/* Little credit, so that the broker has to wait for more; a mebibyte is usual. */
enum { KEYS = 8, CREDIT_BYTES = 500 };

static void produce(Connection *broker, TR(ProduceTarget) *target, TR(ProduceResponse) **response) {
  TR(ProduceRequest) request = TAILRACE__V1__PRODUCE_REQUEST__INIT;
  request.targets = &target;
  request.n_targets = 1;
  *response = CALL(broker, "LogService/Produce", request, produce_response);
  MUST((*response)->results[0]->error == NULL);
}

/* Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key. */
static void produce_plain(Connection *broker, char *topic) {
  TR(Header) header = TAILRACE__V1__HEADER__INIT, *headers[] = {&header};
  header.key = "source";
  header._value_case = TAILRACE__V1__HEADER___VALUE_VALUE;
  header.value = (ProtobufCBinaryData){.len = 7, .data = (uint8_t *)"interop"};
  TR(ProduceRecord) records[KEYS], *pointers[KEYS];
  char values[KEYS][24];
  for (int at = 0; at < KEYS; at++) {
    TR(ProduceRecord) *record = pointers[at] = &records[at];
    tailrace__v1__produce_record__init(record);
    snprintf(values[at], sizeof values[at], "of key-%d", at);
    record->_value_case = TAILRACE__V1__PRODUCE_RECORD___VALUE_VALUE;
    record->value = (ProtobufCBinaryData){.len = 8, .data = (uint8_t *)values[at]};
    record->_key_case = TAILRACE__V1__PRODUCE_RECORD___KEY_KEY;
    record->key = (ProtobufCBinaryData){.len = 5, .data = record->value.data + 3};
    record->headers = headers;
    record->n_headers = 1;
    record->_timestamp_ms_case = TAILRACE__V1__PRODUCE_RECORD___TIMESTAMP_MS_TIMESTAMP_MS;
    record->timestamp_ms = BASE_MS;
  }
  TR(ProduceTarget) target = TAILRACE__V1__PRODUCE_TARGET__INIT;
  target.topic = topic;
  target.records = pointers;
  target.n_records = KEYS;
  TR(ProduceResponse) *response;
  produce(broker, &target, &response);
  MUST(response->results[0]->n_records == KEYS);
  for (int at = 0; at < KEYS; at++) {
    TR(RecordResult) *stored = response->results[0]->records[at];
    MUST(stored->error == NULL && stored->partition == partition_of(records[at].key.data, 5, PARTITIONS));
  }
  release(response);
}

/* The same batch to each partition, each time compressed in another way. */
static void produce_batches(Connection *broker, char *topic) {
  for (int codec = NONE; codec < CODECS; codec++) {
    TR(RecordBatch) batch = encode_samples(codec), *batches[] = {&batch};
    TR(ProduceTarget) target = TAILRACE__V1__PRODUCE_TARGET__INIT;
    target.topic = topic;
    target._partition_case = TAILRACE__V1__PRODUCE_TARGET___PARTITION_PARTITION;
    target.partition = (uint32_t)codec;
    target.batches = batches;
    target.n_batches = 1;
    TR(ProduceResponse) *response;
    produce(broker, &target, &response);
    MUST(response->results[0]->batches[0]->error == NULL);
    release(response);
    free(batch.records.data);
  }
}

TR(FetchResponse) *fetch(Connection *broker, char *topic, uint32_t partition, int decode) {
  TR(FetchTarget) target = TAILRACE__V1__FETCH_TARGET__INIT, *targets[] = {&target};
  target.topic = topic;
  target.partition = partition;
  TR(FetchRequest) request = TAILRACE__V1__FETCH_REQUEST__INIT;
  request.targets = targets;
  request.n_targets = 1;
  request.max_wait_ms = 1000;
  request.decode = decode;
  TR(FetchResponse) *response = CALL(broker, "LogService/Fetch", request, fetch_response);
  MUST(response->n_partitions == 1);
  return response;
}

/* Batches, which the client checks and takes apart, hold the records that the broker finds in them. */
static void check_fetch(Connection *broker, char *topic) {
  size_t count = 0;
  for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
    TR(FetchResponse) *stored = fetch(broker, topic, partition, 0), *decoded = fetch(broker, topic, partition, 1);
    TR(FetchedPartition) *part = stored->partitions[0], *other = decoded->partitions[0];
    MUST(part->error == NULL && other->error == NULL);
    size_t at = 0;
    for (size_t index = 0; index < part->n_batches; index++) {
      TR(RecordSet) *set = decode_batch(part->batches[index]);
      MUST(set != NULL);
      for (size_t own = 0; own < set->n_records; own++, at++) {
        TR(Record) *record = set->records[own];
        MUST(at < other->n_records && !record->_key_case == !other->records[at]->_key_case);
        MUST(same(record->key, other->records[at]->key) && same(record->value, other->records[at]->value));
        MUST(record->n_headers == other->records[at]->n_headers);
      }
      tailrace__v1__record_set__free_unpacked(set, NULL);
    }
    MUST(at == other->n_records);
    count += at;
    release(stored);
    release(decoded);
  }
  MUST(count == KEYS + PARTITIONS * SAMPLES);
}

/* The same as a stream. The broker sends as many bytes as it has credit for: what was taken is granted anew. It is given up
   once all is there, as it would go on with what comes later. */
static void subscribe(Connection *broker, char *topic) {
  TR(FetchTarget) targets[PARTITIONS], *pointers[PARTITIONS];
  for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
    tailrace__v1__fetch_target__init(pointers[partition] = &targets[partition]);
    targets[partition].topic = topic;
    targets[partition].partition = partition;
  }
  TR(SubscribeRequest) request = TAILRACE__V1__SUBSCRIBE_REQUEST__INIT;
  request.targets = pointers;
  request.n_targets = PARTITIONS;
  TR(RequestHeader) header = TAILRACE__V1__REQUEST_HEADER__INIT;
  header.call_id = ++broker->calls;
  header.method = "tailrace.v1.LogService/Subscribe";
  header.credit = CREDIT_BYTES;
  send_frame(broker, &header, &request.base);
  header.method = "";
  for (size_t count = 0; count < KEYS + PARTITIONS * SAMPLES;) {
    ProtobufCBinaryData message = receive_frame(broker);
    MUST(broker->header->status == NULL && !broker->header->end_of_stream);
    header.credit = message.len;
    send_frame(broker, &header, NULL);
    TR(SubscribeResponse) *response = tailrace__v1__subscribe_response__unpack(NULL, message.len, message.data);
    MUST(response != NULL);
    for (size_t part = 0; part < response->n_partitions; part++)
      for (size_t at = 0; at < response->partitions[part]->n_batches; at++) {
        TR(RecordSet) *set = decode_batch(response->partitions[part]->batches[at]);
        MUST(set != NULL);
        count += set->n_records;
        release(set);
      }
    release(response);
    free(message.data);
  }
  header.credit = 0;
  header.cancel = 1;
  send_frame(broker, &header, NULL);
  do free(receive_frame(broker).data);
  while (!broker->header->end_of_stream);
  MUST(broker->header->status->code == 1);
}

/* A call that fails has a status; a part of one that fails has an error in its place. */
static void check_errors(Connection *broker, char *topic) {
  TR(CreateTopicRequest) create = TAILRACE__V1__CREATE_TOPIC_REQUEST__INIT;
  create.name = topic;
  MUST(call(broker, "AdminService/CreateTopic", &create.base, &tailrace__v1__create_topic_response__descriptor) == NULL);
  TR(Status) *status = broker->header->status;
  MUST(status->code == 6 && status->error == TAILRACE__V1__ERROR_CODE__ERROR_CODE_TOPIC_EXISTS);
  MUST(strstr(status->message, topic) != NULL);
  TR(FetchResponse) *response = fetch(broker, topic, 99, 0);
  TR(PartitionError) *error = response->partitions[0]->error;
  MUST(error != NULL && error->code == TAILRACE__V1__ERROR_CODE__ERROR_CODE_UNKNOWN_PARTITION);
  MUST(strstr(error->message, "99") != NULL);
  release(response);
}

int main(int count, char **arguments) {
  MUST(count == 5);
  char *topic = arguments[3];
  check_golden_files(arguments[4]);
  Connection broker = connect_to(arguments[1], arguments[2]);
  TR(CreateTopicRequest) request = TAILRACE__V1__CREATE_TOPIC_REQUEST__INIT;
  request.name = topic;
  request.partition_count = PARTITIONS;
  release(CALL(&broker, "AdminService/CreateTopic", request, create_topic_response));
  static const struct {
    const char *name;
    void (*run)(Connection *, char *);
  } steps[] = {{"produce_plain", produce_plain},
               {"produce_batches", produce_batches},
               {"check_fetch", check_fetch},
               {"subscribe", subscribe},
               {"share", share},
               {"check_errors", check_errors}};
  for (size_t at = 0; at < sizeof steps / sizeof *steps; at++) {
    steps[at].run(&broker, topic);
    printf("%s: ok\n", steps[at].name);
  }
  disconnect(&broker);
  return 0;
}
