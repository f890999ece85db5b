#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/fixture.h"

namespace ticklake::query {
namespace {

class FunctionsTest : public QueryFixture {};

TEST_F(FunctionsTest, CastsOfTextFollowSpark) {
  auto texts = R"(["2026-01-05 14:30:00.5", "2026-01-05", " 2026-01-05T14:30:00+01:00 ", null])";
  auto got =
      answer(over_batch("SELECT ticklake_timestamp(t), ticklake_date(t) FROM ticklake_input('i0')",
                        "a TIMESTAMP, b DATE", "t STRING"),
             {batch_of(schema_of("t STRING"), {texts})});
  EXPECT_EQ(text_of(got.batches),
            text_of({batch_of(schema_of("a TIMESTAMP, b DATE"),
                              {"[1767623400500000, 1767571200000000, 1767619800000000, null]",
                               "[20458, 20458, 20458, null]"})}));
  auto tried = answer(
      over_batch("SELECT ticklake_try_timestamp(t), ticklake_try_date(t) FROM ticklake_input('i0')",
                 "a TIMESTAMP, b DATE", "t STRING"),
      {batch_of(schema_of("t STRING"), {R"(["x", null])"})});
  EXPECT_EQ(
      text_of(tried.batches),
      text_of({batch_of(schema_of("a TIMESTAMP, b DATE"), {"[null, null]", "[null, null]"})}));
  EXPECT_EQ(error_of("SELECT ticklake_date(x) FROM (VALUES ('31.12.2025')) t(x)", "x DATE").message,
            "[CAST_INVALID_INPUT] the STRING '31.12.2025' cannot be cast to DATE: it is malformed; "
            "try_cast gives NULL "
            "instead");
}

TEST_F(FunctionsTest, AConditionGuardsTheCastsAfterIt) {
  auto schema = schema_of("t STRING");
  std::string texts = "[";
  for (int i = 0; i < 30000; ++i) texts += i % 3 == 0 ? R"("2026-01-05",)" : R"("never",)";
  texts.back() = ']';
  auto rows = batch_of(schema, {texts});
  for (const char* cast :
       {"ticklake_date(t) > DATE '2026-01-01'", "ticklake_timestamp(t) IS NOT NULL",
        "(CASE WHEN t = 'never' THEN CAST(ticklake_raise('x') AS BOOLEAN) ELSE TRUE END)"}) {
    auto sql = fmt::format(
        "SELECT count(*) FROM ticklake_input('i0') WHERE regexp_full_match(t, '[0-9-]+') AND {}",
        cast);
    auto got = answer(over_batch(sql.c_str(), "n BIGINT", "t STRING"), {rows});
    EXPECT_EQ(text_of(got.batches), text_of({batch_of(schema_of("n BIGINT"), {"[10000]"})}))
        << cast;
  }
}

TEST_F(FunctionsTest, TrimTakesBlanksOnly) {
  auto schema = schema_of("t STRING");
  for (const char* texts :
       {R"(["  a text of many bytes ", null, "", "   ", "\ta ", "é ", "\u00a0x", "x"])",
        R"(["no blank at either end", null, ""])"}) {
    auto got = answer(over_batch("SELECT ticklake_trim(t), trim(t, ' ') FROM ticklake_input('i0')",
                                 "a STRING, b STRING", "t STRING"),
                      {batch_of(schema, {texts})});
    EXPECT_TRUE(got.batches.at(0)->column(0)->Equals(got.batches[0]->column(1)))
        << text_of(got.batches);
  }
}

TEST_F(FunctionsTest, BytesThatAreNotTextGetReplacementCharacters) {
  struct Case {
    std::string bytes;
    std::string text;
  };
  const std::vector<Case> cases = {{"", ""},
                                   {"plain", "plain"},
                                   {"gr\xC3\xBC\xC3\x9F", "grüß"},
                                   {"a\xFFz", "a\uFFFDz"},
                                   {"\xE2\x82", "\uFFFD"},
                                   {"\xE2\x82z", "\uFFFDz"},
                                   {"\xF0\x9F\x98\x80", "😀"},
                                   {"\xF0\x9F\x98", "\uFFFD"},
                                   {"\xC0\xAF", "\uFFFD\uFFFD"},
                                   {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
                                   {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
                                   {"\xC3", "\uFFFD"},
                                   {std::string("a\0b", 3), std::string("a\0b", 3)}};
  arrow::BinaryBuilder builder;
  for (const auto& one : cases) ASSERT_TRUE(builder.Append(one.bytes).ok());
  ASSERT_TRUE(builder.AppendNull().ok());
  auto bytes = builder.Finish().ValueOrDie();
  auto rows = arrow::RecordBatch::Make(to_arrow(schema_of("b BINARY")), bytes->length(), {bytes});
  auto got = answer(
      over_batch("SELECT ticklake_utf8(b) FROM ticklake_input('i0')", "t STRING", "b BINARY"),
      {rows});
  ASSERT_EQ(got.batches.size(), 1u);
  const auto& texts = static_cast<const arrow::StringArray&>(*got.batches[0]->column(0));
  for (size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(texts.GetString(static_cast<int64_t>(i)), cases[i].text) << i;
  EXPECT_TRUE(texts.IsNull(static_cast<int64_t>(cases.size())));
}

TEST_F(FunctionsTest, AnErrorOnARowThatIsNotTakenIsNotRaised) {
  auto got = answer(
      {.sql = "SELECT CASE WHEN x > 5 THEN CAST(ticklake_raise('never') AS BOOLEAN) ELSE x > 1 END "
              "FROM (VALUES (1), (2)) t(x)",
       .output = schema_of("b BOOLEAN"),
       .payload_functions = {}});
  EXPECT_EQ(text_of(got.batches), text_of({batch_of(schema_of("b BOOLEAN"), {"[false, true]"})}));
}

// One row's functions over vectors with and without NULL, and over more rows than one vector has.
TEST_F(FunctionsTest, FunctionsOfARowKnowNull) {
  auto schema = schema_of("t STRING, n INT");
  std::string texts = "[", numbers = "[", results = "[";
  for (int i = 0; i < 5000; ++i) {
    bool null = i % 7 == 0 || i % 11 == 0;
    texts += i % 7 == 0 ? "null," : R"("a,b,c",)";
    numbers += i % 11 == 0 ? "null," : "2,";
    results += null ? "null," : R"("a,b",)";
  }
  texts.back() = numbers.back() = results.back() = ']';
  auto got = answer(over_batch("SELECT ticklake_substring_index(t, ',', n) FROM "
                               "ticklake_input('i0')",
                               "x STRING", "t STRING, n INT"),
                    {batch_of(schema, {texts, numbers})});
  EXPECT_EQ(text_of(got.batches), text_of({batch_of(schema_of("x STRING"), {results})}));
}

TEST_F(FunctionsTest, DigitsAreRoundedByEachMode) {
  struct Case {
    const char* call;
    const char* text;
  };
  const Case cases[] = {
      {"'-0.005', 2, 3", "-0.01"}, {"'9.995', 2, 0", "10.00"}, {"'0.5', 0, 0", "0"},
      {"'1.5', 0, 0", "2"},        {"'1250', -2, 0", "1200"},  {"'1250', -2, 3", "1300"},
      {"'50', -3, 3", "000"},      {"'-1.01', 1, 1", "-1.0"},  {"'-1.01', 1, 2", "-1.1"},
      {"'1.01', 1, 1", "1.1"},     {"'7', 2, 3", "7.00"},      {"'.25', 1, 0", "0.2"},
  };
  for (const Case& one : cases) {
    auto sql = std::string("SELECT ticklake_round_digits(") + one.call + ")";
    auto got = answer({.sql = sql, .output = schema_of("x STRING"), .payload_functions = {}});
    ASSERT_EQ(got.batches.size(), 1u) << one.call;
    EXPECT_EQ(static_cast<const arrow::StringArray&>(*got.batches[0]->column(0)).GetString(0),
              one.text)
        << one.call;
  }
}

TEST_F(FunctionsTest, PartsOfJson) {
  auto schema = schema_of("t STRING");
  auto texts = R"(["{\"a\":[{\"b\":\"x\"},{\"b\":1.50}]}", "{'a':[1,{'b':{\"c\":null}}]} end",
                   "{\"a\":[1,{\"b\":2}", "{\"a\":[0,{\"b\":null,\"b\":3}]}", "[01]", "", null])";
  auto got = answer(over_batch("SELECT ticklake_json_object(t, '.a' || chr(0) || '[1' || chr(0) || "
                               "'.b' || chr(0)) FROM ticklake_input('i0')",
                               "x STRING", "t STRING"),
                    {batch_of(schema, {texts})});
  EXPECT_EQ(text_of(got.batches),
            text_of({batch_of(schema_of("x STRING"),
                              {R"(["1.5", "{\"c\":null}", null, "3", null, null, null])"})}));
}

}  // namespace
}  // namespace ticklake::query
