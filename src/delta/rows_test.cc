#include <arrow/io/memory.h>
#include <arrow/scalar.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include "delta/paths.h"
#include "delta/statistics.h"
#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

constexpr const char* kAllTypes =
    "b BOOLEAN, y TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, m DECIMAL(38,9), "
    "n DECIMAL(9,2), t STRING, x BINARY, day DATE, at TIMESTAMP, wall TIMESTAMP_NTZ, "
    "st STRUCT<p: INT, q: STRING>, ar ARRAY<DOUBLE>, ma MAP<STRING, BIGINT>, part STRING";

constexpr const char* kAllRows = R"([
  {"b":true,"y":-128,"s":-32768,"i":-2147483648,"l":-9223372036854775808,"f":1.5,"d":-0.25,
   "m":"12345678901234567890123456789.123456789","n":"-1234567.89","t":"Zürich","x":"ab",
   "day":-1,"at":-1,"wall":1700000000123456,"st":{"p":1,"q":null},"ar":[1.0,null],
   "ma":[["k",1],["l",null]],"part":"a/b: c%"},
  {"b":false,"y":127,"s":32767,"i":2147483647,"l":9223372036854775807,"f":-2.5,"d":1e300,
   "m":"-0.000000001","n":"0.10","t":"","x":"","day":20000,"at":1700000000123456,"wall":0,
   "st":null,"ar":[],"ma":[],"part":"é"},
  {"b":null,"y":null,"s":null,"i":null,"l":null,"f":null,"d":null,"m":null,"n":null,"t":null,
   "x":null,"day":null,"at":null,"wall":null,"st":null,"ar":null,"ma":null,"part":null}
])";

std::string value_at(const arrow::Table& table, const std::string& column, int64_t row) {
  auto scalar = table.GetColumnByName(column)->GetScalar(row);
  return (*scalar)->ToString();
}

std::string row_text(const arrow::RecordBatch& batch, int64_t row) {
  std::string out;
  for (int i = 0; i < batch.num_columns(); ++i) {
    out += batch.column_name(i) + "=" + (*batch.column(i)->GetScalar(row))->ToString() + "\n";
  }
  return out;
}

TEST(Rows, OfAllTypesComeBackAsTheyWere) {
  TestTable t;
  Schema schema = ddl(kAllTypes);
  Snapshot made = ok(t.make(schema, {"part"}));
  EXPECT_EQ(made.protocol().min_reader, 3);
  EXPECT_EQ(made.protocol().reader_features, std::vector<std::string>{"timestampNtz"});
  BatchPtr batch = rows(schema, kAllRows);
  Snapshot one = ok(t.insert(made, {batch}));
  ASSERT_EQ(one.file_count(), 3);
  std::vector<std::string> expected;
  std::vector<std::string> found;
  for (int64_t i = 0; i < 3; ++i) {
    expected.push_back(row_text(*batch, i));
    auto reader = ok(read(t.files, one, one.files()[static_cast<size_t>(i)]));
    found.push_back(row_text(*(*reader->ToRecordBatches())[0], 0));
  }
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
}

TEST(Rows, AreWrittenAsThePropertiesOfParquetSay) {
  Schema schema = ddl("id BIGINT, name STRING");
  std::string json = "[";
  for (int i = 0; i < 300; ++i) json += (i ? ",[" : "[") + std::to_string(i) + R"(,"x"])";
  BatchPtr batch = rows(schema, json + "]");
  struct Case {
    std::string codec, version, suffix;
    parquet::Compression::type compression;
    bool deltas;
  };
  using parquet::Compression;
  for (const Case& c : {Case{"", "", ".zstd.parquet", Compression::ZSTD, true},
                        Case{"Snappy", "1.0.0", ".snappy.parquet", Compression::SNAPPY, false},
                        Case{"GZIP", "2.12.0", ".gz.parquet", Compression::GZIP, true},
                        Case{"none", "", "c000.parquet", Compression::UNCOMPRESSED, true}}) {
    SCOPED_TRACE(c.codec + " " + c.version);
    TestTable t;
    std::map<std::string, std::string> properties;
    if (!c.codec.empty()) properties["delta.parquet.compression.codec"] = c.codec;
    if (!c.version.empty()) properties["delta.parquet.format.version"] = c.version;
    Snapshot one = ok(t.insert(ok(t.make(schema, {}, properties)), {batch}));
    AddFile file = one.files()[0];
    EXPECT_TRUE(file.path.ends_with(c.suffix)) << file.path;
    auto reader = parquet::ParquetFileReader::Open(ok(t.files.open(t.root + "/" + file.path)));
    auto group = reader->metadata()->RowGroup(0);
    auto ids = group->ColumnChunk(0);
    EXPECT_EQ(ids->compression(), c.compression);
    const auto& encodings = ids->encodings();
    bool deltas = std::find(encodings.begin(), encodings.end(),
                            parquet::Encoding::DELTA_BINARY_PACKED) != encodings.end();
    EXPECT_EQ(deltas, c.deltas);
    auto back = ok(read(t.files, one, file))->ToTable().ValueOrDie();
    EXPECT_EQ(value_at(*back, "id", 299), "299");
  }
  TestTable t;
  EXPECT_ERROR(t.make(schema, {}, {{"delta.parquet.compression.codec", "lzo"}}), Code::Invalid,
               "expected zstd, snappy, gzip or uncompressed");
  EXPECT_ERROR(t.make(schema, {}, {{"delta.parquet.format.version", "2"}}), Code::Invalid,
               "expected 1.0.0 or 2.12.0");
}

