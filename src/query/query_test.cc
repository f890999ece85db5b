#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "query/fixture.h"

namespace ticklake::query {
namespace {

class QueryTest : public QueryFixture {};

constexpr const char* kAllTypes =
    "a BOOLEAN, b TINYINT, c SMALLINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h DECIMAL(4,2), i "
    "DECIMAL(9,3), "
    "j DECIMAL(18,4), k DECIMAL(38,10), l STRING, m BINARY, n DATE, o TIMESTAMP, p TIMESTAMP_NTZ, "
    "q STRUCT<x: INT, y: STRUCT<z: STRING>>, r ARRAY<STRING>, s MAP<STRING, DOUBLE>, "
    "t ARRAY<STRUCT<u: BIGINT, v: ARRAY<INT>>>";

BatchPtr all_types(const Schema& schema) {
  return batch_of(
      schema,
      {"[true, null, false]",
       "[1, null, -128]",
       "[1, null, -32768]",
       "[1, null, -2147483648]",
       "[9223372036854775807, null, -9223372036854775808]",
       "[1.5, null, -0.25]",
       "[1e300, null, -0.5]",
       R"(["12.34", null, "-99.99"])",
       R"(["1.500", null, "-999999.999"])",
       R"(["1.5000", null, "-1.0001"])",
       R"(["1234567890123456789012345678.0123456789", null, "-1.0000000000"])",
       R"(["", null, "grüße, a longer text than twelve bytes"])",
       R"(["a", null, "longer than twelve bytes"])",
       "[0, null, -719162]",
       "[0, null, -1]",
       "[1, null, 253402300799999999]",
       R"([{"x": 1, "y": {"z": "in"}}, null, {"x": null, "y": {"z": null}}])",
       R"([["a", null], null, []])",
       R"([[["k", 1.5], ["l", null]], null, []])",
       R"([[{"u": 1, "v": [1, 2]}, null], null, [{"u": 2, "v": null}, {"u": 3, "v": [3]}]])"});
}

TEST_F(QueryTest, EveryTypeGoesThroughUnchanged) {
  auto schema = schema_of(kAllTypes);
  auto rows = all_types(schema);
  auto got =
      answer(over_batch("SELECT * EXCLUDE (__row) FROM ticklake_input('i0')", kAllTypes, kAllTypes),
             {rows});
  ASSERT_EQ(got.batches.size(), 1u);
  ASSERT_TRUE(got.batches[0]->ValidateFull().ok());
  EXPECT_TRUE(got.batches[0]->Equals(*rows, true)) << got.batches[0]->ToString();
}

TEST_F(QueryTest, SlicedBatchesAcrossVectorsGoThroughUnchanged) {
  auto schema = schema_of(kAllTypes);
  auto three = all_types(schema);
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const auto& column : three->columns()) {
    arrow::ArrayVector copies(2500, column);
    columns.push_back(arrow::Concatenate(copies).ValueOrDie());
  }
  auto many = arrow::RecordBatch::Make(to_arrow(schema), 7500, columns)->Slice(1, 7301);
  auto got =
      answer(over_batch("SELECT * EXCLUDE (__row) FROM ticklake_input('i0')", kAllTypes, kAllTypes),
             {many, three->Slice(0, 0), three->Slice(2)});
  ASSERT_EQ(got.batches.size(), 1u);
  ASSERT_TRUE(got.batches[0]->ValidateFull().ok());
  EXPECT_TRUE(got.batches[0]->Slice(0, 7301)->Equals(*many));
  EXPECT_TRUE(got.batches[0]->Slice(7301)->Equals(*three->Slice(2)));
}

TEST_F(QueryTest, NoRowsGiveNoBatches) {
  auto request = over_batch("SELECT d FROM ticklake_input('i0')", "d INT", "d INT");
  EXPECT_TRUE(answer(request, {}).batches.empty());
  EXPECT_TRUE(answer(request, {empty_batch(schema_of("d INT"))}).batches.empty());
  EXPECT_TRUE(answer(over_batch("SELECT d FROM ticklake_input('i0') WHERE d > 5", "d INT", "d INT"),
                     {batch_of(schema_of("d INT"), {"[1, 2]"})})
                  .batches.empty());
}

TEST_F(QueryTest, CountNeedsNoColumn) {
  auto got =
      answer(over_batch("SELECT count(*) FROM ticklake_input('i0')", "n BIGINT", "d INT, e STRING"),
             {batch_of(schema_of("d INT, e STRING"), {"[1, null]", R"(["a", "b"])"})});
  EXPECT_EQ(text_of(got.batches), text_of({batch_of(schema_of("n BIGINT"), {"[2]"})}));
}

TEST_F(QueryTest, RowsAreNumberedOverAllBatchesAndKeepTheirOrder) {
  auto schema = schema_of("e BIGINT");
  Batches batches;
  int64_t next = 0;
  for (int64_t size : {1, 2047, 2049, 0, 70000, 25903}) {
    arrow::Int64Builder builder;
    for (int64_t i = 0; i < size; ++i) ASSERT_TRUE(builder.Append(next++).ok());
    batches.push_back(
        arrow::RecordBatch::Make(to_arrow(schema), size, {builder.Finish().ValueOrDie()}));
  }
  auto got = answer(over_batch("SELECT e, __row FROM ticklake_input('i0') WHERE e % 3 <> 1",
                               "e BIGINT, __row BIGINT", "e BIGINT"),
                    batches);
  int64_t expected = 0;
  for (const auto& batch : got.batches) {
    EXPECT_LE(batch->num_rows(), 65536);
    for (int64_t i = 0; i < batch->num_rows(); ++i, ++expected) {
      if (expected % 3 == 1) ++expected;
      ASSERT_EQ(static_cast<const arrow::Int64Array&>(*batch->column(0)).Value(i), expected);
      ASSERT_EQ(static_cast<const arrow::Int64Array&>(*batch->column(1)).Value(i), expected);
    }
  }
  EXPECT_EQ(expected, 100000);
}

TEST_F(QueryTest, RunsAgainAndAgainWithOtherRows) {
  auto prepared = prepare(
      over_batch("SELECT sum(e)::BIGINT AS s FROM ticklake_input('i0')", "s BIGINT", "e BIGINT"));
  ASSERT_TRUE(prepared);
  for (int i = 1; i <= 500; ++i) {
    auto result = prepared->run({batch_of(schema_of("e BIGINT"), {fmt::format("[{}, 1]", i)})});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(static_cast<const arrow::Int64Array&>(*result->batches[0]->column(0)).Value(0),
              i + 1);
  }
}

TEST_F(QueryTest, RunningForLongHoldsNoMemory) {
  auto request = over_batch("SELECT upper(s) AS s, __row FROM ticklake_input('i0') ORDER BY s",
                            "s STRING, r BIGINT", "s STRING");
  auto prepared = prepare(std::move(request));
  auto schema = schema_of("s STRING");
  std::string texts = "[";
  for (int i = 0; i < 5000; ++i)
    texts += fmt::format(R"("a text of more than twelve bytes {}",)", i);
  texts.back() = ']';
  auto rows = batch_of(schema, {texts});
  auto before = arrow::default_memory_pool()->bytes_allocated();
  auto uses = rows.use_count();
  for (int i = 0; i < 50; ++i) {
    auto result = prepared->run({rows, rows->Slice(17)});
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(row_count(result->batches), 9983);
  }
  EXPECT_EQ(arrow::default_memory_pool()->bytes_allocated(), before);
  EXPECT_EQ(rows.use_count(), uses);
}

TEST_F(QueryTest, SortsSpillToDiskWhereAllowed) {
  auto directory = ::testing::TempDir() + "ticklake_query_spill";
  const char* sql =
      "SELECT count(*) FROM (SELECT i, repeat('x', 100) || i AS t FROM range(400000) r(i) ORDER BY "
      "t OFFSET 1)";
  open({.threads = 1, .memory_bytes_max = 40 << 20});
  EXPECT_EQ(error_of(sql, "n BIGINT").code, Code::Unavailable);
  open({.threads = 1, .memory_bytes_max = 40 << 20, .spill_directory = directory});
  auto got = answer({.sql = sql, .output = schema_of("n BIGINT"), .payload_functions = {}});
  EXPECT_EQ(text_of(got.batches), text_of({batch_of(schema_of("n BIGINT"), {"[399999]"})}));
  database.reset();
  std::filesystem::remove_all(directory);
}

TEST_F(QueryTest, AnswersOutliveTheDatabase) {
  auto got = answer({.sql = "SELECT 'a text of more than twelve bytes' AS t",
                     .output = schema_of("t STRING"),
                     .payload_functions = {}});
  database.reset();
  EXPECT_EQ(static_cast<const arrow::StringArray&>(*got.batches[0]->column(0)).GetString(0),
            "a text of more than twelve bytes");
}

// Notes which columns are asked for.
Input noting_input(const Schema& schema, const Batches& rows, std::vector<std::string>& asked) {
  Input input{schema, {}, {}};
  input.parts = [schema, rows, &asked](const std::vector<std::string>& columns)
      -> Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>> {
    asked = columns;
    std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>> parts;
    for (const auto& batch : rows) {
      parts.push_back(
          [batch, schema, columns]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
            std::vector<int> indices;
            for (const auto& name : columns) indices.push_back(schema.find(name));
            auto some = TRY_ARROW(batch->SelectColumns(indices));
            return TRY_ARROW(arrow::RecordBatchReader::Make({some}, some->schema()));
          });
    }
    return parts;
  };
  return input;
}

