#include <arrow/array/data.h>
#include <arrow/buffer_builder.h>
#include <arrow/type.h>

#include <cstring>

#include "base/check.h"
#include "base/time.h"
#include "query/vectors.h"

namespace ticklake::query {
namespace {

using arrow::Status;
using DataResult = arrow::Result<std::shared_ptr<arrow::ArrayData>>;
using Buffers = std::vector<std::shared_ptr<arrow::Buffer>>;

bool is_valid(const uint64_t* mask, int64_t row) {
  return mask == nullptr || ((mask[row >> 6] >> (row & 63)) & 1) != 0;
}

bool all_valid(const uint64_t* mask, int64_t from, int64_t count) {
  if (mask == nullptr) return true;
  int64_t row = from;
  int64_t end = from + count;
  for (; row < end && (row & 63) != 0; ++row) {
    if (!is_valid(mask, row)) return false;
  }
  for (; row + 64 <= end; row += 64) {
    if (mask[row >> 6] != ~uint64_t{0}) return false;
  }
  for (; row < end; ++row) {
    if (!is_valid(mask, row)) return false;
  }
  return true;
}

// The validity bitmap of an array; it costs nothing until the first NULL.
class Validity {
 public:
  Status append(const uint64_t* mask, int64_t from, int64_t count) {
    if (!any_ && all_valid(mask, from, count)) {
      length_ += count;
      return Status::OK();
    }
    if (!any_) ARROW_RETURN_NOT_OK(bits_.Append(length_, true));
    any_ = true;
    length_ += count;
    ARROW_RETURN_NOT_OK(bits_.Reserve(count));
    for (int64_t row = from; row < from + count; ++row) bits_.UnsafeAppend(is_valid(mask, row));
    return Status::OK();
  }

  int64_t length() const { return length_; }

  // `buffers` without their first, the bitmap.
  DataResult finish(std::shared_ptr<arrow::DataType> type, Buffers buffers,
                    std::vector<std::shared_ptr<arrow::ArrayData>> children = {}) {
    std::shared_ptr<arrow::Buffer> bitmap;
    int64_t nulls = any_ ? bits_.false_count() : 0;
    if (any_) ARROW_RETURN_NOT_OK(bits_.Finish(&bitmap));
    buffers.insert(buffers.begin(), std::move(bitmap));
    any_ = false;
    return arrow::ArrayData::Make(std::move(type), std::exchange(length_, 0), std::move(buffers),
                                  std::move(children), nulls);
  }

 private:
  arrow::TypedBufferBuilder<bool> bits_;
  bool any_ = false;
  int64_t length_ = 0;
};

// What all writers but that of NULLs share.
class TypedWriter : public ColumnWriter {
 public:
  explicit TypedWriter(const Type& type) : type_(to_arrow(type)) {}

  Status append(duckdb_vector vector, int64_t from, int64_t count) final {
    const uint64_t* mask = duckdb_vector_get_validity(vector);
    ARROW_RETURN_NOT_OK(validity_.append(mask, from, count));
    return append_values(vector, mask, from, count);
  }

 protected:
  virtual Status append_values(duckdb_vector vector, const uint64_t* mask, int64_t from,
                               int64_t count) = 0;

  std::shared_ptr<arrow::DataType> type_;
  Validity validity_;
};

// Values of In, written as Out by Convert.
template <typename In, typename Out, Out (*Convert)(In)>
class FixedWriter final : public TypedWriter {
 public:
  using TypedWriter::TypedWriter;

  int64_t byte_size() const override { return values_.length() * int64_t{sizeof(Out)}; }

  DataResult finish() override {
    std::shared_ptr<arrow::Buffer> values;
    ARROW_RETURN_NOT_OK(values_.Finish(&values));
    return validity_.finish(type_, {values});
  }

 protected:
  Status append_values(duckdb_vector vector, const uint64_t*, int64_t from,
                       int64_t count) override {
    const In* in = static_cast<const In*>(duckdb_vector_get_data(vector)) + from;
    if constexpr (Convert == nullptr) {
      return values_.Append(in, count);
    } else {
      ARROW_RETURN_NOT_OK(values_.Reserve(count));
      for (int64_t i = 0; i < count; ++i) values_.UnsafeAppend(Convert(in[i]));
      return Status::OK();
    }
  }