TEST(Rows, ThatDoNotFitTheTableAreRefusedWithTheColumn) {
  TestTable t;
  Snapshot made = ok(t.make(ddl("a INT NOT NULL, b STRING, c ARRAY<STRUCT<d: INT>>")));
  auto attempt = [&](const std::string& columns, const std::string& json) {
    return write(t.files, t.clock, made, {rows(ddl(columns), json)});
  };
  EXPECT_ERROR(attempt("a BIGINT, b STRING, c ARRAY<STRUCT<d: INT>>", "[]"), Code::Invalid,
               "column `a` of the table is INT, the rows have BIGINT");
  EXPECT_ERROR(attempt("a INT, c ARRAY<STRUCT<d: INT>>", "[]"), Code::Invalid,
               "column `b` of the table (STRING) is missing");
  EXPECT_ERROR(attempt("a INT, b STRING, c ARRAY<STRUCT<d: INT>>, e INT", "[]"), Code::Invalid,
               "column `e` of the rows (INT) is not in the table");
  EXPECT_ERROR(attempt("a INT, b STRING, c ARRAY<STRUCT<d: BIGINT>>", "[]"), Code::Invalid,
               "column `c`");
  std::string columns = "a INT, b STRING, c ARRAY<STRUCT<d: INT>>";
  std::string good = R"([{"a":1,"b":"x","c":[]},{"a":2,"b":"y","c":null}])";
  EXPECT_ERROR(write(t.files, t.clock, made,
                     {rows(ddl(columns), good), rows(ddl(columns), R"([{"a":1,"b":"x","c":[]},
                     {"a":null,"b":"x","c":[]}])")}),
               Code::Invalid, "column `a` is NOT NULL, but row 3 has NULL");
  EXPECT_EQ(ok(attempt(columns, "[]")).size(), 0u);
  EXPECT_EQ(ok(attempt("C ARRAY<STRUCT<d: INT>>, B STRING, A INT", R"([{"C":null,"B":"","A":1}])"))
                .size(),
            1u);
}

TEST(Rows, NeedColumnsThatCanBeStored) {
  TestTable t;
  EXPECT_ERROR(t.make(Schema{{Field{"s", Type::structure({})}}}), Code::Unsupported,
               "column `s` is a STRUCT without fields");
}

TEST(Rows, NullsInsideNestedColumnsAreRefusedWhereForbidden) {
  TestTable t;
  Schema strict{{Field{"l", Type::array(Kind::Integer, false)},
                 Field{"s", Type::structure({Field{"x", Kind::Integer, false}})}}};
  Schema loose = ddl("l ARRAY<INT>, s STRUCT<x: INT>");
  Snapshot made = ok(t.make(strict));
  auto attempt = [&](const std::string& json) {
    return write(t.files, t.clock, made, {rows(loose, json)});
  };
  EXPECT_ERROR(attempt(R"([{"l":[1],"s":{"x":1}},{"l":[2,null],"s":null}])"), Code::Invalid,
               "`l.element` is NOT NULL, but row 1");
  EXPECT_ERROR(attempt(R"([{"l":null,"s":null},{"l":null,"s":{"x":null}}])"), Code::Invalid,
               "`s.x` is NOT NULL, but row 1");
  EXPECT_EQ(ok(t.insert(made, {rows(loose, R"([{"l":[1,2],"s":{"x":3}},{"l":null,"s":null}])")}))
                .file_count(),
            1);
}

TEST(Rows, ManyPartitionsGetOneFileEachInTheirOrder) {
  TestTable t;
  Schema schema = ddl("a INT, p INT, q STRING");
  Snapshot made = ok(t.make(schema, {"q", "p"}));
  std::string json = "[";
  for (int i = 0; i < 3000; ++i) {
    json += fmt::format(R"({}{{"a":{},"p":{},"q":"{}"}})", i ? "," : "", i, i % 50, i % 3);
  }
  BatchPtr batch = rows(schema, json + "]");
  Snapshot one = ok(t.insert(made, {batch->Slice(0, 1000), batch->Slice(1000)}));
  EXPECT_EQ(one.file_count(), 150);
  for (const AddFile& file : one.files()) {
    auto table = ok(read(t.files, one, file))->ToTable().ValueOrDie()->CombineChunks().ValueOrDie();
    ASSERT_EQ(table->num_rows(), 20);
    int64_t first = std::stoll(value_at(*table, "a", 0));
    EXPECT_EQ(value_at(*table, "a", 19), std::to_string(first + 19 * 150));
    EXPECT_EQ(value_at(*table, "p", 3), *file.partition_values.at("p"));
  }
}

TEST(Rows, RollFilesAtTheirTargetSize) {
  TestTable t;
  Schema schema = ddl("a STRING");
  Snapshot made = ok(t.make(schema));
  std::string json = "[";
  for (int i = 0; i < 20000; ++i) {
    json += fmt::format(R"({}{{"a":"{:016x}"}})", i ? "," : "",
                        static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ULL);
  }
  WriteOptions options;
  options.target_file_bytes = 32 << 10;
  Snapshot one = ok(t.insert(made, {rows(schema, json + "]")}, options));
  EXPECT_GT(one.file_count(), 4);
  EXPECT_LT(one.file_count(), 30);
  int64_t count = 0;
  for (const AddFile& file : one.files()) count += *file.records();
  EXPECT_EQ(count, 20000);
}

// A Parquet file by another writer: columns in another order and of other types, more of them,
// fewer of them.
std::string foreign_file(const std::shared_ptr<arrow::Table>& table, bool int96) {
  auto out = arrow::io::BufferOutputStream::Create().ValueOrDie();
  parquet::ArrowWriterProperties::Builder builder;
  if (int96) builder.enable_deprecated_int96_timestamps();
  EXPECT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), out, 7,
                                         parquet::default_writer_properties(), builder.build())
                  .ok());
  return out->Finish().ValueOrDie()->ToString();
}

