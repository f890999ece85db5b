#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <cstring>

#include "base/text.h"
#include "formats/avro_resolve.h"

namespace ticklake::formats {
namespace {
using Op = AvroAction::Op;
}

std::string AvroCursor::problem() const {
  return fmt::format("malformed Avro at byte {}: {}", at_, problem_);
}

bool AvroCursor::read_long(int64_t& value) {
  uint64_t bits = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at_ == all_.size()) return fail("it ends within a number");
    auto byte = static_cast<uint8_t>(all_[at_++]);
    if (shift == 63 && byte > 1) break;
    bits |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = static_cast<int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
      return true;
    }
  }
  return fail("a number of more than 64 bits");
}

bool AvroCursor::read_length(int64_t& value) {
  if (!read_long(value)) return false;
  return value >= 0 || fail("a length below zero");
}

bool AvroCursor::take(int64_t size, std::string_view& bytes) {
  auto left = static_cast<int64_t>(all_.size() - at_);
  if (size > left) {
    return fail(fmt::format("{} bytes should follow and {} do", size, left));
  }
  bytes = all_.substr(at_, static_cast<size_t>(size));
  at_ += static_cast<size_t>(size);
  return true;
}

bool AvroCursor::read_integer(const AvroAction& action, Column* column) {
  int64_t value = 0;
  if (!read_long(value)) return false;
  if (action.int_only && (value < INT32_MIN || value > INT32_MAX)) {
    return fail("a number of more than 32 bits");
  }
  if (column == nullptr) return true;
  if (__builtin_mul_overflow(value, action.scale, &value)) return fail("a time out of range");
  switch (column->type().kind) {
    case Kind::Integer:
    case Kind::Date: column->append(static_cast<int32_t>(value)); break;
    case Kind::Float: column->append(static_cast<float>(value)); break;
    case Kind::Double: column->append(static_cast<double>(value)); break;
    default: column->append(value); break;
  }
  return true;
}

template <typename T>
bool AvroCursor::read_real(Column* column) {
  std::string_view bytes;
  if (!take(sizeof(T), bytes)) return false;
  if (column == nullptr) return true;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  if (column->type().kind == Kind::Double) {
    column->append(static_cast<double>(value));
  } else {
    column->append(static_cast<float>(value));
  }
  return true;
}

bool AvroCursor::read_decimal(std::string_view bytes, Column* column) {
  if (column == nullptr) return true;
  while (bytes.size() > 1) {  // bytes that only repeat the sign
    bool negative = (static_cast<uint8_t>(bytes[1]) & 0x80) != 0;
    if (bytes[0] != (negative ? '\xFF' : '\0')) break;
    bytes.remove_prefix(1);
  }
  if (bytes.size() > 16) return fail("a decimal of more than 38 digits");
  arrow::Decimal128 value;
  if (!bytes.empty()) {
    auto read = arrow::Decimal128::FromBigEndian(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                 static_cast<int32_t>(bytes.size()));
    if (!read.ok()) return fail("no decimal");
    value = *read;
  }
  if (!value.FitsInPrecision(column->type().precision)) {
    return fail(fmt::format("a decimal of more than {} digits", column->type().precision));
  }
  column->append(value);
  return true;
}

bool AvroCursor::append_text(std::string_view bytes, Column* column) {
  if (column == nullptr) return true;
  if (!spend(static_cast<int64_t>(bytes.size()))) return false;
  if (column->type().kind == Kind::String && !is_utf8(bytes)) return fail("invalid UTF-8");
  column->append_bytes(bytes);
  return true;
}

// What one row of the column takes at least, with its NULLs.
int64_t AvroCursor::bytes_of_row(Column& column) {
  int64_t bytes = sizeof(int64_t);
  for (Column& child : column.children()) {
    if (column.type().kind == Kind::Struct) bytes += bytes_of_row(child);
  }
  return bytes;
}