 private:
  arrow::TypedBufferBuilder<Out> values_;
};

template <typename T>
using PlainWriter = FixedWriter<T, T, nullptr>;

// Of 128 bits, as Arrow's decimals are, on a little-endian machine.
struct Wide {
  uint64_t low;
  int64_t high;
};

template <typename T>
Wide widened(T value) {
  return {static_cast<uint64_t>(static_cast<int64_t>(value)), value < 0 ? int64_t{-1} : 0};
}

// Spark's day-time interval has no months; the analyzer makes none.
int64_t interval_micros(duckdb_interval interval) {
  return interval.days * kMicrosPerDay + interval.micros;
}

class BooleanWriter final : public TypedWriter {
 public:
  using TypedWriter::TypedWriter;
  int64_t byte_size() const override { return values_.length() / 8; }
  DataResult finish() override {
    std::shared_ptr<arrow::Buffer> values;
    ARROW_RETURN_NOT_OK(values_.Finish(&values));
    return validity_.finish(type_, {values});
  }

 protected:
  Status append_values(duckdb_vector vector, const uint64_t*, int64_t from,
                       int64_t count) override {
    return values_.Append(static_cast<const uint8_t*>(duckdb_vector_get_data(vector)) + from,
                          count);
  }

 private:
  arrow::TypedBufferBuilder<bool> values_;
};

// Text and bytes.
class StringWriter final : public TypedWriter {
 public:
  using TypedWriter::TypedWriter;

  int64_t byte_size() const override { return bytes_.length() + 4 * offsets_.length(); }

  DataResult finish() override {
    ARROW_RETURN_NOT_OK(offsets_.Append(static_cast<int32_t>(bytes_.length())));
    std::shared_ptr<arrow::Buffer> offsets;
    std::shared_ptr<arrow::Buffer> bytes;
    ARROW_RETURN_NOT_OK(offsets_.Finish(&offsets));
    ARROW_RETURN_NOT_OK(bytes_.Finish(&bytes));
    return validity_.finish(type_, {offsets, bytes});
  }

 protected:
  Status append_values(duckdb_vector vector, const uint64_t* mask, int64_t from,
                       int64_t count) override {
    auto* strings = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
    int64_t total = bytes_.length();
    for (int64_t row = from; row < from + count; ++row) {
      if (is_valid(mask, row)) total += strings[row].value.inlined.length;
    }
    if (total > INT32_MAX) {
      return Status::CapacityError("more than 2 GiB of text in one column of ", count, " rows");
    }
    ARROW_RETURN_NOT_OK(bytes_.Reserve(total - bytes_.length()));
    ARROW_RETURN_NOT_OK(offsets_.Reserve(count));
    for (int64_t row = from; row < from + count; ++row) {
      offsets_.UnsafeAppend(static_cast<int32_t>(bytes_.length()));
      if (!is_valid(mask, row)) continue;
      const auto& value = strings[row].value;
      uint32_t size = value.inlined.length;
      bytes_.UnsafeAppend(
          size <= sizeof(value.inlined.inlined) ? value.inlined.inlined : value.pointer.ptr, size);
    }
    return Status::OK();
  }

 private:
  arrow::TypedBufferBuilder<int32_t> offsets_;
  arrow::BufferBuilder bytes_;
};

class StructWriter final : public TypedWriter {
 public:
  explicit StructWriter(const Type& type) : TypedWriter(type) {
    for (const auto& field : *type.children) children_.push_back(ColumnWriter::make(field.type));
  }

  int64_t byte_size() const override {
    int64_t total = 0;
    for (const auto& child : children_) total += child->byte_size();
    return total;
  }

  DataResult finish() override {
    std::vector<std::shared_ptr<arrow::ArrayData>> children;
    for (auto& child : children_) {
      ARROW_ASSIGN_OR_RAISE(auto data, child->finish());
      children.push_back(std::move(data));
    }
    return validity_.finish(type_, {}, std::move(children));
  }

 protected:
  Status append_values(duckdb_vector vector, const uint64_t*, int64_t from,
                       int64_t count) override {
    for (size_t i = 0; i < children_.size(); ++i) {
      ARROW_RETURN_NOT_OK(
          children_[i]->append(duckdb_struct_vector_get_child(vector, i), from, count));
    }
    return Status::OK();
  }

 private:
  std::vector<std::unique_ptr<ColumnWriter>> children_;
};

// Arrays, and maps: arrays of structs of key and value.
class ListWriter final : public TypedWriter {
 public:
  explicit ListWriter(const Type& type) : TypedWriter(type) {
    const auto& children = *type.children;
    element_ =
        ColumnWriter::make(type.kind == Kind::Map ? Type::structure(children) : children[0].type);
    is_map_ = type.kind == Kind::Map;
  }

