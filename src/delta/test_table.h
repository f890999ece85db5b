// What this folder's tests share: rows from JSON, a table in memory, its content as text.
#pragma once

#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "delta/delta.h"

namespace ticklake::delta::testing {

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).error().message
#define EXPECT_ERROR(result, expected_code, words)                                       \
  do {                                                                                   \
    auto error_result = (result);                                                        \
    ASSERT_FALSE(error_result);                                                          \
    EXPECT_EQ(error_result.error().code, expected_code) << error_result.error().message; \
    EXPECT_NE(error_result.error().message.find(words), std::string::npos)               \
        << error_result.error().message;                                                 \
  } while (false)

template <typename T>
T ok(Result<T> result) {
  EXPECT_TRUE(result) << result.error().message;
  return *std::move(result);
}

inline Schema ddl(const std::string& text) { return ok(parse_ddl(text)); }

inline BatchPtr rows(const Schema& schema, const std::string& json) {
  auto arrow_schema = to_arrow(schema);
  auto array = arrow::json::ArrayFromJSONString(arrow::struct_(arrow_schema->fields()), json);
  EXPECT_TRUE(array.ok()) << array.status().ToString();
  auto batch = arrow::RecordBatch::FromStructArray(*array);
  return (*batch)->ReplaceSchema(arrow_schema).ValueOrDie();
}

struct TestTable {
  io::MemoryFiles files;
  io::ManualClock clock{1'700'000'000'000'000};
  io::Path root = "/t";

  explicit TestTable(io::MemoryFiles::Faults faults = {}) : files(std::move(faults)) {}

  Result<Snapshot> make(const Schema& schema, std::vector<std::string> partitions = {},
                        std::map<std::string, std::string> configuration = {}) {
    Metadata metadata;
    metadata.schema = schema;
    metadata.partition_columns = std::move(partitions);
    metadata.configuration = std::move(configuration);
    return create(files, clock, root, std::move(metadata));
  }

  // One data file that is only named, for tests of the log.
  static AddFile file(const std::string& path) {
    AddFile add;
    add.path = path;
    add.size = 10;
    add.stats = R"({"numRecords":1})";
    return add;
  }

  Result<Snapshot> append(const Snapshot& base, const std::string& path) {
    Transaction transaction;
    transaction.operation = "WRITE";
    transaction.adds = {file(path)};
    return commit(files, clock, base, std::move(transaction));
  }

  Result<Snapshot> insert(const Snapshot& base, const Batches& batches, WriteOptions options = {}) {
    auto added = write(files, clock, base, batches, options);
    if (!added) return added.error();
    Transaction transaction;
    transaction.operation = "WRITE";
    transaction.adds = *added;
    return commit(files, clock, base, std::move(transaction));
  }
};

// All rows of the snapshot, in the order of files.
inline std::shared_ptr<arrow::Table> table_of(io::FileStore& files, const Snapshot& snapshot,
                                              const std::vector<std::string>& columns = {}) {
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const AddFile& file : snapshot.files()) {
    auto reader = ok(read(files, snapshot, file, columns));
    auto part = reader->ToTable();
    EXPECT_TRUE(part.ok()) << part.status().ToString();
    parts.push_back(*part);
  }
  auto all = arrow::ConcatenateTables(parts);
  EXPECT_TRUE(all.ok()) << all.status().ToString();
  return (*all)->CombineChunks().ValueOrDie();
}

// Everything that the log says of a table, to compare states; times of files apart.
inline std::string content(const Snapshot& snapshot) {
  std::string out = fmt::format("{} {} {}\n", snapshot.version().value, snapshot.metadata().id,
                                to_delta_json(snapshot.schema()));
  for (const auto& [name, value] : snapshot.metadata().configuration) out += name + "=" + value;
  for (const AddFile& file : snapshot.files()) {
    out += fmt::format("file {} {} {}\n", file.path, file.size, file.stats);
    for (const auto& [name, value] : file.partition_values) {
      out += name + "=" + value.value_or("NULL") + "\n";
    }
  }
  for (const auto& [app_id, version] : snapshot.txns()) {
    out += fmt::format("txn {} {}\n", app_id, version);
  }
  for (const auto& [name, value] : snapshot.domains()) out += "domain " + name + value + "\n";
  return out;
}

}  // namespace ticklake::delta::testing