TEST_F(QueryTest, OnlyColumnsInUseAreRead) {
  auto schema = schema_of("a INT, b STRING, c BIGINT");
  std::vector<std::string> asked;
  auto rows = batch_of(schema, {"[1, 2]", R"(["x", "y"])", "[10, 20]"});
  Request request{.sql = "SELECT sum(c)::BIGINT AS s FROM ticklake_input('t') WHERE a > 0",
                  .output = schema_of("s BIGINT"),
                  .payload_functions = {}};
  request.inputs.emplace("t", noting_input(schema, {rows, rows}, asked));
  auto got = answer(std::move(request));
  std::ranges::sort(asked);
  EXPECT_EQ(asked, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(text_of(got.batches), text_of({batch_of(schema_of("s BIGINT"), {"[60]"})}));
}

TEST_F(QueryTest, SeveralThreadsReadPartsAndAnswerTheSame) {
  open({.threads = 3});
  auto schema = schema_of("a BIGINT");
  std::vector<std::string> asked;
  Batches parts;
  for (int64_t part = 0; part < 20; ++part) {
    arrow::Int64Builder builder;
    for (int64_t i = 0; i < 5000; ++i) ASSERT_TRUE(builder.Append(part * 5000 + i).ok());
    parts.push_back(
        arrow::RecordBatch::Make(to_arrow(schema), 5000, {builder.Finish().ValueOrDie()}));
  }
  Request request{.sql = "SELECT count(*), sum(a)::BIGINT FROM ticklake_input('t')",
                  .output = schema_of("n BIGINT, s BIGINT"),
                  .payload_functions = {}};
  request.inputs.emplace("t", noting_input(schema, parts, asked));
  auto got = answer(std::move(request));
  EXPECT_EQ(text_of(got.batches),
            text_of({batch_of(schema_of("n BIGINT, s BIGINT"), {"[100000]", "[4999950000]"})}));
}

TEST_F(QueryTest, InputsJoin) {
  std::vector<std::string> asked;
  auto names = schema_of("id INT, name STRING");
  auto request = over_batch(
      "SELECT t.v, n.name FROM ticklake_input('i0') t LEFT JOIN ticklake_input('i1') n ON t.id = "
      "n.id ORDER BY t.__row",
      "v DOUBLE, name STRING", "id INT, v DOUBLE");
  request.inputs.emplace(
      "i1",
      noting_input(names, {batch_of(names, {"[1, 2]", R"(["a name longer than twelve", "b"])"})},
                   asked));
  auto got =
      answer(std::move(request),
             {batch_of(schema_of("id INT, v DOUBLE"), {"[2, 1, 3, 2]", "[0.5, 1, 1.5, 2]"})});
  EXPECT_EQ(text_of(got.batches),
            text_of({batch_of(
                schema_of("v DOUBLE, name STRING"),
                {"[0.5, 1, 1.5, 2]", R"(["b", "a name longer than twelve", null, "b"])"})}));
}

TEST_F(QueryTest, ErrorsOfInputsKeepTheirCodeAndTheStatementGoesOn) {
  bool broken = true;
  Input input{schema_of("a INT"), {}, {}};
  input.parts = [&broken](const std::vector<std::string>&)
      -> Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>> {
    std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>> parts;
    parts.push_back([&broken]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
      if (broken) return Error{Code::Corrupt, "part-0.parquet: bad footer"};
      auto rows = batch_of(schema_of("a INT"), {"[7]"});
      return TRY_ARROW(arrow::RecordBatchReader::Make({rows}, rows->schema()));
    });
    return parts;
  };
  Request request{
      .sql = "SELECT a FROM ticklake_input('t')",
      .output = schema_of("a INT"),
      .payload_functions = {}};
  request.inputs.emplace("t", std::move(input));
  auto prepared = prepare(std::move(request));
  ASSERT_TRUE(prepared);
  auto result = prepared->run({});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Corrupt);
  EXPECT_EQ(result.error().message, "part-0.parquet: bad footer");
  broken = false;
  auto again = prepared->run({});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(row_count(again->batches), 1);
}

