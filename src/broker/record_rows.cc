#include "broker/record_rows.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/record_batch.h>

#include <algorithm>

#include "base/text.h"

namespace ticklake::broker {

const Schema& record_schema() {
  static const Schema schema{{
      {"key", Kind::Binary},
      {"value", Kind::Binary},
      {"topic", Kind::String},
      {"partition", Kind::Integer},
      {"offset", Kind::Long},
      {"timestamp", Kind::Timestamp},
      {"timestampType", Kind::Integer},
      {"headers", Type::array(Type::structure({{"key", Kind::String}, {"value", Kind::Binary}}))},
  }};
  return schema;
}

namespace {

int64_t with_margin(int64_t last) { return last + last / 8; }

// Its bytes as they are: to give back unused room is to copy, but little is not held by much.
template <typename Builder>
arrow::Result<std::shared_ptr<arrow::Buffer>> finished(Builder& builder) {
  return builder.Finish(builder.capacity() > 2 * builder.length());
}

}  // namespace

RowBuilder::RowBuilder(std::string topic, Partition partition)
    : topic_(std::move(topic)), partition_(partition), schema_(to_arrow(record_schema())) {}

arrow::Status RowBuilder::Bytes::reserve(int64_t rows) {
  ARROW_RETURN_NOT_OK(ends.Reserve(rows + 1));
  ARROW_RETURN_NOT_OK(valid.Reserve(rows));
  return bytes.Reserve(with_margin(last_bytes));
}

arrow::Status RowBuilder::Bytes::append(const char* at, size_t size) {
  if (ends.length() == 0) ARROW_RETURN_NOT_OK(ends.Append(0));
  if (size > 0) ARROW_RETURN_NOT_OK(bytes.Append(at, static_cast<int64_t>(size)));
  ARROW_RETURN_NOT_OK(ends.Append(static_cast<int32_t>(bytes.length())));
  return valid.Append(at != nullptr);
}

arrow::Result<std::shared_ptr<arrow::Array>> RowBuilder::Bytes::finish(
    std::shared_ptr<arrow::DataType> type) {
  int64_t rows = valid.length();
  int64_t nulls = valid.false_count();
  if (rows == 0) ARROW_RETURN_NOT_OK(ends.Append(0));
  last_bytes = bytes.length();
  ARROW_ASSIGN_OR_RAISE(auto end_buffer, finished(ends));
  ARROW_ASSIGN_OR_RAISE(auto byte_buffer, finished(bytes));
  ARROW_ASSIGN_OR_RAISE(auto valid_buffer, valid.Finish());
  if (nulls == 0) valid_buffer = nullptr;
  return arrow::MakeArray(arrow::ArrayData::Make(
      std::move(type), rows,
      {std::move(valid_buffer), std::move(end_buffer), std::move(byte_buffer)}, nulls));
}

arrow::Status RowBuilder::reserve() {
  int64_t rows = with_margin(last_rows_);
  ARROW_RETURN_NOT_OK(keys_.reserve(rows));
  ARROW_RETURN_NOT_OK(values_.reserve(rows));
  ARROW_RETURN_NOT_OK(offsets_.Reserve(rows));
  ARROW_RETURN_NOT_OK(timestamps_.Reserve(rows));
  ARROW_RETURN_NOT_OK(timestamp_types_.Reserve(rows));
  return header_starts_.Reserve(rows + 1);
}

Result<void> RowBuilder::append(const RecordView& record) {
  if (rows_ == 0) TRY_STATUS(reserve());
  TRY_STATUS(keys_.append(record.key, record.key_bytes));
  TRY_STATUS(values_.append(record.value, record.value_bytes));
  TRY_STATUS(offsets_.Append(record.offset.value));
  int64_t timestamp_us = 0;
  if (__builtin_mul_overflow(record.timestamp_ms, int64_t{1000}, &timestamp_us)) {
    timestamp_us = record.timestamp_ms < 0 ? INT64_MIN : INT64_MAX;  // no time at all; kept visible
  }
  TRY_STATUS(timestamps_.Append(timestamp_us));
  TRY_STATUS(timestamp_types_.Append(record.timestamp_type));
  TRY_STATUS(header_starts_.Append(header_count_));
  ++rows_;
  bytes_ += static_cast<int64_t>(record.key_bytes + record.value_bytes);
  return {};
}

Result<void> RowBuilder::append_header(std::string_view key, const char* value,
                                       size_t value_bytes) {
  CHECK(rows_ > 0, "a header without a record");
  std::string replaced;
  if (!is_utf8(key)) {
    replaced = printable(key, key.size());
    key = replaced;
  }
  TRY_STATUS(header_keys_.append(key.data() == nullptr ? "" : key.data(), key.size()));
  TRY_STATUS(header_values_.append(value, value_bytes));
  ++header_count_;
  bytes_ += static_cast<int64_t>(key.size() + value_bytes);
  return {};
}

Result<BatchPtr> RowBuilder::finish() {
  BatchPtr batch = TRY_ARROW(make_batch());
  last_rows_ = rows_;
  rows_ = 0;
  bytes_ = 0;
  header_count_ = 0;
  return batch;
}

namespace {

template <typename Numbers>
arrow::Result<std::shared_ptr<arrow::Array>> numbers(Numbers& builder,
                                                     std::shared_ptr<arrow::DataType> type) {
  int64_t rows = builder.length();
  ARROW_ASSIGN_OR_RAISE(auto buffer, finished(builder));
  return arrow::MakeArray(
      arrow::ArrayData::Make(std::move(type), rows, {nullptr, std::move(buffer)}, 0));
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> RowBuilder::make_batch() {
  auto type = [this](int column) { return schema_->field(column)->type(); };
  ARROW_RETURN_NOT_OK(grow_constants());
  ARROW_ASSIGN_OR_RAISE(auto headers, finish_headers());
  ARROW_ASSIGN_OR_RAISE(auto keys, keys_.finish(type(0)));
  ARROW_ASSIGN_OR_RAISE(auto values, values_.finish(type(1)));
  ARROW_ASSIGN_OR_RAISE(auto offsets, numbers(offsets_, type(4)));
  ARROW_ASSIGN_OR_RAISE(auto timestamps, numbers(timestamps_, type(5)));
  ARROW_ASSIGN_OR_RAISE(auto timestamp_types, numbers(timestamp_types_, type(6)));
  return arrow::RecordBatch::Make(
      schema_, rows_,
      {std::move(keys), std::move(values), same_topic(), same_partition(), std::move(offsets),
       std::move(timestamps), std::move(timestamp_types), std::move(headers)});
}

// Null where a record has none, as Spark gives them.
arrow::Result<std::shared_ptr<arrow::Array>> RowBuilder::finish_headers() {
  auto type = schema_->field(7)->type();
  ARROW_RETURN_NOT_OK(header_starts_.Append(header_count_));
  ARROW_ASSIGN_OR_RAISE(auto starts, finished(header_starts_));
  if (header_count_ == 0) return arrow::MakeArrayOfNull(type, rows_);
  const auto* start = reinterpret_cast<const int32_t*>(starts->data());
  arrow::TypedBufferBuilder<bool> valid;
  for (int64_t row = 0; row < rows_; ++row) {
    ARROW_RETURN_NOT_OK(valid.Append(start[row + 1] > start[row]));
  }
  int64_t nulls = valid.false_count();
  ARROW_ASSIGN_OR_RAISE(auto valid_buffer, valid.Finish());
  auto entry = type->field(0)->type();
  ARROW_ASSIGN_OR_RAISE(auto keys, header_keys_.finish(entry->field(0)->type()));
  ARROW_ASSIGN_OR_RAISE(auto values, header_values_.finish(entry->field(1)->type()));
  auto entries =
      std::make_shared<arrow::StructArray>(entry, header_count_, arrow::ArrayVector{keys, values});
  return std::make_shared<arrow::ListArray>(type, rows_, std::move(starts), std::move(entries),
                                            std::move(valid_buffer), nulls);
}

arrow::Status RowBuilder::grow_constants() {
  if (rows_ <= constant_rows_) return arrow::Status::OK();
  constant_rows_ = std::max<int64_t>(rows_, 2 * constant_rows_);
  arrow::TypedBufferBuilder<int32_t> ends;
  arrow::BufferBuilder bytes;
  arrow::TypedBufferBuilder<int32_t> partitions;
  auto width = static_cast<int64_t>(topic_.size());
  ARROW_RETURN_NOT_OK(ends.Reserve(constant_rows_ + 1));
  ARROW_RETURN_NOT_OK(bytes.Reserve(constant_rows_ * width));
  for (int64_t row = 0; row < constant_rows_; ++row) {
    ends.UnsafeAppend(static_cast<int32_t>(row * width));
    bytes.UnsafeAppend(topic_.data(), width);
  }
  ends.UnsafeAppend(static_cast<int32_t>(constant_rows_ * width));
  ARROW_RETURN_NOT_OK(partitions.Append(constant_rows_, partition_.value));
  ARROW_ASSIGN_OR_RAISE(topic_ends_, ends.Finish());
  ARROW_ASSIGN_OR_RAISE(topic_bytes_, bytes.Finish());
  ARROW_ASSIGN_OR_RAISE(partitions_, partitions.Finish());
  return arrow::Status::OK();
}

std::shared_ptr<arrow::Array> RowBuilder::same_topic() const {
  auto width = static_cast<int64_t>(topic_.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      schema_->field(2)->type(), rows_,
      {nullptr, arrow::SliceBuffer(topic_ends_, 0, (rows_ + 1) * int64_t{sizeof(int32_t)}),
       arrow::SliceBuffer(topic_bytes_, 0, rows_ * width)},
      0));
}

std::shared_ptr<arrow::Array> RowBuilder::same_partition() const {
  return arrow::MakeArray(arrow::ArrayData::Make(
      schema_->field(3)->type(), rows_,
      {nullptr, arrow::SliceBuffer(partitions_, 0, rows_ * int64_t{sizeof(int32_t)})}, 0));
}

}  // namespace ticklake::broker
