// What rows look like as text, and CSV taken apart.
#include <arrow/api.h>
#include <gtest/gtest.h>

#include "formats/formats.h"

namespace ticklake::formats {
namespace {

const char* const kAllTypes =
    "b BOOLEAN, t TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, e DECIMAL(10,2), "
    "c STRING, x BINARY, day DATE, at TIMESTAMP, wall TIMESTAMP_NTZ, "
    "st STRUCT<p: INT, q: STRING>, li ARRAY<BIGINT>, m MAP<STRING, DOUBLE>";

const char* const kAllValues =
    R"({"b":true,"t":-128,"s":32767,"i":-2147483648,"l":9223372036854775807,"f":1.5,)"
    R"("d":0.1,"e":1.50,"c":"a \"quote\", é\n\u0001","x":"AAEC/w==","day":"2026-01-05",)"
    R"("at":"2026-01-05T14:30:00.000123Z","wall":"2026-01-05T14:30:00","st":{"p":1,"q":null},)"
    R"("li":[1,null,3],"m":{"k":1.0,"n":null}})";

TEST(JsonLines, WritesWhatItReads) {
  Schema schema = *parse_ddl(kAllTypes);
  std::string none = "{";
  for (const Field& field : schema.fields) none += "\"" + field.name + "\":null,";
  none.back() = '}';
  std::string text = std::string(kAllValues) + "\n" + none + "\n";
  auto batch = from_json_lines(text, schema);
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_TRUE((*batch)->ValidateFull().ok());
  EXPECT_EQ(*to_json_lines(**batch, schema), text);
  EXPECT_EQ(*to_json(**batch, schema, 1), none);
  // A slice has an offset, which nested columns must honour.
  EXPECT_EQ(*to_json_lines(*(*batch)->Slice(1), schema), none + "\n");
}

TEST(JsonLines, NumbersKeepAllTheirDigits) {
  Schema schema = *parse_ddl("d DOUBLE, e DECIMAL(38,20), z DECIMAL(3,3)");
  auto row = [&](const std::string& text) {
    auto batch = from_json_lines(text, schema);
    return batch ? *to_json(**batch, schema, 0) : batch.error().message;
  };
  EXPECT_EQ(row(R"({"d":123456789.125,"e":0.00000000000000000001,"z":-0.001})"),
            R"({"d":123456789.125,"e":0.00000000000000000001,"z":-0.001})");
  EXPECT_EQ(row(R"({"d":-5,"e":-123456789012345678.5,"z":0})"),
            R"({"d":-5.0,"e":-123456789012345678.50000000000000000000,"z":0.000})");
  EXPECT_EQ(row(R"({"d":"NaN"})"), R"({"d":"NaN","e":null,"z":null})");
  EXPECT_EQ(row(R"({"d":"-Infinity"})"), R"({"d":"-Infinity","e":null,"z":null})");
  EXPECT_EQ(row(R"({"d":1e300})"), R"({"d":1e+300,"e":null,"z":null})");
}

TEST(JsonLines, AreReadStrictly) {
  Schema schema = *parse_ddl("a INT NOT NULL, s STRING, n STRUCT<p: INT NOT NULL>");
  auto refusal = [&](const std::string& text) {
    auto batch = from_json_lines(text, schema);
    return batch ? "none" : batch.error().message;
  };
  EXPECT_EQ(refusal("{\"a\":1}\n\n{\"a\":2,\"s\":\"x\"}"), "none");
  EXPECT_EQ(refusal("{\"a\":1}\n{\"a\":1.5}"), "line 2: a: 1.5 is not an INT");
  EXPECT_EQ(refusal("{\"a\":1}\n{\"a\":3000000000}"), "line 2: a: 3000000000 is not an INT");
  EXPECT_EQ(refusal("{\"a\":1,\"b\":2}"), "line 1: there is no column \"b\"");
  EXPECT_EQ(refusal("{\"a\":1,\"s\":2}"), "line 1: s: 2 is not a STRING");
  EXPECT_EQ(refusal("{\"a\":1,\"s\":[2]}"), "line 1: s: an array is not a STRING");
  EXPECT_EQ(refusal("{\"a\":1,\"a\":2}"), "line 1: the key \"a\" is given twice");
  EXPECT_EQ(refusal("{\"s\":\"x\"}"), "line 1: a: missing or null, but the column is NOT NULL");
  EXPECT_EQ(refusal("{\"a\":1,\"n\":{}}"),
            "line 1: n.p: missing or null, but the column is NOT NULL");
  EXPECT_EQ(refusal("{\"a\":1}\n[1]"), "line 2: the text is not a JSON object");
  EXPECT_EQ(refusal("{\"a\":1}\n{\"a\":"), "line 2: malformed JSON at byte 5: the object is not "
                                           "closed");
  EXPECT_EQ(refusal("{\"a\":1} x"), "line 1: malformed JSON at byte 8: text after the object");
}

TEST(Csv, WritesValuesBareAndQuotesWhatItMust) {
  Schema schema = *parse_ddl("c STRING, d DOUBLE, at TIMESTAMP, li ARRAY<INT>, `x,y` BINARY");
  auto batch = *from_json_lines(
      "{\"c\":\"a,\\\"b\\\"\\nc\",\"d\":1,\"at\":\"2026-01-05T14:30:00Z\",\"li\":[1,2]}\n"
      "{\"c\":\"\",\"d\":\"NaN\",\"x,y\":\"AAEC\"}\n{}",
      schema);
  EXPECT_EQ(*to_csv(*batch, schema, true),
            "c,d,at,li,\"x,y\"\n"
            "\"a,\"\"b\"\"\nc\",1.0,2026-01-05T14:30:00Z,\"[1,2]\",\n"
            "\"\",NaN,,,AAEC\n"
            ",,,,\n");
}

TEST(Writers, RefuseABatchOfAnotherSchema) {
  auto batch = *from_json_lines("{\"a\":1}", *parse_ddl("a INT"));
  EXPECT_EQ(to_json_lines(*batch, *parse_ddl("a BIGINT")).error().message,
            "column a is int32 where the schema says BIGINT");
  EXPECT_EQ(to_csv(*batch, *parse_ddl("a INT, b INT"), true).error().message,
            "a batch of 1 columns where the schema has 2");
  batch = *from_json_lines(R"({"a":{"b":1}})", *parse_ddl("a STRUCT<b: INT>"));
  EXPECT_EQ(to_json_lines(*batch, *parse_ddl("a STRUCT<b: INT, c: INT>")).error().message,
            "column a does not have the fields of STRUCT<b: INT, c: INT>");
}

// The records as "line@offset|field|field", a problem after '!', and whether the text ended inside
// one.
std::vector<std::string> split(std::string_view text, char separator = ',') {
  CsvSplitter splitter(text, separator);
  std::vector<std::string> out;
  while (auto record = splitter.next()) {
    std::string line = std::to_string(record->line) + "@" + std::to_string(record->offset);
    for (const std::string& field : record->fields) line += "|" + field;
    if (!record->problem.empty()) line += "!" + record->problem;
    out.push_back(line);
  }
  if (splitter.truncated()) out.push_back("truncated");
  return out;
}

using Lines = std::vector<std::string>;

TEST(CsvSplitter, TakesRecordsApart) {
  EXPECT_EQ(split(""), Lines());
  EXPECT_EQ(split("a,b\n1,2\n"), (Lines{"1@0|a|b", "2@4|1|2"}));
  EXPECT_EQ(split("a,b\r\n1,2\r\n"), (Lines{"1@0|a|b", "2@5|1|2"}));
  EXPECT_EQ(split("\xEF\xBB\xBF" "a,b\n"), (Lines{"1@3|a|b"}));
  EXPECT_EQ(split("a,,\n,\n\nx\n"), (Lines{"1@0|a||", "2@4||", "3@6|", "4@7|x"}));
  EXPECT_EQ(split("a;b,c\n", ';'), (Lines{"1@0|a|b,c"}));
  EXPECT_EQ(split("1,2"), (Lines{"1@0|1|2", "truncated"}));
  EXPECT_EQ(split("5\" pipe,2\n"), (Lines{"1@0|5\" pipe|2"}));
}

TEST(CsvSplitter, ReadsQuotes) {
  EXPECT_EQ(split("\"a,b\",\"say \"\"hi\"\"\"\n"), (Lines{"1@0|a,b|say \"hi\""}));
  EXPECT_EQ(split("\"two\nlines\",2\nnext,3\n"), (Lines{"1@0|two\nlines|2", "3@14|next|3"}));
  EXPECT_EQ(split("\"\",\"\"\n"), (Lines{"1@0||"}));
  EXPECT_EQ(split("\"a\"b,c\n"), (Lines{"1@0|ab|c!text after a closing quote"}));
  EXPECT_EQ(split("\"\"b,c\n"), (Lines{"1@0|b|c!text after a closing quote"}));
}

TEST(CsvSplitter, GivesUpOnlyTheLineOfAQuoteThatDoesNotClose) {
  EXPECT_EQ(split("a,\"b\nc,d"), (Lines{"1@0|a|!quote not closed", "2@5|c|d", "truncated"}));
  // Beyond a bound nobody waits for the quote.
  std::string far = "a,\"b\nc,d\n" + std::string(2 << 20, 'x') + "\"\n";
  EXPECT_EQ(split(far)[0], "1@0|a|!quote not closed");
  EXPECT_EQ(split(far)[1], "2@5|c|d");
}

TEST(CsvSplitter, TellsInvalidUtf8) {
  EXPECT_EQ(split("a,\xff\nb,c\n"), (Lines{"1@0|a|\xff!invalid UTF-8", "2@4|b|c"}));
}

// The cell as JSON, or why it is none.
std::string cell(std::string_view type, std::string_view text) {
  std::string out;
  std::string reason = append_cell_as_json(out, *parse_type(type), text);
  return reason.empty() ? out : reason;
}

TEST(CsvCell, IsTheJsonValueOfItsType) {
  EXPECT_EQ(cell("STRING", " a \"b\" "), "\" a \\\"b\\\" \"");
  EXPECT_EQ(cell("STRING", ""), "null");
  EXPECT_EQ(cell("BIGINT", ""), "null");
  EXPECT_EQ(cell("BIGINT", " +42 "), "42");
  EXPECT_EQ(cell("BIGINT", "4.0"), "\"4.0\" is not a BIGINT");
  EXPECT_EQ(cell("TINYINT", "128"), "\"128\" is not a TINYINT");
  EXPECT_EQ(cell("INT", "12a"), "not a number: \"12a\"");
  EXPECT_EQ(cell("DOUBLE", "118.50"), "118.50");
  EXPECT_EQ(cell("DOUBLE", ".5"), "0.5");
  EXPECT_EQ(cell("DOUBLE", "NaN"), "\"NaN\"");
  EXPECT_EQ(cell("DOUBLE", "1,5"), "not a number: \"1,5\"");
  EXPECT_EQ(cell("DECIMAL(10,3)", "-0.5"), "-0.500");
  EXPECT_EQ(cell("DECIMAL(3,1)", "123.4"), "\"123.4\" is not a DECIMAL(3,1)");
  EXPECT_EQ(cell("DATE", "2000-3-1"), "\"2000-03-01\"");
  EXPECT_EQ(cell("DATE", "01/03/2000"), "\"01/03/2000\" is not a DATE");
  EXPECT_EQ(cell("TIMESTAMP", "2000-03-01 10:00"), "\"2000-03-01T10:00:00Z\"");
  EXPECT_EQ(cell("TIMESTAMP_NTZ", "2000-03-01T10:00:00.5"), "\"2000-03-01T10:00:00.500000\"");
  EXPECT_EQ(cell("BOOLEAN", "TRUE"), "true");
  EXPECT_EQ(cell("ARRAY<INT>", "[1]"), "\"[1]\" is not an ARRAY<INT>");
}

}  // namespace
}  // namespace ticklake::formats
