#include <arrow/api.h>
#include <gtest/gtest.h>

#include <random>

#include "formats/formats.h"

namespace ticklake::formats {
namespace {

struct Decoded {
  std::vector<std::string> rows;     // as JSON, without NULL fields
  std::vector<std::string> reasons;  // "" where the row is fine
};

Decoded decode(std::string_view ddl, const std::vector<std::string>& texts) {
  Schema schema = *parse_ddl(ddl);
  auto decoder = *JsonDecoder::make(schema);
  std::vector<std::string_view> views(texts.begin(), texts.end());
  auto rows = decoder->decode(views, {});
  EXPECT_TRUE(rows) << rows.error().message;
  EXPECT_TRUE(rows->batch->ValidateFull().ok()) << rows->batch->ValidateFull().ToString();
  Decoded out;
  out.reasons.resize(texts.size());
  for (const auto& failure : rows->failures) {
    out.reasons[static_cast<size_t>(failure.row)] = failure.reason;
  }
  Schema read_back = *schema_from_arrow(*rows->batch->schema());
  for (int64_t i = 0; i < rows->batch->num_rows(); ++i) {
    out.rows.push_back(*to_json(*rows->batch, read_back, i));
  }
  return out;
}

struct Case {
  std::string text, row, reason;
};

// Each case twice: alone, which the quick reader may take, and with a nested field that it does not
// take.
void expect(std::string_view ddl, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    auto got = decode(ddl, {c.text});
    EXPECT_EQ(got.rows[0], c.row) << c.text;
    EXPECT_EQ(got.reasons[0], c.reason) << c.text;
    auto open = c.text.find('{');
    if (open == std::string::npos || c.reason.starts_with("malformed")) continue;
    std::string nested = c.text;
    nested.insert(open + 1, c.text == "{}" ? "\"_\":[{}]" : "\"_\":[{}],");
    got = decode(ddl, {nested});
    EXPECT_EQ(got.rows[0], c.row) << nested;
    EXPECT_EQ(got.reasons[0], c.reason) << nested;
  }
}

// The expected rows of this file were asked of Spark 4.2, from_json in PERMISSIVE mode.
TEST(JsonDecoder, ReadsATick) {
  expect("symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, venue STRING, seq BIGINT",
         {{R"({"symbol":"AAPL","ts":"2026-01-05T14:30:00.123Z","price":123.45,"size":100,)"
           R"("venue":"XNAS","seq":42})",
           R"({"symbol":"AAPL","ts":"2026-01-05T14:30:00.123000Z","price":123.45,"size":100,)"
           R"("venue":"XNAS","seq":42})",
           ""},
          {R"({ "seq" : 42 , "price" : 1 })",
           R"({"symbol":null,"ts":null,"price":1.0,"size":null,"venue":null,"seq":42})", ""}});
}

TEST(JsonDecoder, Integers) {
  expect("a TINYINT", {{R"({"a":127})", R"({"a":127})", ""},
                       {R"({"a":-0})", R"({"a":0})", ""},
                       {R"({"a":300})", R"({"a":null})", "a: 300 is not a TINYINT"},
                       {R"({"a":null})", R"({"a":null})", ""},
                       {R"({})", R"({"a":null})", ""}});
  expect("a BIGINT",
         {{R"({"a":9223372036854775807})", R"({"a":9223372036854775807})", ""},
          {R"({"a":9223372036854775808})", R"({"a":null})",
           "a: 9223372036854775808 is not a BIGINT"},
          {R"({"a":1.5})", R"({"a":null})", "a: 1.5 is not a BIGINT"},
          {R"({"a":1.0})", R"({"a":null})", "a: 1.0 is not a BIGINT"},
          {R"({"a":1e2})", R"({"a":null})", "a: 1e2 is not a BIGINT"},
          {R"({"a":"123"})", R"({"a":null})", "a: \"123\" is not a BIGINT"},
          {R"({"a":"abc"})", R"({"a":null})", "a: not a number: \"abc\""},
          {R"({"a":""})", R"({"a":null})", "a: not a number: \"\""},
          {R"({"a":true})", R"({"a":null})", "a: true is not a BIGINT"},
          {R"({"a":[1]})", R"({"a":null})", "a: an array is not a BIGINT"},
          {R"({"a":{"b":1}})", R"({"a":null})", "a: an object is not a BIGINT"}});
}

TEST(JsonDecoder, Doubles) {
  expect("a DOUBLE", {{R"({"a":1})", R"({"a":1.0})", ""},
                      {R"({"a":123.45})", R"({"a":123.45})", ""},
                      {R"({"a":0.1})", R"({"a":0.1})", ""},
                      {R"({"a":-0})", R"({"a":0.0})", ""},
                      {R"({"a":-0.0})", R"({"a":-0.0})", ""},
                      {R"({"a":1e400})", R"({"a":"Infinity"})", ""},
                      {R"({"a":-1e400})", R"({"a":"-Infinity"})", ""},
                      {R"({"a":1e-400})", R"({"a":0.0})", ""},
                      {R"({"a":99999999999999999999})", R"({"a":1e+20})", ""},
                      {R"({"a":179.00000000000000001})", R"({"a":179.0})", ""},
                      {R"({"a":NaN})", R"({"a":"NaN"})", ""},
                      {R"({"a":"NaN"})", R"({"a":"NaN"})", ""},
                      {R"({"a":"+INF"})", R"({"a":"Infinity"})", ""},
                      {R"({"a":"INF"})", R"({"a":null})", "a: not a number: \"INF\""},
                      {R"({"a":"1.5"})", R"({"a":null})", "a: \"1.5\" is not a DOUBLE"},
                      {R"({"a":"abc"})", R"({"a":null})", "a: not a number: \"abc\""}});
  expect("a FLOAT", {{R"({"a":3.4e39})", R"({"a":"Infinity"})", ""},
                     {R"({"a":1.1})", R"({"a":1.1})", ""}});
}

TEST(JsonDecoder, DecimalsAreExact) {
  expect("a DECIMAL(5,2)",
         {{R"({"a":1.234})", R"({"a":1.23})", ""},
          {R"({"a":1.235})", R"({"a":1.24})", ""},
          {R"({"a":1.225})", R"({"a":1.23})", ""},
          {R"({"a":-1.235})", R"({"a":-1.24})", ""},
          {R"({"a":999.994})", R"({"a":999.99})", ""},
          {R"({"a":999.995})", R"({"a":null})", "a: 999.995 is not a DECIMAL(5,2)"},
          {R"({"a":1e2})", R"({"a":100.00})", ""},
          {R"({"a":1e-5})", R"({"a":0.00})", ""},
          {R"({"a":0.005})", R"({"a":0.01})", ""},
          {R"({"a":"1.5"})", R"({"a":1.50})", ""},
          {R"({"a":"1e1"})", R"({"a":10.00})", ""},
          {R"({"a":" 1 "})", R"({"a":null})", "a: not a number: \" 1 \""},
          {R"({"a":1e400})", R"({"a":null})", "a: 1e400 is not a DECIMAL(5,2)"},
          {R"({"a":NaN})", R"({"a":null})", "a: NaN is not a DECIMAL(5,2)"}});
  expect("a DECIMAL(38,10)",
         {{R"({"a":1234567890123456789012345678.0123456789})",
           R"({"a":1234567890123456789012345678.0123456789})", ""},
          {R"({"a":0.1000000000000000055})", R"({"a":0.1000000000})", ""},
          {R"({"a":-0})", R"({"a":0.0000000000})", ""}});
}

TEST(JsonDecoder, StringsTakeAnyValueAsText) {
  expect("a STRING",
         {{R"({"a":1})", R"({"a":"1"})", ""},
          {R"({"a":1.50})", R"({"a":"1.5"})", ""},
          {R"({"a":1e2})", R"({"a":"100.0"})", ""},
          {R"({"a":3.4e39})", R"({"a":"3.4E39"})", ""},
          {R"({"a":123456789012345678901234567890})",
           R"({"a":"123456789012345678901234567890"})", ""},
          {R"({"a":true})", R"({"a":"true"})", ""},
          {R"({"a":null})", R"({"a":null})", ""},
          {R"({"a":[1, 2]})", R"({"a":"[1,2]"})", ""},
          {R"({"a":{"x": 1, "y" : [1,2 , {"z":"q\u0041"}]}})",
           R"({"a":"{\"x\":1,\"y\":[1,2,{\"z\":\"qA\"}]}"})", ""},
          {R"({"a":"x\u0000y"})", R"({"a":"x\u0000y"})", ""},
          {R"({"a":"\ud83d\ude00 é"})", R"({"a":"😀 é"})", ""},
          {R"({"a":"a long string \"that\" spans \\ several words\n"})",
           R"({"a":"a long string \"that\" spans \\ several words\n"})", ""}});
}

