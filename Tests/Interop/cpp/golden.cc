#include <fstream>
#include <iterator>
#include <sstream>

#include "records.h"
#include "tailrace/v1/frame.pb.h"
#include "tailrace/v1/log_service.pb.h"

namespace {

std::string read_file(const std::string& directory, const std::string& name) {
  std::ifstream file(directory + "/" + name, std::ios::binary);
  must(file.good(), name);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_hashes(const std::string& directory) {
  std::istringstream lines(read_file(directory, "hashes.txt"));
  std::string line, digits;
  while (std::getline(lines, line)) {
    uint32_t expected_checksum, expected_hash, expected_partition;
    std::istringstream parts(line);
    parts >> digits >> std::hex >> expected_checksum >> expected_hash >> std::dec >> expected_partition;
    std::string key;
    for (size_t at = 0; digits != "-" && at < digits.size(); at += 2) {
      key.push_back(static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16)));
    }
    auto bytes = reinterpret_cast<const uint8_t*>(key.data());
    must(!parts.fail() && checksum(key) == expected_checksum, line);
    must(murmur2(bytes, key.size()) == expected_hash, line);
    must(partition_of(bytes, key.size(), 7) == expected_partition, line);
  }
}

void check_batch(const std::string& directory, int codec) {
  static const char* const names[] = {"batch_none.bin", "batch_gzip.bin", "batch_lz4.bin", "batch_zstd.bin"};
  std::string content = read_file(directory, names[codec]);
  v1::Segment segment;
  must(segment.ParseFromString(content) && segment.batches_size() == 1, names[codec]);
  const auto& batch = segment.batches(0);
  must(batch.header_crc32c() == checksum(content.substr(0, 105)), names[codec]);
  must(batch.attributes() == static_cast<uint32_t>(codec) && batch.producer_id() == 4711, names[codec]);
  v1::RecordSet set;
  int64_t expected = 42;
  for (auto& [offset, record] : decode_batch(batch)) {
    must(offset == expected++, names[codec]);
    *set.add_records() = record;
  }
  must(set.SerializeAsString() == read_file(directory, "record_set.bin"), names[codec]);
}

// A request as the native door has it: gRPC frames messages by itself, and in the same bytes.
void check_request(const std::string& directory) {
  v1::RequestHeader header;
  header.set_call_id(7);
  header.set_method("tailrace.v1.LogService/Produce");
  header.set_timeout_ms(1500);
  auto* metadata = header.add_metadata();
  metadata->set_key("trace");
  metadata->set_value("abc");
  v1::ProduceRequest request;
  request.set_acks(v1::ACKS_DURABLE);
  auto* target = request.add_targets();
  target->set_topic("golden");
  target->set_partition(1);
  *target->add_batches() = encode_samples(NONE);
  std::string content = header.SerializeAsString() + request.SerializeAsString();
  must(content == read_file(directory, "request.frame").substr(6), "request.frame");
}

}  // namespace

void check_golden_files(const std::string& directory) {
  check_hashes(directory);
  must(sample_records().SerializeAsString() == read_file(directory, "record_set.bin"), "record_set.bin");
  for (int codec = NONE; codec < CODECS; codec++) check_batch(directory, codec);
  check_request(directory);
}
