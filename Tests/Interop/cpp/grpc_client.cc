// Tailrace from C++ over gRPC: what protoc and grpc_cpp_plugin generate, and libgrpc++.
// Usage: grpc_client HOST PORT TOPIC TESTDATA
#include <iostream>
#include <map>

#include "call_status.pb.h"
#include "services.h"
#include "tailrace/v1/frame.pb.h"

namespace {

using Log = v1::LogService::Stub;

v1::ProduceResult produce(Services& services, const v1::ProduceTarget& target) {
  v1::ProduceRequest request;
  *request.add_targets() = target;
  auto result = call(*services.log, &Log::Produce, request).results(0);
  must(!result.has_error(), result.ShortDebugString());
  return result;
}

// Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key.
void produce_plain(Services& services, const std::string& topic) {
  v1::ProduceTarget target;
  target.set_topic(topic);
  for (int number = 0; number < 8; number++) {
    auto* record = target.add_records();
    record->set_key("key-" + std::to_string(number));
    record->set_value("of " + record->key());
    record->set_timestamp_ms(base_ms);
    auto* header = record->add_headers();
    header->set_key("source");
    header->set_value("interop");
  }
  auto result = produce(services, target);
  for (int number = 0; number < 8; number++) {
    const auto& key = target.records(number).key();
    auto place = partition_of(reinterpret_cast<const uint8_t*>(key.data()), key.size(), partitions);
    const auto& stored = result.records(number);
    must(!stored.has_error() && stored.partition() == place, stored.ShortDebugString());
  }
}

// The same batch to each partition, each time compressed in another way.
void produce_batches(Services& services, const std::string& topic) {
  for (int codec = NONE; codec < CODECS; codec++) {
    v1::ProduceTarget target;
    target.set_topic(topic);
    target.set_partition(codec);
    *target.add_batches() = encode_samples(codec);
    auto result = produce(services, target);
    must(!result.batches(0).has_error(), result.ShortDebugString());
  }
}

// Compares batches with the same records as the broker decodes them; returns how many there are.
int check(const v1::FetchedPartition& stored, const v1::FetchedPartition& decoded) {
  must(!stored.has_error() && !decoded.has_error(), stored.ShortDebugString());
  int count = 0;
  for (const auto& batch : stored.batches()) {
    for (const auto& [offset, record] : decode_batch(batch)) {
      must(count < decoded.records_size(), "fewer records decoded");
      const auto& other = decoded.records(count++);
      must(offset == other.offset() && record.headers_size() == other.headers_size(), other.ShortDebugString());
      must(record.has_key() == other.has_key() && record.key() == other.key(), other.ShortDebugString());
      must(record.has_value() == other.has_value() && record.value() == other.value(), other.ShortDebugString());
    }
  }
  must(count == decoded.records_size(), "more records decoded");
  return count;
}

// Batches, which the client checks and takes apart, hold the records that the broker finds in them.
void check_fetch(Services& services, const std::string& topic) {
  uint32_t count = 0;
  for (uint32_t partition = 0; partition < partitions; partition++) {
    count += check(fetch(services, topic, partition, false), fetch(services, topic, partition, true));
  }
  must(count == 8 + partitions * 6, std::to_string(count));
}

// The same as a stream, which is given up once all is there: it would go on with what comes later.
void subscribe(Services& services, const std::string& topic) {
  v1::SubscribeRequest request;
  for (uint32_t partition = 0; partition < partitions; partition++) {
    auto* target = request.add_targets();
    target->set_topic(topic);
    target->set_partition(partition);
  }
  Context context;
  auto stream = services.log->Subscribe(&context, request);
  std::map<uint32_t, v1::FetchedPartition> found;
  v1::SubscribeResponse response;
  for (uint32_t count = 0; count < 8 + partitions * 6;) {
    must(stream->Read(&response), "the stream ended too early");
    for (const auto& part : response.partitions()) {
      must(!part.has_error(), part.ShortDebugString());
      for (const auto& batch : part.batches()) count += batch.record_count();
      found[part.partition()].mutable_batches()->MergeFrom(part.batches());
    }
  }
  context.TryCancel();
  stream->Finish();
  for (const auto& [partition, part] : found) check(part, fetch(services, topic, partition, true));
}

// A call that fails has a status; a part of one that fails has an error in its place.
void check_errors(Services& services, const std::string& topic) {
  Context context;
  v1::CreateTopicRequest request;
  request.set_name(topic);
  v1::CreateTopicResponse response;
  auto status = services.admin->CreateTopic(&context, request, &response);
  must(status.error_code() == grpc::StatusCode::ALREADY_EXISTS, status.error_message());
  must(status.error_message().find(topic) != std::string::npos, status.error_message());
  // What gRPC's status has no place for: in its details, as it would be on the native door.
  tailrace::interop::CallStatus whole;
  v1::Status details;
  must(whole.ParseFromString(status.error_details()) && whole.details_size() == 1, "no details");
  must(whole.details(0).UnpackTo(&details), whole.ShortDebugString());
  must(details.error() == v1::ERROR_CODE_TOPIC_EXISTS, details.ShortDebugString());
  must(details.message() == status.error_message(), details.ShortDebugString());
  auto error = fetch(services, topic, 99, false).error();
  must(error.code() == v1::ERROR_CODE_UNKNOWN_PARTITION, error.ShortDebugString());
  must(error.message().find("99") != std::string::npos, error.message());
}

}  // namespace

v1::FetchedPartition fetch(Services& services, const std::string& topic, uint32_t partition, bool decode) {
  v1::FetchRequest request;
  auto* target = request.add_targets();
  target->set_topic(topic);
  target->set_partition(partition);
  request.set_max_wait_ms(1000);
  request.set_decode(decode);
  return call(*services.log, &Log::Fetch, request).partitions(0);
}

int main(int count, char** arguments) {
  must(count == 5, "Usage: grpc_client HOST PORT TOPIC TESTDATA");
  std::string topic = arguments[3];
  check_golden_files(arguments[4]);
  auto address = std::string(arguments[1]) + ":" + arguments[2];
  auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  Services services{v1::AdminService::NewStub(channel), v1::GroupService::NewStub(channel),
                    v1::LogService::NewStub(channel)};
  v1::CreateTopicRequest request;
  request.set_name(topic);
  request.set_partition_count(partitions);
  call(*services.admin, &v1::AdminService::Stub::CreateTopic, request);
  const std::pair<const char*, void (*)(Services&, const std::string&)> steps[] = {
      {"produce_plain", produce_plain}, {"produce_batches", produce_batches}, {"check_fetch", check_fetch},
      {"subscribe", subscribe},         {"share", share},                     {"check_errors", check_errors},
  };
  for (const auto& [name, run] : steps) {
    run(services, topic);
    std::cout << name << ": ok" << std::endl;
  }
  return 0;
}