TEST(JsonDecoder, DatesAndTimes) {
  expect("a TIMESTAMP",
         {{R"({"a":"2026-01-05T14:30:00Z"})", R"({"a":"2026-01-05T14:30:00Z"})", ""},
          {R"({"a":"2026-01-05 14:30:00"})", R"({"a":"2026-01-05T14:30:00Z"})", ""},
          {R"({"a":"2026-01-05"})", R"({"a":"2026-01-05T00:00:00Z"})", ""},
          {R"({"a":"2026-01-05T14:30:00+02:00"})", R"({"a":"2026-01-05T12:30:00Z"})", ""},
          {R"({"a":"2026-01-05T14:30:00.123456789Z"})",
           R"({"a":"2026-01-05T14:30:00.123456Z"})", ""},
          {R"({"a":"2026-01-05T14:30:00.5Z"})", R"({"a":"2026-01-05T14:30:00.500000Z"})", ""},
          {R"({"a":"1969-12-31T23:59:59.999999Z"})",
           R"({"a":"1969-12-31T23:59:59.999999Z"})", ""},
          {R"({"a":1767623400})", R"({"a":"2026-01-05T14:30:00Z"})", ""},
          {R"({"a":-1})", R"({"a":"1969-12-31T23:59:59Z"})", ""},
          {R"({"a":1767623400.5})", R"({"a":null})", "a: 1767623400.5 is not a TIMESTAMP"},
          {R"({"a":"2026-02-30T00:00:00Z"})", R"({"a":null})",
           "a: \"2026-02-30T00:00:00Z\" is not a TIMESTAMP"},
          {R"({"a":"2026-01-05T25:00:00Z"})", R"({"a":null})",
           "a: \"2026-01-05T25:00:00Z\" is not a TIMESTAMP"},
          {R"({"a":9223372036854775807})", R"({"a":null})",
           "a: 9223372036854775807 is not a TIMESTAMP"}});
  expect("a TIMESTAMP_NTZ",
         {{R"({"a":"2026-01-05T14:30:00.123"})", R"({"a":"2026-01-05T14:30:00.123000"})", ""},
          {R"({"a":"2026-01-05T14:30:00Z"})", R"({"a":null})",
           "a: \"2026-01-05T14:30:00Z\" is not a TIMESTAMP_NTZ"},
          {R"({"a":1})", R"({"a":null})", "a: 1 is not a TIMESTAMP_NTZ"}});
  expect("a DATE", {{R"({"a":"2026-01-05"})", R"({"a":"2026-01-05"})", ""},
                    {R"({"a":"2026-1-5"})", R"({"a":"2026-01-05"})", ""},
                    {R"({"a":"2026-01-05T14:30:00.123Z"})", R"({"a":"2026-01-05"})", ""},
                    {R"({"a":"123"})", R"({"a":"1970-05-04"})", ""},
                    {R"({"a":"-5"})", R"({"a":"1969-12-27"})", ""},
                    {R"({"a":12345})", R"({"a":null})", "a: 12345 is not a DATE"},
                    {R"({"a":"05/01/2026"})", R"({"a":null})", "a: \"05/01/2026\" is not a DATE"}});
}

