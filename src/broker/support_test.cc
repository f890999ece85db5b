#include <arrow/array.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>

#include "broker/test_topics.h"

namespace ticklake::broker {

TestDirectory::TestDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "topics-XXXXXX").string();
  CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory can be made");
  path_ = pattern;
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<TestRow> rows_of(const Chunk& chunk) {
  EXPECT_TRUE(chunk.rows->ValidateFull().ok()) << chunk.rows->ValidateFull().ToString();
  EXPECT_TRUE(chunk.rows->schema()->Equals(*to_arrow(record_schema())));
  auto column = [&](int i) { return chunk.rows->column(i); };
  const auto& keys = static_cast<const arrow::BinaryArray&>(*column(0));
  const auto& values = static_cast<const arrow::BinaryArray&>(*column(1));
  const auto& headers = static_cast<const arrow::ListArray&>(*column(7));
  const auto& entries = static_cast<const arrow::StructArray&>(*headers.values());
  const auto& header_keys = static_cast<const arrow::StringArray&>(*entries.field(0));
  const auto& header_values = static_cast<const arrow::BinaryArray&>(*entries.field(1));
  std::vector<TestRow> rows;
  for (int64_t i = 0; i < chunk.rows->num_rows(); ++i) {
    TestRow& row = rows.emplace_back();
    if (keys.IsValid(i)) row.key = keys.GetString(i);
    if (values.IsValid(i)) row.value = values.GetString(i);
    row.topic = static_cast<const arrow::StringArray&>(*column(2)).GetString(i);
    row.partition = static_cast<const arrow::Int32Array&>(*column(3)).Value(i);
    row.offset = static_cast<const arrow::Int64Array&>(*column(4)).Value(i);
    row.timestamp_us = static_cast<const arrow::TimestampArray&>(*column(5)).Value(i);
    row.timestamp_type = static_cast<const arrow::Int32Array&>(*column(6)).Value(i);
    if (headers.IsNull(i)) continue;
    row.headers = "";
    for (int32_t h = headers.value_offset(i); h < headers.value_offset(i + 1); ++h) {
      *row.headers += header_keys.GetString(h) + "=" +
                      (header_values.IsValid(h) ? header_values.GetString(h) : "null") + ",";
    }
  }
  return rows;
}

std::vector<TestRow> read_rows(Reader& reader, int64_t wanted, PollLimits limits) {
  limits.wait_ms_max = 200;
  std::vector<TestRow> rows;
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (static_cast<int64_t>(rows.size()) < wanted && std::chrono::steady_clock::now() < until) {
    auto chunks = reader.poll(limits);
    if (!chunks) {
      ADD_FAILURE() << chunks.error().message;
      break;
    }
    for (const Chunk& chunk : *chunks) {
      EXPECT_EQ(chunk.next.value, static_cast<const arrow::Int64Array&>(*chunk.rows->column(4))
                                          .Value(chunk.rows->num_rows() - 1) +
                                      1);
      for (TestRow& row : rows_of(chunk)) rows.push_back(std::move(row));
    }
  }
  return rows;
}

void fill(Writer& writer, int records, int32_t partitions) {
  for (int i = 0; i < records * partitions; ++i) {
    ASSERT_OK(writer.append({.value = std::to_string(i / partitions)}, Partition(i % partitions)));
  }
  ASSERT_OK(writer.flush());
}

}  // namespace ticklake::broker