TEST(Rows, OfOtherWritersAreTakenByNameAndWidened) {
  TestTable t;
  Snapshot made = ok(t.make(ddl("big BIGINT, at TIMESTAMP, gone STRING, text STRING, m "
                                "DECIMAL(20,4), st STRUCT<a: BIGINT, b: STRING>, p TIMESTAMP"),
                            {"p"}));
  using arrow::json::ArrayFromJSONString;
  auto dictionary = arrow::dictionary(arrow::int32(), arrow::utf8());
  auto nanos = arrow::timestamp(arrow::TimeUnit::NANO);
  auto inner =
      arrow::struct_({arrow::field("x", arrow::int8()), arrow::field("a", arrow::int32())});
  auto array = [](const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
    return ArrayFromJSONString(type, json).ValueOrDie();
  };
  auto table = arrow::Table::Make(
      arrow::schema({arrow::field("__is_cdc", arrow::utf8()), arrow::field("text", arrow::utf8()),
                     arrow::field("at", nanos), arrow::field("big", arrow::int32()),
                     arrow::field("m", arrow::decimal128(10, 2)), arrow::field("st", inner),
                     arrow::field("p", arrow::utf8())}),
      {array(arrow::utf8(), R"(["x","y"])"), array(arrow::utf8(), R"(["one","two"])"),
       array(nanos, "[1700000000123456789, -62135596800000000]"), array(arrow::int32(), "[-5,7]"),
       array(arrow::decimal128(10, 2), R"(["1.25","-2.50"])"),
       array(inner, R"([{"x":1,"a":9},null])"), array(arrow::utf8(), R"(["wrong","wrong"])")});
  for (bool int96 : {false, true}) {
    std::string bytes = foreign_file(table, int96);
    ASSERT_OK(t.files.put("/t/p=10:00 x/f.parquet", bytes));
    AddFile file = TestTable::file("p=10:00 x/f.parquet");
    file.size = static_cast<int64_t>(bytes.size());
    file.partition_values["p"] = "2026-01-05 14:30:00.5";
    auto found = ok(read(t.files, made, file))->ToTable().ValueOrDie()->CombineChunks();
    const arrow::Table& rows_read = **found;
    EXPECT_EQ(value_at(rows_read, "big", 0), "-5");
    EXPECT_EQ(value_at(rows_read, "at", 0).substr(0, 26), "2023-11-14 22:13:20.123456");
    EXPECT_EQ(value_at(rows_read, "gone", 1), "null");
    EXPECT_EQ(value_at(rows_read, "text", 1), "two");
    EXPECT_EQ(value_at(rows_read, "m", 1), "-2.5000");
    EXPECT_EQ(value_at(rows_read, "st", 0), "{a:int64 = 9, b:string = null}");
    EXPECT_EQ(value_at(rows_read, "st", 1), "null");
    EXPECT_EQ(value_at(rows_read, "p", 1).substr(0, 21), "2026-01-05 14:30:00.5");
    auto count = ok(read(t.files, made, file, {"gone", "p"}))->ToTable().ValueOrDie();
    EXPECT_EQ(count->num_rows(), 2);
    EXPECT_EQ(count->schema()->field(0)->name(), "gone");
    ASSERT_OK(t.files.put("/t/p=10:00 x/f.parquet", bytes.substr(0, bytes.size() - 20)));
    EXPECT_ERROR(read(t.files, made, file), Code::Corrupt,
                 "f.parquet: the file is damaged: it is cut off: ");
    std::string torn = bytes;
    torn.replace(torn.size() - 40, 20, std::string(20, '\xff'));
    ASSERT_OK(t.files.put("/t/p=10:00 x/f.parquet", torn));
    EXPECT_ERROR(read(t.files, made, file), Code::Corrupt, "f.parquet");
    file.path = "other.parquet";
    EXPECT_ERROR(read(t.files, made, file), Code::NotFound, "other.parquet");
  }
}