TEST(JsonDecoder, BooleansAndBytes) {
  expect("a BOOLEAN", {{R"({"a":true})", R"({"a":true})", ""},
                       {R"({"a":false})", R"({"a":false})", ""},
                       {R"({"a":"true"})", R"({"a":null})", "a: \"true\" is not a BOOLEAN"},
                       {R"({"a":1})", R"({"a":null})", "a: 1 is not a BOOLEAN"}});
  expect("a BINARY", {{R"({"a":"aGVsbG8="})", R"({"a":"aGVsbG8="})", ""},
                      {R"({"a":"aGVs\nbG8="})", R"({"a":"aGVsbG8="})", ""},
                      {R"({"a":"aGVsbG8"})", R"({"a":null})", "a: \"aGVsbG8\" is not a BINARY"},
                      {R"({"a":"-_-_"})", R"({"a":null})", "a: \"-_-_\" is not a BINARY"},
                      {R"({"a":300})", R"({"a":null})", "a: 300 is not a BINARY"}});
}

TEST(JsonDecoder, NestedValuesKeepWhatMatches) {
  expect("a ARRAY<INT>, b INT",
         {{R"({"a":[1,null,2],"b":1})", R"({"a":[1,null,2],"b":1})", ""},
          {R"({"a":[],"b":1})", R"({"a":[],"b":1})", ""},
          {R"({"a":[1,"x",{"y":[2]}],"b":1})", R"({"a":null,"b":1})", "a: not a number: \"x\""},
          {R"({"a":{"x":1},"b":1})", R"({"a":null,"b":1})", "a: an object is not an ARRAY<INT>"},
          {R"({"a":1,"b":1})", R"({"a":null,"b":1})", "a: 1 is not an ARRAY<INT>"}});
  expect("a MAP<STRING, INT>, b INT",
         {{R"({"a":{"x":1,"y":null},"b":1})", R"({"a":{"x":1,"y":null},"b":1})", ""},
          {R"({"a":{"x":1,"x":2},"b":1})", R"({"a":{"x":1,"x":2},"b":1})", ""},
          {R"({"a":{"x":"q","y":2},"b":1})", R"({"a":null,"b":1})", "a: not a number: \"q\""}});
  expect("a STRUCT<x: INT, y: STRING>, b INT",
         {{R"({"a":{"x":1},"b":1})", R"({"a":{"x":1,"y":null},"b":1})", ""},
          {R"({"a":{"x":"q","y":"z"},"b":1})", R"({"a":{"x":null,"y":"z"},"b":1})",
           "a.x: not a number: \"q\""},
          {R"({"a":{},"b":1})", R"({"a":{"x":null,"y":null},"b":1})", ""},
          {R"({"a":null,"b":1})", R"({"a":null,"b":1})", ""},
          {R"({"a":"s","b":1})", R"({"a":null,"b":1})",
           "a: \"s\" is not a STRUCT<x: INT, y: STRING>"}});
  expect("a ARRAY<STRUCT<x: INT>>",
         {{R"({"a":[{"x":1},{"x":"q"},{"x":3}]})", R"({"a":[{"x":1},{"x":null},{"x":3}]})",
           "a.x: not a number: \"q\""},
          {R"({"a":[1,{"x":2}]})", R"({"a":null})", "a: 1 is not a STRUCT<x: INT>"}});
}