TEST_F(QueryTest, RowsOfAnotherTypeAreRefused) {
  auto prepared = prepare(over_batch("SELECT d FROM ticklake_input('i0')", "d INT", "d INT"));
  auto result = prepared->run({batch_of(schema_of("d BIGINT"), {"[1]"})});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "column 'd' of an input came as int64, not as INT");
}

TEST_F(QueryTest, TextThatIsNotUtf8IsRefused) {
  auto prepared =
      prepare(over_batch("SELECT upper(s) FROM ticklake_input('i0')", "s STRING", "s STRING"));
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append("ok").ok());
  ASSERT_TRUE(builder.Append("\xff\xfe").ok());
  auto rows =
      arrow::RecordBatch::Make(to_arrow(schema_of("s STRING")), 2, {builder.Finish().ValueOrDie()});
  auto result = prepared->run({rows});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Invalid);
  EXPECT_NE(result.error().message.find("column 's' holds text that is not UTF-8"),
            std::string::npos);
}

TEST_F(QueryTest, UnplannedTypesAreRefusedWhenPrepared) {
  EXPECT_EQ(error_of("SELECT sum(x) AS s FROM (VALUES (1)) t(x)", "s BIGINT").message,
            "column 's' comes as HUGEINT where BIGINT was planned");
  EXPECT_EQ(error_of("SELECT 1.5::DECIMAL(5,2) AS s", "s DECIMAL(6,2)").message,
            "column 's' comes as DECIMAL(5,2) where DECIMAL(6,2) was planned");
  EXPECT_EQ(error_of("SELECT 1, 2", "s INT").message,
            "the statement gives 2 columns where 1 were planned");
}

