#include "records.h"

#include <memory>
#include <stdexcept>

namespace {

// Compresses or decompresses, and frees what C allocated.
std::string converted(Bytes (*convert)(int, Bytes), int codec, const std::string& content) {
  auto data = reinterpret_cast<uint8_t*>(const_cast<char*>(content.data()));
  Bytes result = convert(codec, Bytes{content.size(), data});
  std::unique_ptr<uint8_t, decltype(&std::free)> owner(result.data, &std::free);
  if (!owner) throw std::runtime_error("records that are not well-formed, or too many");
  return std::string(reinterpret_cast<char*>(result.data), result.length);
}

}  // namespace

void must(bool holds, const std::string& found) {
  if (holds) return;
  std::fprintf(stderr, "not as it has to be: %s\n", found.c_str());
  std::exit(1);
}

uint32_t checksum(const std::string& content) {
  return crc32c(reinterpret_cast<const uint8_t*>(content.data()), content.size());
}

v1::RecordSet sample_records() {
  v1::RecordSet set;
  auto* record = set.add_records();
  record->set_key("user-1");
  record->set_value("hello");
  for (const char* key : {"source", "empty", "absent"}) record->add_headers()->set_key(key);
  record->mutable_headers(0)->set_value("interop");
  record->mutable_headers(1)->set_value("");
  set.add_records()->set_value("no key");
  record = set.add_records();
  record->set_key("");
  record->set_value("");
  record->set_timestamp_delta_ms(-5);
  record = set.add_records();
  record->set_key("gone");
  record->set_timestamp_delta_ms(300);
  record = set.add_records();
  record->set_key("schl\xc3\xbcssel");
  for (int byte = 0; byte < 256; byte++) record->mutable_value()->push_back(static_cast<char>(byte));
  record = set.add_records();
  record->set_key("long");
  for (int count = 0; count < 100; count++) record->mutable_value()->append("tailrace ");
  record->set_offset_delta(5);
  return set;
}

v1::RecordBatch encode_samples(int codec) {
  auto set = sample_records();
  v1::RecordBatch batch;
  batch.set_format_version(1);
  batch.set_record_count(set.records_size());
  batch.set_last_offset_delta(set.records_size() - 1);
  batch.set_base_timestamp_ms(base_ms);
  batch.set_max_timestamp_ms(base_ms + 300);
  batch.set_attributes(codec);
  batch.set_records(converted(compress_bytes, codec, set.SerializeAsString()));
  batch.set_records_crc32c(checksum(batch.records()));
  return batch;
}

std::vector<std::pair<int64_t, v1::Record>> decode_batch(const v1::RecordBatch& batch) {
  auto place = "the batch at offset " + std::to_string(batch.base_offset());
  int codec = batch.attributes() & 7;
  if (checksum(batch.records()) != batch.records_crc32c()) throw std::runtime_error(place + " is damaged");
  if (batch.attributes() & ~15u || codec >= CODECS) throw std::runtime_error(place + " needs a newer client");
  v1::RecordSet set;
  bool is_whole = set.ParseFromString(converted(decompress_bytes, codec, batch.records()));
  std::vector<std::pair<int64_t, v1::Record>> records;
  int64_t offset = batch.base_offset() - 1;
  for (auto& record : *set.mutable_records()) {
    offset = record.has_offset_delta() ? batch.base_offset() + record.offset_delta() : offset + 1;
    records.emplace_back(offset, std::move(record));
  }
  is_whole = is_whole && records.size() == batch.record_count() &&
             offset <= batch.base_offset() + static_cast<int64_t>(batch.last_offset_delta());
  if (!is_whole) throw std::runtime_error(place + " does not hold what its header says");
  return records;
}