  int64_t byte_size() const override { return 4 * offsets_.length() + element_->byte_size(); }

  DataResult finish() override {
    ARROW_RETURN_NOT_OK(offsets_.Append(static_cast<int32_t>(elements_)));
    std::shared_ptr<arrow::Buffer> offsets;
    ARROW_RETURN_NOT_OK(offsets_.Finish(&offsets));
    ARROW_ASSIGN_OR_RAISE(auto elements, element_->finish());
    // The entries of a map are of the map's own type, which says that keys are not NULL.
    if (is_map_) elements->type = static_cast<const arrow::MapType&>(*type_).value_type();
    elements_ = 0;
    return validity_.finish(type_, {offsets}, {std::move(elements)});
  }

 protected:
  Status append_values(duckdb_vector vector, const uint64_t* mask, int64_t from,
                       int64_t count) override {
    auto* entries = static_cast<const duckdb_list_entry*>(duckdb_vector_get_data(vector));
    auto* child = duckdb_list_vector_get_child(vector);
    int64_t run_begin = 0;  // neighbours in DuckDB's child vector go over at once
    int64_t run_end = 0;
    ARROW_RETURN_NOT_OK(offsets_.Reserve(count));
    for (int64_t row = from; row < from + count; ++row) {
      offsets_.UnsafeAppend(static_cast<int32_t>(elements_));
      if (!is_valid(mask, row) || entries[row].length == 0) continue;
      auto begin = static_cast<int64_t>(entries[row].offset);
      auto length = static_cast<int64_t>(entries[row].length);
      if (begin != run_end) {
        ARROW_RETURN_NOT_OK(element_->append(child, run_begin, run_end - run_begin));
        run_begin = begin;
      }
      run_end = begin + length;
      elements_ += length;
      if (elements_ > INT32_MAX)
        return Status::CapacityError("more than 2^31 array elements in a batch");
    }
    return element_->append(child, run_begin, run_end - run_begin);
  }

 private:
  std::unique_ptr<ColumnWriter> element_;
  bool is_map_ = false;
  arrow::TypedBufferBuilder<int32_t> offsets_;
  int64_t elements_ = 0;
};

class NullWriter final : public ColumnWriter {
 public:
  Status append(duckdb_vector, int64_t, int64_t count) override {
    length_ += count;
    return Status::OK();
  }
  int64_t byte_size() const override { return 0; }
  DataResult finish() override {
    auto length = std::exchange(length_, 0);
    return arrow::ArrayData::Make(arrow::null(), length, {nullptr}, length);
  }

 private:
  int64_t length_ = 0;
};

// DuckDB keeps a decimal in the smallest integer that holds its precision.
std::unique_ptr<ColumnWriter> decimal_writer(const Type& type) {
  if (type.precision <= 4) return std::make_unique<FixedWriter<int16_t, Wide, widened>>(type);
  if (type.precision <= 9) return std::make_unique<FixedWriter<int32_t, Wide, widened>>(type);
  if (type.precision <= 18) return std::make_unique<FixedWriter<int64_t, Wide, widened>>(type);
  return std::make_unique<PlainWriter<Wide>>(type);
}

}  // namespace

std::unique_ptr<ColumnWriter> ColumnWriter::make(const Type& type) {
  switch (type.kind) {
    case Kind::Null: return std::make_unique<NullWriter>();
    case Kind::Boolean: return std::make_unique<BooleanWriter>(type);
    case Kind::Byte: return std::make_unique<PlainWriter<int8_t>>(type);
    case Kind::Short: return std::make_unique<PlainWriter<int16_t>>(type);
    case Kind::Integer:
    case Kind::Date: return std::make_unique<PlainWriter<int32_t>>(type);
    case Kind::Long:
    case Kind::Timestamp:
    case Kind::TimestampNtz: return std::make_unique<PlainWriter<int64_t>>(type);
    case Kind::Float: return std::make_unique<PlainWriter<float>>(type);
    case Kind::Double: return std::make_unique<PlainWriter<double>>(type);
    case Kind::Decimal: return decimal_writer(type);
    case Kind::String:
    case Kind::Binary: return std::make_unique<StringWriter>(type);
    case Kind::Interval:
      return std::make_unique<FixedWriter<duckdb_interval, int64_t, interval_micros>>(type);
    case Kind::Struct: return std::make_unique<StructWriter>(type);
    case Kind::Array:
    case Kind::Map: return std::make_unique<ListWriter>(type);
  }
  CHECK(false, "a kind of type without a writer");
}

}  // namespace ticklake::query