TEST(JsonDecoder, KeysGivenTwice) {
  expect("a INT, s STRING, l ARRAY<INT>",
         {{R"({"a":1,"a":2})", R"({"a":2,"s":null,"l":null})", ""},
          {R"({"a":1,"a":null})", R"({"a":null,"s":null,"l":null})", ""},
          {R"({"a":1,"a":"x"})", R"({"a":1,"s":null,"l":null})", "a: not a number: \"x\""},
          {R"({"a":"x","a":1})", R"({"a":1,"s":null,"l":null})", "a: not a number: \"x\""},
          {R"({"s":"one","l":[1,2,3],"s":"three","l":[4,5],"a":1})",
           R"({"a":1,"s":"three","l":[4,5]})", ""}});
}

TEST(JsonDecoder, MalformedTextsAreRowsOfNulls) {
  const std::string none = R"({"a":null,"b":null})";
  expect("a INT, b STRING",
         {{"", none, "the text is empty"},
          {"  ", none, "the text is empty"},
          {"null", none, "the text is not a JSON object"},
          {"1", none, "the text is not a JSON object"},
          {R"([{"a":1}])", none, "the text is not a JSON object"},
          {R"({"a":1)", none, "malformed JSON at byte 6: the object is not closed"},
          {R"({"a":1,"b":)", none, "malformed JSON at byte 11: the object is not closed"},
          {R"({"a":1,"b":"x)", none, "malformed JSON at byte 13: a string is not closed"},
          {R"({"a":1,})", none, "malformed JSON at byte 7: unexpected character"},
          {R"({"a":1 "b":2})", none, "malformed JSON at byte 7: unexpected character"},
          {R"({a:1})", none, "malformed JSON at byte 1: unexpected character"},
          {R"({"a":01})", none, "malformed JSON at byte 5: unexpected character"},
          {R"({"a":+1})", none, "malformed JSON at byte 5: unexpected character"},
          {R"({"a":1.})", none, "malformed JSON at byte 5: unexpected character"},
          {R"({"a":.5})", none, "malformed JSON at byte 5: unexpected character"},
          {R"({"a":tRue})", none, "malformed JSON at byte 5: unexpected character"},
          {R"({"x":nul,"a":1})", none, "malformed JSON at byte 5: unexpected character"},
          {"{\"b\":\"x\ty\"}", none,
           "malformed JSON at byte 7: a control character inside a string"},
          {"{\"b\":\"\xff\"}", none, "malformed JSON at byte 6: invalid UTF-8"},
          {"{\"b\":\"\xc3\xa9\xed\xa0\x80\"}", none, "malformed JSON at byte 8: invalid UTF-8"},
          {"\xef\xbb\xbf{\"a\":1}", none, "the text is not a JSON object"},
          {std::string("{\"b\":\"x\0y\"}", 11), none,
           "malformed JSON at byte 7: a control character inside a string"}});
  auto bad_escape = decode("a INT", {R"({"a":1,"x":"bad\q"})"});
  EXPECT_EQ(bad_escape.rows[0], R"({"a":null})");
  EXPECT_NE(bad_escape.reasons[0].find("a bad escape in a string"), std::string::npos);
}