TEST_F(QueryTest, ErrorsAreCleanAndClassed) {
  EXPECT_EQ(error_of("SELECT nosuch").code, Code::Invalid);
  EXPECT_EQ(error_of("SELECT nosuch").message.find("LINE"), std::string::npos);
  EXPECT_TRUE(error_of("SELECT (x + 2147483647::INT)::INT FROM (VALUES (1), (2)) t(x)")
                  .message.starts_with("[ARITHMETIC_OVERFLOW] "));
  EXPECT_TRUE(error_of("SELECT x::INT FROM (VALUES ('abc'), ('1')) t(x)")
                  .message.starts_with("[CAST_INVALID_INPUT] "));
  EXPECT_TRUE(error_of("SELECT x::TINYINT FROM (VALUES (300), (1)) t(x)", "x TINYINT")
                  .message.starts_with("[CAST_OVERFLOW] "));
  EXPECT_EQ(error_of("SELECT * FROM ticklake_input('nosuch')").message.find("Binder"),
            std::string::npos);
  EXPECT_EQ(
      error_of("SELECT CASE WHEN x > 1 THEN CAST(ticklake_raise('[DIVIDE_BY_ZERO] LINE 1: no') "
               "AS BOOLEAN) END FROM (VALUES (1), (2)) t(x)",
               "x BOOLEAN")
          .message,
      "[DIVIDE_BY_ZERO] LINE 1: no");
}

TEST_F(QueryTest, FilesAreOutOfReach) {
  auto error = error_of("SELECT * FROM read_csv('/etc/passwd')");
  EXPECT_NE(error.message.find("disabled"), std::string::npos) << error.message;
}

TEST_F(QueryTest, AnAnswerOverItsLimitIsUnavailable) {
  auto request = over_batch("SELECT a FROM ticklake_input('i0')", "a STRING", "a STRING");
  request.answer_bytes_max = 1 << 20;
  auto statement = prepare(std::move(request));
  auto rows = batch_of(schema_of("a STRING"), {"[\"" + std::string(2 << 20, 'x') + "\"]"});
  auto got = statement->run({rows});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Unavailable);
  EXPECT_EQ(got.error().message, "the rows take more than 1 MiB of memory");
}

TEST_F(QueryTest, OutOfMemoryIsUnavailable) {
  open({.threads = 1, .memory_bytes_max = 16 << 20});
  auto error = error_of(
      "SELECT count(*)::INT FROM (SELECT DISTINCT i, repeat('x', 200) || i FROM range(2000000) "
      "t(i))");
  EXPECT_EQ(error.code, Code::Unavailable) << error.message;
}

}  // namespace
}  // namespace ticklake::query
