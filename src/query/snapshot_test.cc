#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <mutex>

#include "query/fixture.h"

namespace ticklake::query {
namespace {

constexpr const char* kColumns = "symbol STRING, day DATE, price DOUBLE, at TIMESTAMP";

// A table partitioned by symbol: IBM in two files, prices 1..3 and 10..11, and AAPL in one.
class SnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = *Database::open({});
    delta::Metadata metadata;
    metadata.schema = schema_of(kColumns);
    metadata.partition_columns = {"symbol"};
    auto created = delta::create(files, clock, "table", metadata);
    ASSERT_TRUE(created) << created.error().message;
    snapshot = *created;
    append({R"(["IBM", "IBM", "IBM"])", "[1, 2, null]", "[1, 2, 3]", "[1, 2, 3]"});
    append({R"(["IBM", "AAPL", "IBM"])", "[3, 4, 5]", "[10, 20, 11]", "[4, 5, null]"});
    opened.clear();
  }

  void append(const std::vector<std::string>& columns) {
    auto adds = delta::write(files, clock, *snapshot, {batch_of(snapshot->schema(), columns)});
    ASSERT_TRUE(adds) << adds.error().message;
    auto next = delta::commit(files, clock, *snapshot, {.operation = "WRITE", .adds = *adds});
    ASSERT_TRUE(next) << next.error().message;
    snapshot = *next;
  }

  Result<Answer> run(const char* sql, const char* output,
                     std::vector<delta::Condition> conditions = {}) {
    Request request{.sql = sql, .output = schema_of(output), .payload_functions = {}};
    request.inputs.emplace("t", snapshot_input(files, *snapshot, std::move(conditions)));
    auto prepared = TRY(database->prepare(std::move(request)));
    return prepared->run({});
  }

  void expect(const Result<Answer>& answer, const char* schema,
              const std::vector<std::string>& columns) {
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->batches.size(), 1u);
    auto expected = batch_of(schema_of(schema), columns);
    EXPECT_TRUE(answer->batches[0]->Equals(*expected)) << answer->batches[0]->ToString();
  }

  std::mutex mutex;
  std::vector<std::string> opened;
  std::optional<Error> fault;
  io::MemoryFiles files{[this](std::string_view operation,
                               const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    if (operation != "open" || !path.ends_with(".parquet")) return std::nullopt;
    std::lock_guard lock(mutex);  // several of DuckDB's threads open files
    opened.push_back(path);
    if (!fault) return std::nullopt;
    return io::MemoryFiles::Fault{*fault};
  }};
  io::ManualClock clock{1767623400000000};
  std::optional<delta::Snapshot> snapshot;
  std::unique_ptr<Database> database;
};

TEST_F(SnapshotTest, AllRowsWithPartitionValues) {
  expect(run("SELECT * FROM ticklake_input('t') ORDER BY price", kColumns), kColumns,
         {R"(["IBM", "IBM", "IBM", "IBM", "IBM", "AAPL"])", "[1, 2, null, 3, 5, 4]",
          "[1, 2, 3, 10, 11, 20]", "[1, 2, 3, 4, null, 5]"});
  EXPECT_EQ(opened.size(), 3u);
}

TEST_F(SnapshotTest, FilesThatTheConditionsRuleOutAreNotOpened) {
  using Op = delta::Condition::Op;
  expect(run("SELECT sum(price) FROM ticklake_input('t') WHERE symbol = 'AAPL'", "s DOUBLE",
             {{"symbol", Op::Equal, "AAPL"}}),
         "s DOUBLE", {"[20]"});
  EXPECT_EQ(opened.size(), 1u);
  opened.clear();
  expect(run("SELECT sum(price) FROM ticklake_input('t') WHERE price < 5", "s DOUBLE",
             {{"price", Op::Less, "5"}}),
         "s DOUBLE", {"[6]"});
  EXPECT_EQ(opened.size(), 1u);
  opened.clear();
  expect(run("SELECT count(*) FROM ticklake_input('t') WHERE symbol = 'X'", "n BIGINT",
             {{"symbol", Op::Equal, "X"}}),
         "n BIGINT", {"[0]"});
  EXPECT_EQ(opened.size(), 0u);
}

TEST_F(SnapshotTest, TheSameStatementReadsTheSameSnapshotAgain) {
  Request request{.sql = "SELECT count(*) FROM ticklake_input('t')",
                  .output = schema_of("n BIGINT"),
                  .payload_functions = {}};
  request.inputs.emplace("t", snapshot_input(files, *snapshot, {}));
  auto prepared = database->prepare(std::move(request));
  ASSERT_TRUE(prepared) << prepared.error().message;
  expect((*prepared)->run({}), "n BIGINT", {"[6]"});
  append({R"(["NEW"])", "[1]", "[1]", "[1]"});
  expect((*prepared)->run({}), "n BIGINT", {"[6]"});
  expect(run("SELECT count(*) FROM ticklake_input('t')", "n BIGINT"), "n BIGINT", {"[7]"});
}

TEST_F(SnapshotTest, ErrorsOfFilesKeepTheirCode) {
  fault = Error{Code::Unavailable, "disk on fire"};
  auto answer = run("SELECT price FROM ticklake_input('t')", "price DOUBLE");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
  EXPECT_NE(answer.error().message.find("disk on fire"), std::string::npos)
      << answer.error().message;
  fault.reset();
  for (const auto& file : snapshot->files())
    ASSERT_TRUE(files.put("table/" + file.path, "not a Parquet file"));
  answer = run("SELECT price FROM ticklake_input('t')", "price DOUBLE");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Corrupt) << answer.error().message;
}

TEST_F(SnapshotTest, SeveralThreadsGiveTheSameAnswer) {
  database = *Database::open({.threads = 3});
  for (int i = 0; i < 10; ++i) append({R"(["IBM", "AAPL"])", "[1, 1]", "[1, 2]", "[1, 1]"});
  expect(run("SELECT symbol, count(*), sum(price) FROM ticklake_input('t') GROUP BY symbol ORDER "
             "BY symbol",
             "symbol STRING, n BIGINT, s DOUBLE"),
         "symbol STRING, n BIGINT, s DOUBLE", {R"(["AAPL", "IBM"])", "[11, 15]", "[40, 37]"});
}

}  // namespace
}  // namespace ticklake::query
