// Builds the rows of a chunk.
#pragma once

#include <arrow/buffer_builder.h>
#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>

#include "broker/broker.h"

namespace ticklake::broker {

// A record where it lies; the bytes belong to somebody else.
struct RecordView {
  Offset offset;
  int64_t timestamp_ms = -1;
  int32_t timestamp_type = 0;  // Kafka's: 0 set by the producer, 1 by the broker
  const char* key = nullptr;   // null: no key
  size_t key_bytes = 0;
  const char* value = nullptr;  // null: no value
  size_t value_bytes = 0;
};

// Rows of one partition. Columns that are the same in all rows are not built row by row.
class RowBuilder {
 public:
  RowBuilder(std::string topic, Partition partition);

  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }  // of keys and values

  Result<void> append(const RecordView& record);
  // Whether headers are to be appended; without, the column is NULL.
  void want_headers(bool wanted) { wants_headers_ = wanted; }
  bool wants_headers() const { return wants_headers_; }
  // A header of the record appended last; no value where `value` is null.
  Result<void> append_header(std::string_view key, const char* value, size_t value_bytes);

  // The rows appended since the last call.
  Result<BatchPtr> finish();

 private:
  // Room for about as much as came the last time: to grow is to copy.
  arrow::Status reserve();

  struct Bytes {  // one binary column
    arrow::TypedBufferBuilder<int32_t> ends;
    arrow::BufferBuilder bytes;
    arrow::TypedBufferBuilder<bool> valid;
    int64_t last_bytes = 0;

    arrow::Status reserve(int64_t rows);
    arrow::Status append(const char* at, size_t size);
    arrow::Result<std::shared_ptr<arrow::Array>> finish(std::shared_ptr<arrow::DataType> type);
  };

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> make_batch();
  arrow::Result<std::shared_ptr<arrow::Array>> finish_headers();
  arrow::Status grow_constants();
  std::shared_ptr<arrow::Array> same_topic() const;
  std::shared_ptr<arrow::Array> same_partition() const;

  std::string topic_;
  Partition partition_;
  std::shared_ptr<arrow::Schema> schema_;
  bool wants_headers_ = true;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t last_rows_ = 0;
  Bytes keys_, values_;
  arrow::TypedBufferBuilder<int64_t> offsets_, timestamps_;
  arrow::TypedBufferBuilder<int32_t> timestamp_types_;
  arrow::TypedBufferBuilder<int32_t> header_starts_;  // of each row
  Bytes header_keys_, header_values_;
  int32_t header_count_ = 0;
  // Enough for the longest chunk so far; shorter ones refer to a part.
  int64_t constant_rows_ = 0;
  std::shared_ptr<arrow::Buffer> topic_ends_, topic_bytes_, partitions_;
};

}  // namespace ticklake::broker
