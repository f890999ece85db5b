// The bytes of one record in the embedded log (docs/embedded_log.md). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/broker.h"
#include "broker/record_rows.h"

namespace ticklake::broker {

inline constexpr size_t kPrefixBytes = 8;      // checksum, length
inline constexpr size_t kRecordBytesMin = 36;  // prefix and fixed fields

size_t encoded_size(const Record& record);
void encode(const Record& record, Offset offset, int64_t timestamp_ms, std::string& out);

struct Decoded {
  RecordView record;
  std::string_view headers;  // as stored
  uint32_t header_count = 0;
  size_t size = 0;  // of the whole record
};

enum class Decoding : uint8_t { Whole, Short, Damaged };

// Reads the record that starts at bytes[0]. Short: the bytes end before the record does, as far as
// one can tell.
Decoding decode(std::string_view bytes, Decoded& out);

// The size that the record at bytes[0] claims to have; 0 where it cannot be right.
size_t claimed_size(std::string_view bytes);

struct HeaderView {
  std::string_view key;
  const char* value = nullptr;  // null: no value
  size_t value_bytes = 0;
};
// Takes the first header off `stored`; false where there is none or its bytes are cut.
bool next_header(std::string_view& stored, HeaderView& out);

Record to_record(const Decoded& decoded);

// Where in bytes[from..] a whole record starts whose offset is above `beyond`: tells damage from a
// torn tail.
std::optional<size_t> find_record(std::string_view bytes, size_t from, Offset beyond);

}  // namespace ticklake::broker