TEST(JsonDecoder, TextAfterTheObjectIsToldButDoesNotSpoilIt) {
  expect("a INT, b INT",
         {{R"({"a":1}x)", R"({"a":1,"b":null})", "malformed JSON at byte 7: text after the object"},
          {R"({"a":1} {"a":2})", R"({"a":1,"b":null})",
           "malformed JSON at byte 8: text after the object"},
          {R"({"a":1}})", R"({"a":1,"b":null})", "malformed JSON at byte 7: text after the object"},
          {std::string("{\"a\":1}\0", 8), R"({"a":1,"b":null})",
           "malformed JSON at byte 7: text after the object"},
          {"{\"a\":1} \n", R"({"a":1,"b":null})", ""}});
}

TEST(JsonDecoder, DeepNesting) {
  auto deep = [](size_t depth) {
    return "{\"x\":" + std::string(depth, '[') + std::string(depth, ']') + ",\"a\":1}";
  };
  auto got = decode("a INT", {deep(600), deep(1100), deep(100'000)});
  EXPECT_EQ(got.rows, (std::vector<std::string>{R"({"a":1})", R"({"a":null})", R"({"a":null})"}));
  EXPECT_EQ(got.reasons[0], "");
  EXPECT_NE(got.reasons[1].find("nested deeper"), std::string::npos) << got.reasons[1];
}

TEST(JsonDecoder, NullTextsAndManyBatches) {
  auto decoder = *JsonDecoder::make(*parse_ddl("a INT NOT NULL, s STRING"));
  std::vector<std::string_view> texts = {R"({"a":1,"s":"x"})", "", R"({"a":2,"s":"yz"})"};
  for (int round = 0; round < 3; ++round) {
    auto rows = *decoder->decode(texts, {true, false, true});
    EXPECT_TRUE(rows.failures.empty());
    EXPECT_TRUE(rows.batch->ValidateFull().ok());
    EXPECT_EQ(rows.batch->num_rows(), 3);
    EXPECT_EQ(rows.batch->column(0)->null_count(), 1);
    EXPECT_EQ(rows.batch->column(1)->ToString(), "[\n  \"x\",\n  null,\n  \"yz\"\n]");
  }
  EXPECT_EQ(decoder->decode({}, {})->batch->num_rows(), 0);
}

TEST(JsonDecoder, RefusesWhatJsonCannotGive) {
  Schema schema{{{"i", Type(Kind::Interval)}}};
  EXPECT_EQ(JsonDecoder::make(schema).error().message,
            "i: JSON has no value of type INTERVAL DAY TO SECOND");
  EXPECT_EQ(JsonDecoder::make(*parse_ddl("m MAP<INT, INT>")).error().message,
            "m: the keys of a MAP read from JSON must be STRING, not INT");
}

}  // namespace
}  // namespace ticklake::formats
