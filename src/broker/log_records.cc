#include "broker/log_records.h"

#include <bit>
#include <cstring>

#include "broker/crc32c.h"

namespace ticklake::broker {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are stored as in memory");

template <typename Number>
void put(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

template <typename Number>
Number get(const char* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

int32_t stored_length(const std::optional<std::string>& text) {
  return text ? static_cast<int32_t>(text->size()) : -1;
}

}  // namespace

size_t encoded_size(const Record& record) {
  size_t size = kRecordBytesMin + (record.key ? record.key->size() : 0) +
                (record.value ? record.value->size() : 0);
  for (const Header& header : record.headers) {
    size += 8 + header.key.size() + (header.value ? header.value->size() : 0);
  }
  return size;
}

void encode(const Record& record, Offset offset, int64_t timestamp_ms, std::string& out) {
  size_t start = out.size();
  put<uint32_t>(out, 0);  // the checksum, known at the end
  put(out, static_cast<uint32_t>(encoded_size(record) - kPrefixBytes));
  put(out, offset.value);
  put(out, timestamp_ms);
  put(out, stored_length(record.key));
  put(out, stored_length(record.value));
  put(out, static_cast<uint32_t>(record.headers.size()));
  if (record.key) out += *record.key;
  if (record.value) out += *record.value;
  for (const Header& header : record.headers) {
    put(out, static_cast<uint32_t>(header.key.size()));
    put(out, stored_length(header.value));
    out += header.key;
    if (header.value) out += *header.value;
  }
  uint32_t sum = crc32c(std::string_view(out).substr(start + 4));
  std::memcpy(out.data() + start, &sum, sizeof sum);
}

size_t claimed_size(std::string_view bytes) {
  if (bytes.size() < kPrefixBytes) return 0;
  size_t size = get<uint32_t>(bytes.data() + 4) + kPrefixBytes;
  return size < kRecordBytesMin || size > (1u << 31) ? 0 : size;
}

Decoding decode(std::string_view bytes, Decoded& out) {
  if (bytes.size() < kPrefixBytes) return Decoding::Short;
  size_t size = claimed_size(bytes);
  if (size == 0) return Decoding::Damaged;
  if (bytes.size() < size) return Decoding::Short;
  const char* at = bytes.data();
  if (get<uint32_t>(at) != crc32c(bytes.substr(4, size - 4))) return Decoding::Damaged;
  auto key_bytes = get<int32_t>(at + 24);
  auto value_bytes = get<int32_t>(at + 28);
  size_t key_size = key_bytes < 0 ? 0 : static_cast<size_t>(key_bytes);
  size_t value_size = value_bytes < 0 ? 0 : static_cast<size_t>(value_bytes);
  if (key_size + value_size > size - kRecordBytesMin) return Decoding::Damaged;
  out.record = {.offset = Offset(get<int64_t>(at + 8)),
                .timestamp_ms = get<int64_t>(at + 16),
                .timestamp_type = 0,
                .key = key_bytes < 0 ? nullptr : at + kRecordBytesMin,
                .key_bytes = key_size,
                .value = value_bytes < 0 ? nullptr : at + kRecordBytesMin + key_size,
                .value_bytes = value_size};
  out.header_count = get<uint32_t>(at + 32);
  out.headers = bytes.substr(kRecordBytesMin + key_size + value_size,
                             size - kRecordBytesMin - key_size - value_size);
  out.size = size;
  return Decoding::Whole;
}

bool next_header(std::string_view& stored, HeaderView& out) {
  if (stored.size() < 8) return false;
  size_t key_bytes = get<uint32_t>(stored.data());
  auto value_bytes = get<int32_t>(stored.data() + 4);
  size_t value_size = value_bytes < 0 ? 0 : static_cast<size_t>(value_bytes);
  if (key_bytes + value_size > stored.size() - 8) return false;
  out.key = stored.substr(8, key_bytes);
  out.value = value_bytes < 0 ? nullptr : stored.data() + 8 + key_bytes;
  out.value_bytes = value_size;
  stored.remove_prefix(8 + key_bytes + value_size);
  return true;
}

Record to_record(const Decoded& decoded) {
  Record record;
  const RecordView& view = decoded.record;
  if (view.key != nullptr) record.key.emplace(view.key, view.key_bytes);
  if (view.value != nullptr) record.value.emplace(view.value, view.value_bytes);
  record.timestamp_ms = view.timestamp_ms;
  std::string_view stored = decoded.headers;
  HeaderView header;
  while (next_header(stored, header)) {
    Header& added = record.headers.emplace_back();
    added.key = header.key;
    if (header.value != nullptr) added.value.emplace(header.value, header.value_bytes);
  }
  return record;
}

std::optional<size_t> find_record(std::string_view bytes, size_t from, Offset beyond) {
  for (size_t at = from; at + kRecordBytesMin <= bytes.size(); ++at) {
    auto offset = get<int64_t>(bytes.data() + at + 8);
    auto possible = static_cast<int64_t>((at - from) / kRecordBytesMin) + 2;
    if (offset <= beyond.value || offset > beyond.value + possible) continue;
    Decoded found;
    if (decode(bytes.substr(at), found) == Decoding::Whole) return at;
  }
  return std::nullopt;
}

}  // namespace ticklake::broker