TEST(Rows, OfAnotherTypeThanTheTableAreRefused) {
  struct Case {
    const char* type;
    const char* words;
  };
  for (const Case& one : {Case{"BIGINT", "the file has bool where the table has BIGINT"},
                          Case{"STRUCT<a: INT>", "the file has bool where the table has STRUCT<"},
                          Case{"ARRAY<INT>", "the file has bool where the table has ARRAY<INT>"},
                          Case{"MAP<STRING, INT>", "the file has bool where the table has MAP<"}}) {
    TestTable t;
    Snapshot made = ok(t.make(ddl(std::string("v ") + one.type)));
    auto column = arrow::json::ArrayFromJSONString(arrow::boolean(), "[true]").ValueOrDie();
    auto schema = arrow::schema({arrow::field("v", arrow::boolean())});
    std::string bytes = foreign_file(arrow::Table::Make(schema, {column}), false);
    ASSERT_OK(t.files.put("/t/f.parquet", bytes));
    AddFile file = TestTable::file("f.parquet");
    file.size = static_cast<int64_t>(bytes.size());
    auto found = ok(read(t.files, made, file))->ToTable();
    ASSERT_FALSE(found.ok()) << one.type;
    EXPECT_NE(found.status().ToString().find(one.words), std::string::npos)
        << found.status().ToString();
  }
}

TEST(Rows, StreamInBatchesOfBoundedSize) {
  TestTable t;
  Schema schema = ddl("a INT");
  Snapshot made = ok(t.make(schema));
  std::string json = "[";
  for (int i = 0; i < 150000; ++i) json += (i ? ",[" : "[") + std::to_string(i) + "]";
  Snapshot one = ok(t.insert(made, {rows(schema, json + "]")}));
  auto reader = ok(read(t.files, one, one.files()[0]));
  int64_t count = 0;
  BatchPtr batch;
  while (reader->ReadNext(&batch).ok() && batch) {
    EXPECT_LE(batch->num_rows(), 65536);
    count += batch->num_rows();
  }
  EXPECT_EQ(count, 150000);
}

TEST(Paths, AreEncodedOnceAndDecodedOnce) {
  EXPECT_EQ(uri_encoded("p=a%3Ab/ü x.parquet"), "p=a%253Ab/%C3%BC%20x.parquet");
  EXPECT_EQ(uri_decoded("p=a%253Ab/%C3%BC%20x.parquet"), "p=a%3Ab/ü x.parquet");
  EXPECT_EQ(uri_decoded("10:00%zz%4"), "10:00%zz%4");
  EXPECT_EQ(file_location("/t", "p=10:00/f"), "/t/p=10:00/f");
  EXPECT_EQ(file_location("/t", "file:///x/f"), "/x/f");
  EXPECT_EQ(file_location("/t", "/x/f"), "/x/f");
  EXPECT_EQ(file_location("/t", "s3://b/f"), "s3://b/f");
  std::string directory = partition_directory({"p", "q"}, {{"p", "a/b:"}, {"q", std::nullopt}});
  EXPECT_EQ(directory, "p=a%2Fb%3A/q=__HIVE_DEFAULT_PARTITION__/");
  EXPECT_LT(partition_directory({"p"}, {{"p", std::string(900, 'x')}}).size(), 250u);
}

}  // namespace
}  // namespace ticklake::delta
