#include "formats/column.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <algorithm>
#include <utility>

namespace ticklake::formats {
namespace {

std::shared_ptr<arrow::Buffer> packed(const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> bits((bytes.size() + 7) / 8);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (bytes[i] << (i % 8)));
  }
  return arrow::Buffer::FromVector(std::move(bits));
}

bool is_text(Kind kind) { return kind == Kind::String || kind == Kind::Binary; }

}  // namespace

Column::Values Column::values_for(Kind kind) {
  switch (kind) {
    case Kind::Boolean: return std::vector<uint8_t>();
    case Kind::Byte: return std::vector<int8_t>();
    case Kind::Short: return std::vector<int16_t>();
    case Kind::Integer:
    case Kind::Date: return std::vector<int32_t>();
    case Kind::Long:
    case Kind::Timestamp:
    case Kind::TimestampNtz:
    case Kind::Interval: return std::vector<int64_t>();
    case Kind::Float: return std::vector<float>();
    case Kind::Double: return std::vector<double>();
    case Kind::Decimal: return std::vector<arrow::Decimal128>();
    default: return std::monostate();
  }
}

Column::Column(Type type) : type_(std::move(type)), values_(values_for(type_.kind)) {
  if (type_.is_nested()) {
    for (const Field& field : *type_.children) children_.emplace_back(field.type);
  }
  if (is_text(type_.kind) || type_.kind == Kind::Array || type_.kind == Kind::Map) {
    offsets_.push_back(0);
  }
}

void Column::reserve(int64_t rows) {
  auto count = static_cast<size_t>(rows);
  valid_.reserve(count);
  if (has_offsets()) offsets_.reserve(count + 1);
  bytes_.reserve(bytes_before_ + bytes_before_ / 8);
  std::visit(
      [&](auto& values) {
        if constexpr (requires { values.reserve(count); }) values.reserve(count);
      },
      values_);
  if (type_.kind != Kind::Struct) return;
  for (Column& child : children_) child.reserve(rows);
}

void Column::append_null() {
  valid_.push_back(0);
  if (has_offsets()) offsets_.push_back(offsets_.back());
  std::visit(
      [](auto& values) {
        if constexpr (requires { values.emplace_back(); }) values.emplace_back();
      },
      values_);
  if (type_.kind != Kind::Struct) return;
  for (Column& child : children_) child.append_null();
}

void Column::append_parent() {
  valid_.push_back(1);
  if (has_offsets()) offsets_.push_back(static_cast<int32_t>(children_[0].size()));
}

void Column::truncate(int64_t rows) {
  auto count = static_cast<size_t>(rows);
  if (valid_.size() > count) valid_.resize(count);
  std::visit(
      [&](auto& values) {
        if constexpr (requires { values.resize(count); }) {
          if (values.size() > count) values.resize(count);
        }
      },
      values_);
  if (has_offsets() && offsets_.size() > count + 1) offsets_.resize(count + 1);
  if (is_text(type_.kind)) bytes_.resize(static_cast<size_t>(offsets_.back()));
  for (Column& child : children_) {
    child.truncate(type_.kind == Kind::Struct ? rows : offsets_.back());
  }
}

void Column::erase(int64_t from, int64_t to) {
  auto cut = [](auto& values, int64_t begin, int64_t end) {
    values.erase(values.begin() + begin, values.begin() + end);
  };
  cut(valid_, from, to);
  std::visit(
      [&](auto& values) {
        if constexpr (requires { values.begin(); }) cut(values, from, to);
      },
      values_);
  int64_t begin = from, end = to;
  if (has_offsets()) {
    begin = offsets_[static_cast<size_t>(from)];
    end = offsets_[static_cast<size_t>(to)];
    cut(offsets_, from + 1, to + 1);
    for (auto i = static_cast<size_t>(from) + 1; i < offsets_.size(); ++i) {
      offsets_[i] -= static_cast<int32_t>(end - begin);
    }
  }
  if (is_text(type_.kind)) cut(bytes_, begin, end);
  for (Column& child : children_) child.erase(begin, end);
}

std::shared_ptr<arrow::Buffer> Column::take_values() {
  return std::visit(
      [](auto& values) -> std::shared_ptr<arrow::Buffer> {
        using V = std::decay_t<decltype(values)>;
        if constexpr (std::is_same_v<V, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<V, std::vector<uint8_t>>) {
          return packed(std::exchange(values, {}));
        } else if constexpr (std::is_same_v<V, std::vector<arrow::Decimal128>>) {
          std::vector<uint64_t> words;
          for (const arrow::Decimal128& value : std::exchange(values, {})) {
            words.push_back(value.low_bits());
            words.push_back(static_cast<uint64_t>(value.high_bits()));
          }
          return arrow::Buffer::FromVector(std::move(words));
        } else {
          return arrow::Buffer::FromVector(std::exchange(values, {}));
        }
      },
      values_);
}

std::shared_ptr<arrow::Array> Column::finish() {
  int64_t rows = size();
  int64_t nulls = std::count(valid_.begin(), valid_.end(), 0);
  auto type = to_arrow(type_);
  if (type_.kind == Kind::Null) {
    valid_.clear();
    return arrow::MakeArray(arrow::ArrayData::Make(type, rows, {nullptr}, rows));
  }
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {nulls == 0 ? nullptr : packed(valid_)};
  valid_ = {};
  if (auto values = take_values()) buffers.push_back(std::move(values));
  if (has_offsets()) {
    buffers.push_back(arrow::Buffer::FromVector(std::exchange(offsets_, {0})));
  }
  if (is_text(type_.kind)) {
    bytes_before_ = bytes_.size();
    buffers.push_back(arrow::Buffer::FromVector(std::exchange(bytes_, {})));
  }
  std::vector<std::shared_ptr<arrow::ArrayData>> parts;
  for (Column& child : children_) parts.push_back(child.finish()->data());
  if (type_.kind == Kind::Map) {
    // Arrow keeps a map as a list of entries, each a struct of key and value.
    auto entries = static_cast<const arrow::MapType&>(*type).value_type();
    int64_t entry_rows = parts[0]->length;
    parts = {arrow::ArrayData::Make(entries, entry_rows, {nullptr}, std::move(parts), 0)};
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, rows, std::move(buffers), std::move(parts), nulls));
}

}  // namespace ticklake::formats