bool AvroCursor::read_items(const AvroAction& action, Column* column) {
  bool map = action.op == Op::Map;
  Column* keys = column != nullptr && map ? &column->children()[0] : nullptr;
  Column* values = column != nullptr ? &column->children()[map ? 1 : 0] : nullptr;
  int64_t bytes_of_item = values != nullptr ? bytes_of_row(*values) : 0;
  while (true) {
    int64_t count = 0, bytes = 0;
    if (!read_long(count)) return false;
    if (count == 0) break;
    if (count < 0) {
      if (count == INT64_MIN || !read_length(bytes)) return fail("no count of items");
      count = -count;
    }
    auto left = static_cast<int64_t>(all_.size() - at_);
    items_left_ -= std::min(count, items_left_ + 1);
    if (count > left / std::max<int64_t>(action.size, 1) && action.size > 0) {
      return fail(fmt::format("{} items should follow in {} bytes", count, left));
    }
    if (items_left_ < 0) return fail("too many items");
    for (int64_t i = 0; i < count; ++i) {
      std::string_view key;
      int64_t size = 0;
      if (!spend(bytes_of_item)) return false;
      if (map && (!read_length(size) || !take(size, key) || !append_text(key, keys))) return false;
      if (!read(action.parts[0], values)) return false;
    }
  }
  if (column != nullptr) column->append_parent();
  return true;
}

bool AvroCursor::read_record(const AvroAction& action, Column* column) {
  for (size_t i = 0; i < action.parts.size(); ++i) {
    bool kept = column != nullptr && action.targets[i] >= 0;
    Column* target = kept ? &column->children()[static_cast<size_t>(action.targets[i])] : nullptr;
    if (!read(action.parts[i], target)) return false;
  }
  if (column == nullptr) return true;
  for (const AvroAction::Fill& fill : action.fills) {
    if (!spend(sizeof(int64_t))) return false;
    AvroCursor filling(fill.bytes, bytes_left_);
    if (!filling.read(fill.action[0], &column->children()[static_cast<size_t>(fill.target)])) {
      return fail(filling.problem_);
    }
  }
  column->append_parent();
  return true;
}

bool AvroCursor::read(const AvroAction& action, Column* column) {
  if (action.member < 0 || column == nullptr) return read_value(action, column);
  auto member = static_cast<size_t>(action.member);
  for (size_t i = 0; i < column->children().size(); ++i) {
    if (i != member) column->children()[i].append_null();
  }
  if (!read_value(action, &column->children()[member])) return false;
  column->append_parent();
  return true;
}

bool AvroCursor::read_value(const AvroAction& action, Column* column) {
  std::string_view bytes;
  int64_t number = 0;
  switch (action.op) {
    case Op::Null:
      if (column != nullptr) column->append_null();
      return true;
    case Op::Boolean:
      if (!take(1, bytes)) return false;
      if (static_cast<uint8_t>(bytes[0]) > 1) return fail("no BOOLEAN");
      if (column != nullptr) column->append(static_cast<uint8_t>(bytes[0]));
      return true;
    case Op::Integer: return read_integer(action, column);
    case Op::Float: return read_real<float>(column);
    case Op::Double: return read_real<double>(column);
    case Op::Bytes: return read_length(number) && take(number, bytes) && append_text(bytes, column);
    case Op::Fixed: return take(action.size, bytes) && append_text(bytes, column);
    case Op::DecimalBytes:
      return read_length(number) && take(number, bytes) && read_decimal(bytes, column);
    case Op::DecimalFixed: return take(action.size, bytes) && read_decimal(bytes, column);
    case Op::Symbol:
      if (!read_length(number)) return false;
      if (number >= static_cast<int64_t>(action.texts.size())) return fail("no symbol of its enum");
      if (column == nullptr) return true;
      if (!action.known[static_cast<size_t>(number)]) {
        return fail(fmt::format("the symbol {} is unknown to the reader",
                                action.texts[static_cast<size_t>(number)]));
      }
      return append_text(action.texts[static_cast<size_t>(number)], column);
    case Op::Array:
    case Op::Map: return read_items(action, column);
    case Op::Record: return read_record(action, column);
    case Op::Union:
      if (!read_length(number)) return false;
      if (number >= static_cast<int64_t>(action.parts.size())) {
        return fail("no branch of its union");
      }
      return read(action.parts[static_cast<size_t>(number)], column);
    case Op::Fail: return fail(action.reason);
  }
  return false;
}

}  // namespace ticklake::formats
