// Files read in pieces: the same rows, whatever the pieces are and wherever reading is taken up.
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "formats/formats.h"
#include "formats/time_pattern.h"

namespace ticklake::formats {
namespace {

using Form = FileFormat::Form;

SourceFile file_of(const std::string& text) {
  auto bytes = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text));
  return {.bytes = bytes, .size = static_cast<int64_t>(text.size()), .name = "f", .uri = "file:/f"};
}

Schema ddl(const std::string& text) {
  auto schema = parse_ddl(text);
  EXPECT_TRUE(schema);
  return schema ? *schema : Schema();
}

// All rows as JSON lines, at most `rows_max` a piece; the file is opened anew before every piece
// where `reopen` says so. With the line of each row where `lines` says so.
std::string rows_of(const std::string& text, const FileFormat& format, const Schema& schema,
                    int64_t rows_max = 1'000, bool reopen = false) {
  auto reader = FileReader::open(file_of(text), format, schema);
  if (!reader) return reader.error().message;
  std::string out;
  while (true) {
    auto rows = (*reader)->next(rows_max, 1 << 20);
    if (!rows) return out + rows.error().message;
    if (!rows->batch) return out;
    EXPECT_EQ(rows->places.size(), static_cast<size_t>(rows->batch->num_rows()));
    auto lines = to_json_lines(*rows->batch, schema);
    out += lines ? *lines : lines.error().message;
    if (!reopen) continue;
    reader = FileReader::open(file_of(text), format, schema, (*reader)->place());
    if (!reader) return reader.error().message;
  }
}

TEST(FileReader, GivesTheSameRowsInPiecesAndTakenUpAnywhere) {
  struct Case {
    FileFormat format;
    std::string text;
  };
  FileFormat csv{.form = Form::Csv, .header = true, .by_name = true};
  FileFormat spanning = csv;
  spanning.multi_line = true;
  FileFormat json{.form = Form::Json};
  FileFormat documents = json;
  documents.multi_line = true;
  const Case cases[] = {
      {csv, "b,a\nx,1\n\n\"y,\",2\r\n,3\n,\nz,5"},
      {spanning, "b,a\n\"x\n\",1\n\"\n\n,\",2\n,3\r\n\"last\"\"\",4\n"},
      {json, "{\"a\":1}\n\n{\"b\":\"x\"}\n[{\"a\":2},{\"a\":3}]\n{\"a\":4"},
      {documents, "[{\"a\":1},\n{\"b\":\"]}\\\"\"} , {\"a\":2}]\n{\"a\":3}\n{\"a\":"},
  };
  Schema schema = ddl("a INT, b STRING");
  for (const auto& one : cases) {
    std::string whole = rows_of(one.text, one.format, schema);
    EXPECT_NE(whole, "");
    for (int64_t rows_max : {1, 2, 3}) {
      EXPECT_EQ(rows_of(one.text, one.format, schema, rows_max), whole) << one.text;
      EXPECT_EQ(rows_of(one.text, one.format, schema, rows_max, true), whole) << one.text;
    }
  }
}

TEST(FileReader, TellsWhereRowsAndWhatIsMalformedStand) {
  FileFormat format{.form = Form::Csv, .header = true, .by_name = true, .keeps_bad = true};
  auto reader = FileReader::open(file_of("a,b\n1,x\n\ntwo,y\n3\n4,\xff\n"), format,
                                 ddl("a INT, b STRING"));
  ASSERT_TRUE(reader);
  auto rows = (*reader)->next(100, 1 << 20);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->places.size(), 4u);
  EXPECT_EQ(rows->places[0].line, 2);
  EXPECT_EQ(rows->places[1].line, 4);
  ASSERT_EQ(rows->bad.size(), 3u);
  EXPECT_EQ(rows->bad[0].row, 1);
  EXPECT_EQ(rows->bad[0].reason, "a: \"two\" is not of type INT");
  EXPECT_EQ(rows->bad[1].reason, "the record has 1 fields, not 2");
  EXPECT_EQ(rows->bad[2].reason, "invalid UTF-8");
}

TEST(FileReader, RescuesWhatFitsNoColumn) {
  FileFormat format{.form = Form::Json, .rescued = "_rescued_data"};
  Schema schema = ddl("a INT, s STRUCT<x: INT>, l ARRAY<INT>, _rescued_data STRING");
  EXPECT_EQ(rows_of("{\"a\":\"one\",\"s\":{\"x\":1,\"y\":{\"z\":[1, 2]},\"w\":null},"
                    "\"l\":[1,\"2\"],\"n\":1.50}\n"
                    "{\"a\":2}\n{\"a\":\n",
                    format, schema),
            "{\"a\":null,\"s\":{\"x\":1},\"l\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"one\\\","
            "\\\"s\\\":{\\\"y\\\":{\\\"z\\\":[1,2]},\\\"w\\\":null},\\\"l\\\":[1,\\\"2\\\"],"
            "\\\"n\\\":1.5,\\\"_file_path\\\":\\\"file:/f\\\"}\"}\n"
            "{\"a\":2,\"s\":null,\"l\":null,\"_rescued_data\":null}\n"
            "{\"a\":null,\"s\":null,\"l\":null,\"_rescued_data\":\"{\\\"_corrupt_record\\\":"
            "\\\"{\\\\\\\"a\\\\\\\":\\\",\\\"_file_path\\\":\\\"file:/f\\\"}\"}\n");
}

TEST(FileReader, NamesTheFileAndLineOfWhatItRefuses) {
  FileFormat format{.form = Form::Csv, .mode = FileFormat::Mode::FailFast};
  EXPECT_NE(rows_of("1\nx\n", format, ddl("a INT")).find("f, line 2: a: \"x\" is not of type INT"),
            std::string::npos);
  format.mode = FileFormat::Mode::Permissive;
  EXPECT_NE(rows_of("1\n\xff\n", format, ddl("a INT")).find("f, line 2: invalid UTF-8"),
            std::string::npos);
  EXPECT_NE(rows_of("PAR1", {.form = Form::Parquet}, ddl("a INT")).find("f: the file is damaged"),
            std::string::npos);
}

TEST(FileReader, ReadsLongRecordsAndManyBlocks) {
  FileFormat format{.form = Form::Csv, .multi_line = true};
  std::string text, cell(3 << 20, 'x');
  for (int i = 0; i < 4; ++i) text += "\"" + cell + "\n\"," + std::to_string(i) + "\n";
  auto reader = FileReader::open(file_of(text), format, ddl("a STRING, b INT"));
  ASSERT_TRUE(reader);
  int64_t rows = 0;
  while (true) {
    auto piece = (*reader)->next(1'000, 1 << 20);
    ASSERT_TRUE(piece) << piece.error().message;
    if (!piece->batch) break;
    EXPECT_EQ(piece->batch->num_rows(), 1);
    rows += piece->batch->num_rows();
  }
  EXPECT_EQ(rows, 4);
}

TEST(TimePattern, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(TimePattern::make("YYYY-MM-dd"));
  EXPECT_FALSE(TimePattern::make("yyyy [HH"));
  EXPECT_FALSE(TimePattern::make("yyyy 'T"));
  auto pattern = TimePattern::make("dd/MM/yyyy[ HH:mm]");
  ASSERT_TRUE(pattern);
  EXPECT_TRUE(pattern->parse("05/01/2026"));
  EXPECT_TRUE(pattern->parse("05/01/2026 10:11"));
  EXPECT_FALSE(pattern->parse("05/01/2026 10"));
  EXPECT_FALSE(pattern->parse("31/02/2026"));
}

}  // namespace
}  // namespace ticklake::formats
