// What the tests of this folder share.
#pragma once

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "query/query.h"

namespace ticklake::query {

inline Schema schema_of(const char* ddl) {
  auto schema = parse_ddl(ddl);
  EXPECT_TRUE(schema) << schema.error().message;
  return *schema;
}

// Rows as a JSON array of arrays, one a column.
inline BatchPtr batch_of(const Schema& schema, const std::vector<std::string>& columns) {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (size_t i = 0; i < columns.size(); ++i) {
    auto type = to_arrow(schema.fields[i].type);
    arrays.push_back(arrow::json::ArrayFromJSONString(type, columns[i]).ValueOrDie());
  }
  auto rows = arrays.empty() ? 0 : arrays[0]->length();
  return arrow::RecordBatch::Make(to_arrow(schema), rows, std::move(arrays));
}

inline std::string text_of(const Batches& batches) {
  std::string text;
  for (const auto& batch : batches) text += batch->ToString();
  return text;
}

class QueryFixture : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }

  void open(const Options& options) {
    auto opened = Database::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    database = *std::move(opened);
  }

  std::unique_ptr<Prepared> prepare(Request request) {
    auto prepared = database->prepare(std::move(request));
    EXPECT_TRUE(prepared) << prepared.error().message;
    return prepared ? *std::move(prepared) : nullptr;
  }

  Request over_batch(const char* sql, const char* output, const char* input) {
    return {.sql = sql,
            .output = schema_of(output),
            .payload_functions = {},
            .batch_input = "i0",
            .batch_schema = schema_of(input)};
  }

  Answer answer(Request request, const Batches& batches = {}) {
    auto prepared = prepare(std::move(request));
    if (!prepared) return {};
    auto result = prepared->run(batches);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *std::move(result) : Answer{};
  }

  Error error_of(const char* sql, const char* output = "x INT") {
    auto prepared =
        database->prepare({.sql = sql, .output = schema_of(output), .payload_functions = {}});
    if (!prepared) return prepared.error();
    auto result = (*prepared)->run({});
    EXPECT_FALSE(result) << sql;
    return result ? Error{Code::Corrupt, "no error"} : result.error();
  }

  std::unique_ptr<Database> database;
};

}  // namespace ticklake::query
