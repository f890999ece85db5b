#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/fixture.h"

namespace ticklake::query {
namespace {

BatchPtr texts_of(const std::vector<std::string>& texts) {
  arrow::StringBuilder builder;
  for (const auto& text : texts) {
    EXPECT_TRUE((text == "NULL" ? builder.AppendNull() : builder.Append(text)).ok());
  }
  auto schema = to_arrow(Schema{{Field{"raw", Kind::String}}});
  auto raw = builder.Finish().ValueOrDie();
  return arrow::RecordBatch::Make(schema, raw->length(), {raw});
}

class FromJsonTest : public ::testing::Test {
 protected:
  void SetUp() override { database = *Database::open({}); }

  std::unique_ptr<Prepared> prepare(const std::string& sql, const char* output, const char* json) {
    auto prepared = database->prepare(
        {.sql = sql,
         .output = schema_of(output),
         .payload_functions = {{.id = "0", .type = Type::structure(schema_of(json).fields)}},
         .batch_input = "i0",
         .batch_schema = schema_of("raw STRING")});
    EXPECT_TRUE(prepared) << prepared.error().message;
    return prepared ? *std::move(prepared) : nullptr;
  }

  std::unique_ptr<Database> database;
};

template <typename ArrayType>
const ArrayType& column(const Answer& answer, int index) {
  return static_cast<const ArrayType&>(*answer.batches.at(0)->column(index));
}

TEST_F(FromJsonTest, GivesStructsAndReportsWhatItCannotRead) {
  auto prepared = prepare(
      "SELECT j.symbol, j.price, j IS NULL AS is_null, __row FROM "
      "(SELECT ticklake_payload_0(raw, __row) AS j, __row FROM ticklake_input('i0'))",
      "symbol STRING, price DOUBLE, is_null BOOLEAN, __row BIGINT", "symbol STRING, price DOUBLE");
  ASSERT_TRUE(prepared);
  auto result = prepared->run(
      {texts_of({R"({"symbol":"a symbol of many bytes","price":1.5})", "{bad", "NULL"}),
       texts_of({R"({"symbol":"B"})", "[1"})});
  ASSERT_TRUE(result) << result.error().message;
  const auto& symbols = column<arrow::StringArray>(*result, 0);
  EXPECT_EQ(symbols.GetString(0), "a symbol of many bytes");
  EXPECT_EQ(symbols.GetString(3), "B");
  EXPECT_EQ(symbols.null_count(), 3);
  EXPECT_EQ(column<arrow::DoubleArray>(*result, 1).null_count(), 4);
  const auto& is_null = column<arrow::BooleanArray>(*result, 2);
  EXPECT_FALSE(is_null.Value(1));  // malformed: a struct of NULLs, as Spark's PERMISSIVE gives
  EXPECT_TRUE(is_null.Value(2));
  ASSERT_EQ(result->decode_errors.size(), 2u);
  EXPECT_EQ(result->decode_errors[0].row, 1);
  EXPECT_EQ(result->decode_errors[0].raw, "{bad");
  EXPECT_FALSE(result->decode_errors[0].reason.empty());
  EXPECT_EQ(result->decode_errors[1].row, 4);
}

TEST_F(FromJsonTest, IsCalledOnceARowUnderFiltersOnItsFields) {
  auto prepared = prepare(
      "SELECT j.a, j.b FROM (SELECT ticklake_payload_0(raw, __row) AS j FROM "
      "ticklake_input('i0')) "
      "WHERE j.a IS NULL AND j.b IS NULL AND j.c IS NULL",
      "a INT, b STRING", "a INT, b STRING, c DOUBLE");
  ASSERT_TRUE(prepared);
  std::vector<std::string> texts(5000, "{");  // each call reports its row
  auto result = prepared->run({texts_of(texts)});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->decode_errors.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(result->decode_errors[i].row, static_cast<int64_t>(i));
  EXPECT_EQ(row_count(result->batches), 5000);
}

TEST_F(FromJsonTest, StatementsWithTheSameIdDoNotMeet) {
  auto sql = "SELECT ticklake_payload_0(raw, __row).a FROM ticklake_input('i0')";
  auto numbers = prepare(sql, "a INT", "a INT");
  auto words = prepare(sql, "a STRING", "a STRING");
  auto again = prepare(sql, "a INT", "a INT");
  ASSERT_TRUE(numbers && words && again);
  for (int i = 0; i < 3; ++i) {
    auto a = numbers->run({texts_of({fmt::format(R"({{"a":{}}})", i), "{"})});
    auto b = words->run({texts_of({"{}", R"({"a":"w"})"})});
    auto c = again->run({texts_of({R"({"a":9})"})});
    ASSERT_TRUE(a && b && c);
    EXPECT_EQ(column<arrow::Int32Array>(*a, 0).Value(0), i);
    EXPECT_EQ(column<arrow::StringArray>(*b, 0).GetString(1), "w");
    EXPECT_EQ(column<arrow::Int32Array>(*c, 0).Value(0), 9);
    EXPECT_EQ(a->decode_errors.size(), 1u);
    EXPECT_EQ(b->decode_errors.size(), 0u);
  }
}

TEST_F(FromJsonTest, NamesInTextStay) {
  auto prepared = prepare(
      "SELECT 'ticklake_payload_0(' || raw || 'it''s ticklake_input(''i0'')' FROM "
      "ticklake_input('i0')",
      "a STRING", "a INT");
  ASSERT_TRUE(prepared);
  auto result = prepared->run({texts_of({"x"})});
  ASSERT_TRUE(result);
  EXPECT_EQ(column<arrow::StringArray>(*result, 0).GetString(0),
            "ticklake_payload_0(xit's ticklake_input('i0')");
}

TEST_F(FromJsonTest, NestedFieldsGoThrough) {
  auto prepared = prepare(
      "SELECT j.list, j.inner FROM (SELECT ticklake_payload_0(raw, __row) AS j FROM "
      "ticklake_input('i0'))",
      "list ARRAY<BIGINT>, inner STRUCT<t: TIMESTAMP, d: DECIMAL(10,2)>",
      "list ARRAY<BIGINT>, inner STRUCT<t: TIMESTAMP, d: DECIMAL(10,2)>");
  ASSERT_TRUE(prepared);
  std::vector<std::string> texts;
  for (int i = 0; i < 4100; ++i) {
    texts.push_back(
        i % 7 == 0 ? "{}"
                   : fmt::format(
                         R"({{"list":[{},null],"inner":{{"t":"2026-01-05T00:00:00Z","d":{}.25}}}})",
                         i, i));
  }
  auto result = prepared->run({texts_of(texts)});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_TRUE(result->batches.at(0)->ValidateFull().ok());
  const auto& list = column<arrow::ListArray>(*result, 0);
  EXPECT_TRUE(list.IsNull(0));
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*list.value_slice(4099)).Value(0), 4099);
  const auto& inner = column<arrow::StructArray>(*result, 1);
  EXPECT_EQ(static_cast<const arrow::Decimal128Array&>(*inner.field(1)).FormatValue(4099),
            "4099.25");
  EXPECT_EQ(static_cast<const arrow::TimestampArray&>(*inner.field(0)).Value(4099),
            1767571200000000);
}

}  // namespace
}  // namespace ticklake::query
