#include "app/output.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>

namespace ticklake::app {

namespace {

Schema schema() {
  Field symbol{.name = "symbol", .type = Kind::String};
  Field size{.name = "size", .type = Kind::Long};
  return {{symbol, size}};
}

BatchPtr batch() {
  arrow::StringBuilder symbols;
  arrow::Int64Builder sizes;
  EXPECT_TRUE(symbols.AppendValues({"IBM", "a \"b\", c"}).ok());
  EXPECT_TRUE(symbols.AppendNull().ok());
  EXPECT_TRUE(sizes.AppendValues({9007199254740993, -1}).ok());
  EXPECT_TRUE(sizes.AppendNull().ok());
  return arrow::RecordBatch::Make(to_arrow(schema()), 3, {*symbols.Finish(), *sizes.Finish()});
}

// What `write` prints.
template <typename Write>
std::string printed(Write&& write) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  EXPECT_TRUE(write(out).has_value());
  std::fclose(out);
  std::string result(text, size);
  std::free(text);
  return result;
}

std::string rows_as(Format format, int batches) {
  return printed([&](std::FILE* out) -> Result<void> {
    RowWriter writer(out, format, schema());
    for (int i = 0; i < batches; ++i) TRY(writer.write(*batch()));
    return writer.finish();
  });
}

TEST(RowWriter, JsonLinesKeepAllDigits) {
  EXPECT_EQ(rows_as(Format::JsonLines, 1),
            "{\"symbol\":\"IBM\",\"size\":9007199254740993}\n"
            "{\"symbol\":\"a \\\"b\\\", c\",\"size\":-1}\n"
            "{\"symbol\":null,\"size\":null}\n");
  EXPECT_EQ(rows_as(Format::JsonLines, 0), "");
}

TEST(RowWriter, ArrowIsAStreamWithItsSchemaAndAllBatches) {
  for (int batches : {0, 2}) {
    auto buffer = arrow::Buffer::FromString(rows_as(Format::Arrow, batches));
    arrow::io::BufferReader bytes(buffer);
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(&bytes);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    EXPECT_TRUE((*reader)->schema()->Equals(*to_arrow(schema())));
    auto read = (*reader)->ToRecordBatches();
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    ASSERT_EQ(read->size(), static_cast<size_t>(batches));
    for (const auto& found : *read) EXPECT_TRUE(found->Equals(*batch()));
  }
}

TEST(RowWriter, JsonIsOneArrayOverAllBatches) {
  EXPECT_EQ(rows_as(Format::Json, 0), "[]\n");
  std::string text = rows_as(Format::Json, 2);
  EXPECT_TRUE(text.starts_with("[\n{\"symbol\":\"IBM\""));
  EXPECT_TRUE(text.ends_with("{\"symbol\":null,\"size\":null}\n]\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '['), 1);
}

TEST(RowWriter, CsvHasOneHeader) {
  EXPECT_EQ(rows_as(Format::Csv, 0), "symbol,size\n");
  std::string text = rows_as(Format::Csv, 2);
  EXPECT_TRUE(text.starts_with("symbol,size\nIBM,9007199254740993\n\"a \"\"b\"\", c\",-1\n"));
  EXPECT_EQ(text.find("symbol", 1), std::string::npos);
}

TEST(RowWriter, TableAlignsNumbersAndShowsNull) {
  EXPECT_EQ(rows_as(Format::Table, 1),
            "┌──────────┬──────────────────┐\n"
            "│ symbol   │             size │\n"
            "├──────────┼──────────────────┤\n"
            "│ IBM      │ 9007199254740993 │\n"
            "│ a \"b\", c │               -1 │\n"
            "│ NULL     │             NULL │\n"
            "└──────────┴──────────────────┘\n"
            "3 rows\n");
}

TEST(Objects, EachForm) {
  std::vector<Object> objects = {{{"name", json_text("a\"b")}, {"rows", "3"}},
                                 {{"name", json_text("c,d")}, {"rows", "null"}}};
  auto as = [&objects](Format format) {
    return printed([&](std::FILE* out) {
      return write_objects(out, format, objects, {"name", "rows"});
    });
  };
  EXPECT_EQ(as(Format::JsonLines),
            "{\"name\":\"a\\\"b\",\"rows\":3}\n"
            "{\"name\":\"c,d\",\"rows\":null}\n");
  EXPECT_EQ(as(Format::Json),
            "[\n{\"name\":\"a\\\"b\",\"rows\":3},\n"
            "{\"name\":\"c,d\",\"rows\":null}\n]\n");
  EXPECT_EQ(as(Format::Csv), "name,rows\n\"a\"\"b\",3\n\"c,d\",\n");
  EXPECT_NE(as(Format::Table).find("│ c,d  │ NULL │"), std::string::npos);
}

TEST(Objects, TextThatIsNotUtf8IsReplaced) { EXPECT_EQ(json_text("a\xff"), "\"a\xEF\xBF\xBD\""); }

TEST(Format, ByTerminalUnlessSaid) {
  EXPECT_EQ(parse_format("", true), Format::Table);
  EXPECT_EQ(parse_format("", false), Format::JsonLines);
  EXPECT_EQ(parse_format("csv", true), Format::Csv);
}

TEST(Output, AFullDiskIsAnError) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  auto result = write_objects(full, Format::JsonLines, {{{"a", "1"}}}, {"a"});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::Unavailable);
  EXPECT_EQ(result.error().message, "the output could not be written: No space left on device");
  RowWriter writer(full, Format::Arrow, schema());
  auto written = writer.write(*batch());
  if (written) written = writer.finish();
  ASSERT_FALSE(written.has_value());
  EXPECT_NE(written.error().message.find("the output could not be written: "), std::string::npos);
  std::fclose(full);
}

}  // namespace

}  // namespace ticklake::app
