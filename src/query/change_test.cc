#include <arrow/array.h>
#include <arrow/scalar.h>

#include <algorithm>

#include "io/clock.h"
#include "query/fixture.h"

namespace ticklake::query {
namespace {

using Lines = std::vector<std::string>;

// Tables in memory, changed with SQL: t, and s for what is merged into it.
struct ChangeTest : ::testing::Test {
  io::MemoryFiles files;
  io::ManualClock clock{1'700'000'000'000'000};

  delta::Snapshot table(const std::string& name, const Schema& schema,
                        std::map<std::string, std::string> configuration = {},
                        std::vector<std::string> partitions = {}) {
    delta::Metadata metadata;
    metadata.schema = schema;
    metadata.partition_columns = std::move(partitions);
    metadata.configuration = std::move(configuration);
    auto made = delta::create(files, clock, "/" + name, std::move(metadata));
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }

  // One file of rows, given by columns.
  void append(const std::string& name, const std::vector<std::string>& columns) {
    auto snapshot = *delta::open(files, "/" + name);
    delta::WriteOptions how;
    how.check = *constraint_check(snapshot, 0);
    auto added = delta::write(files, clock, snapshot, {batch_of(snapshot.schema(), columns)}, how);
    ASSERT_TRUE(added) << added.error().message;
    auto done = delta::commit(files, clock, snapshot, {.operation = "WRITE", .adds = *added});
    ASSERT_TRUE(done) << done.error().message;
  }

  void forget() {
    auto all = *files.list_all("/");
    for (const auto& file : all) EXPECT_TRUE(files.remove(file.path));
  }

  sql::Catalog catalog() {
    sql::Catalog out;
    out.find = [this](const std::vector<std::string>& name) -> std::optional<sql::Relation> {
      auto snapshot = delta::open(files, "/" + name.back());
      if (!snapshot) return {};
      return sql::Relation{name.back(), snapshot->schema(), nullptr};
    };
    return out;
  }

  ChangeOptions options() {
    ChangeOptions out;
    out.open = [this](const sql::PlanInput& input) -> Result<Input> {
      return snapshot_input(files, TRY(delta::open(files, "/" + input.table)), {});
    };
    return out;
  }

  Result<Changed> run(const std::string& text, std::optional<delta::Snapshot> snapshot = {}) {
    auto statements = TRY(sql::parse(text, "q"));
    sql::Catalog known = catalog();
    auto plan = TRY(sql::analyze_change(statements.at(0), known, {.file = "q"}));
    if (!snapshot) snapshot = TRY(delta::open(files, "/" + plan.target));
    return change(files, clock, *snapshot, plan, options());
  }

  std::string error_of(const std::string& text) {
    auto done = run(text);
    EXPECT_FALSE(done) << text;
    return done ? "" : done.error().message;
  }

  // The table's rows, "1 a", sorted.
  Lines rows(const std::string& name = "t") {
    auto snapshot = *delta::open(files, "/" + name);
    Lines out;
    for (const auto& file : snapshot.files()) {
      auto reader = *delta::read(files, snapshot, file);
      while (auto batch = reader->Next().ValueOrDie()) {
        for (int64_t i = 0; i < batch->num_rows(); ++i) {
          std::string line;
          for (const auto& column : batch->columns()) {
            line += (line.empty() ? "" : " ") + column->GetScalar(i).ValueOrDie()->ToString();
          }
          out.push_back(line);
        }
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  Lines after(const std::string& text, const std::string& name = "t") {
    auto done = run(text);
    EXPECT_TRUE(done) << text << ": " << done.error().message;
    return rows(name);
  }

  std::string newest_metric(const std::string& name) {
    auto commits = *delta::history(files, "/t", 1);
    return commits[0].operation + " " + commits[0].metrics[name];
  }

  // t: 1 a, 2 b, 3 NULL in a file and 4 d, 5 e in another.
  void small(std::map<std::string, std::string> configuration = {}) {
    table("t", schema_of("id INT, v STRING"), std::move(configuration));
    append("t", {"[1, 2, 3]", R"(["a", "b", null])"});
    append("t", {"[4, 5]", R"(["d", "e"])"});
  }
  // s: the given rows.
  void source(const std::vector<std::string>& columns) {
    table("s", schema_of("id INT, v STRING"));
    append("s", columns);
  }
};

TEST_F(ChangeTest, DeleteTakesWhatIsTrueAndNothingElse) {
  small();
  EXPECT_EQ(after("DELETE FROM t WHERE v > 'a'"), (Lines{"1 a", "3 null"}));
  EXPECT_EQ(newest_metric("numDeletedRows"), "DELETE 3");
  EXPECT_EQ(after("DELETE FROM t WHERE NOT (v = 'a')"), (Lines{"1 a", "3 null"}));
  EXPECT_EQ(delta::open(files, "/t")->version(), Version(3));  // no row, no commit
  EXPECT_EQ(after("DELETE FROM t AS x WHERE x.v IS NULL"), (Lines{"1 a"}));
  EXPECT_EQ(after("DELETE FROM t"), Lines{});
}

TEST_F(ChangeTest, FilesThatCannotMatchAreNotRead) {
  table("t", schema_of("id INT, p STRING"), {}, {"p"});
  append("t", {"[1, 2]", R"(["x", "y"])"});
  append("t", {"[10, 20]", R"(["x", "y"])"});
  auto snapshot = *delta::open(files, "/t");
  for (const auto& file : snapshot.files()) {  // all of them unreadable
    ASSERT_TRUE(files.put("/t/" + file.path, std::string(static_cast<size_t>(file.size), 'x')));
  }
  EXPECT_TRUE(run("DELETE FROM t WHERE p = 'x'"));         // whole partitions
  EXPECT_TRUE(run("DELETE FROM t WHERE id >= 20"));        // a whole file by its statistics
  EXPECT_TRUE(run("UPDATE t SET id = 0 WHERE id > 100"));  // none
  EXPECT_EQ(delta::open(files, "/t")->file_count(), 1);
  EXPECT_FALSE(run("DELETE FROM t WHERE id % 2 = 0"));
  EXPECT_TRUE(run("DELETE FROM t"));
  EXPECT_EQ(delta::open(files, "/t")->file_count(), 0);
}

TEST_F(ChangeTest, UpdateSeesTheOldRow) {
  for (const char* vectors : {"false", "true"}) {
    small({{"delta.enableDeletionVectors", vectors}});
    EXPECT_EQ(after("UPDATE t SET id = id + 10, v = concat(v, id) WHERE id <> 2"),
              (Lines{"11 a1", "13 null", "14 d4", "15 e5", "2 b"}));
    EXPECT_EQ(newest_metric("numUpdatedRows"), "UPDATE 4");
    EXPECT_EQ(after("UPDATE t SET v = DEFAULT"),
              (Lines{"11 null", "13 null", "14 null", "15 null", "2 null"}));
    forget();
  }
}

TEST_F(ChangeTest, ConditionsMayAskOtherTables) {
  small();
  source({"[2, 4]", R"(["x", "y"])"});
  EXPECT_EQ(after("DELETE FROM t WHERE id IN (SELECT id FROM s)"), (Lines{"1 a", "3 null", "5 e"}));
  EXPECT_EQ(after("DELETE FROM t WHERE id = (SELECT max(id) FROM t)"), (Lines{"1 a", "3 null"}));
}

TEST_F(ChangeTest, RefusalsSayWhatToDo) {
  small();
  EXPECT_EQ(error_of("UPDATE t SET w = 1"), "q:1:14: there is no column w in t; did you mean v?");
  EXPECT_EQ(error_of("UPDATE t SET id = v"),
            "q:1:19: column id is INT and the value STRING; write CAST(.. AS INT)");
  EXPECT_EQ(error_of("UPDATE t SET id = 1, ID = 2"),
            "q:1:22: found the column ID twice in SET; set it once");
  EXPECT_EQ(error_of("DELETE FROM u"), "q:1:13: unknown table u");
  EXPECT_EQ(error_of("UPDATE t SET id = 3000000000 WHERE id = 1"),
            "[CAST_OVERFLOW] Type BIGINT with value 3000000000 can't be cast because the value is "
            "out of range for the destination type INT; use try_cast to get NULL instead");
}

TEST_F(ChangeTest, MergeUpdatesDeletesAndInserts) {
  for (const char* vectors : {"false", "true"}) {
    small({{"delta.enableDeletionVectors", vectors}});
    source({"[1, 2, 5, 8]", R"(["A", "B", "E", "H"])"});
    EXPECT_EQ(after("MERGE INTO t USING s ON t.id = s.id "
                    "WHEN MATCHED AND s.v = 'B' THEN DELETE "
                    "WHEN MATCHED AND t.id < 5 THEN UPDATE SET v = concat(t.v, s.v) "
                    "WHEN NOT MATCHED THEN INSERT *"),
              (Lines{"1 aA", "3 null", "4 d", "5 e", "8 H"}));
    EXPECT_EQ(newest_metric("numTargetRowsInserted"), "MERGE 1");
    EXPECT_EQ(newest_metric("numTargetRowsDeleted"), "MERGE 1");
    EXPECT_EQ(newest_metric("numTargetRowsUpdated"), "MERGE 1");
    EXPECT_EQ(
        after("MERGE INTO t USING (SELECT id, v FROM s WHERE id < 6) AS x ON t.id = x.id "
              "WHEN MATCHED THEN UPDATE SET * "
              "WHEN NOT MATCHED BY TARGET AND x.id = 2 THEN INSERT (v, id) VALUES ('new', x.id) "
              "WHEN NOT MATCHED BY SOURCE AND t.id = 8 THEN DELETE "
              "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'alone'"),
        (Lines{"1 A", "2 new", "3 alone", "4 alone", "5 E"}));
    forget();
  }
}

TEST_F(ChangeTest, SeveralSourceRowsForOneRowAreAnError) {
  small();
  source({"[1, 1]", R"(["x", "y"])"});
  const std::string merge = "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED ";
  EXPECT_NE(error_of(merge + "THEN UPDATE SET v = s.v").find("several rows"), std::string::npos);
  EXPECT_NE(error_of(merge + "AND s.v < 'z' THEN DELETE").find("several rows"), std::string::npos);
  EXPECT_NE(error_of(merge + "AND s.v = 'x' THEN UPDATE SET v = s.v").find("several rows"),
            std::string::npos);
  EXPECT_EQ(after("MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *").size(), 5u);
  EXPECT_EQ(after(merge + "THEN DELETE"), (Lines{"2 b", "3 null", "4 d", "5 e"}));
  EXPECT_EQ(newest_metric("numTargetRowsDeleted"), "MERGE 1");
}

TEST_F(ChangeTest, NullKeysMatchNothing) {
  table("t", schema_of("id INT, v STRING"));
  append("t", {"[null, 1]", R"(["a", "b"])"});
  source({"[null]", R"(["x"])"});
  EXPECT_EQ(after("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE "
                  "WHEN NOT MATCHED THEN INSERT *"),
            (Lines{"1 b", "null a", "null x"}));
  EXPECT_EQ(after("MERGE INTO t USING s ON t.id <=> s.id WHEN MATCHED THEN DELETE"),
            (Lines{"1 b"}));
}

TEST_F(ChangeTest, MergeReadsOnlyFilesInTheRangeOfTheKeys) {
  small();
  source({"[4, 9]", R"(["D", "I"])"});
  auto snapshot = *delta::open(files, "/t");
  for (const auto& file : snapshot.files()) {
    bool first = delta::may_match(snapshot, file, {{"id", delta::Condition::Op::Less, "4"}});
    if (!first) continue;
    ASSERT_TRUE(files.put("/t/" + file.path, std::string(5000, 'x')));
  }
  auto done =
      run("MERGE INTO t USING s ON s.id = t.id WHEN MATCHED THEN UPDATE SET v = s.v "
          "WHEN NOT MATCHED THEN INSERT *");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->counts.updated, 1);
  EXPECT_EQ(done->counts.inserted, 1);
}

TEST_F(ChangeTest, ASourceTooLargeIsRefusedWithTheRemedy) {
  small();
  source({"[1]", R"(["a"])"});
  auto statements = *sql::parse(
      "MERGE INTO t USING (SELECT * FROM range(1000000)) AS r ON t.id = r.id "
      "WHEN MATCHED THEN DELETE",
      "q");
  sql::Catalog known = catalog();
  auto plan = sql::analyze_change(statements[0], known, {.file = "q"});
  ASSERT_TRUE(plan) << plan.error().message;
  ChangeOptions how = options();
  how.source_bytes_max = 1 << 20;
  auto done = change(files, clock, *delta::open(files, "/t"), *plan, how);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("merge it in parts"), std::string::npos);
}

TEST_F(ChangeTest, ConstraintsHoldForWhatIsWritten) {
  table("t", schema_of("id INT, v STRING"),
        {{"delta.constraints.positive", "id > 0"}, {"delta.constraints.short", "length(v) < 3"}});
  append("t", {"[1, 2, 3, 4, 5]", R"(["a", "b", "c", "d", "e"])"});
  auto wrong = error_of("UPDATE t SET id = id - 4");
  EXPECT_NE(wrong.find("breaks the constraint `positive`: id > 0"), std::string::npos) << wrong;
  EXPECT_NE(error_of("UPDATE t SET v = NULL").find("`short`"), std::string::npos);
  EXPECT_EQ(after("UPDATE t SET v = 'ok' WHERE id > 4").size(), 5u);
}

TEST_F(ChangeTest, InsertStoresAsItIsTold) {
  small();
  EXPECT_EQ(after("INSERT INTO t SELECT 6, 'f'").size(), 6u);
  EXPECT_EQ(newest_metric("numOutputRows"), "WRITE 1");
  EXPECT_EQ(after("INSERT OVERWRITE t BY NAME SELECT 'x' AS v, id FROM t WHERE id > 4"),
            (Lines{"5 x", "6 x"}));
  EXPECT_EQ(after("INSERT INTO t (v) VALUES ('y'), (NULL)"),
            (Lines{"5 x", "6 x", "null null", "null y"}));
  EXPECT_EQ(after("INSERT INTO t REPLACE WHERE id >= 6 VALUES (8, 'z')"),
            (Lines{"5 x", "8 z", "null null", "null y"}));
  EXPECT_NE(error_of("INSERT INTO t REPLACE WHERE id >= 6 VALUES (NULL, 'z')")
                .find("does not meet the condition of `REPLACE WHERE`: id >= 6"),
            std::string::npos);
  EXPECT_EQ(after("INSERT OVERWRITE t SELECT * FROM t WHERE false"), Lines{});
}

TEST_F(ChangeTest, PartitionsAreReplacedWhole) {
  table("t", schema_of("id INT, p INT, q STRING"), {}, {"p", "q"});
  append("t", {"[1, 2, 3, 4]", "[1, 1, 2, null]", R"(["a", "b", "a", null])"});
  const std::string dynamic = "INSERT OVERWRITE t WITH ('partitionOverwriteMode' = 'dynamic') ";
  // Of the pairs (1, a) and (2, b) the first is there: neither (1, b) nor (2, a) goes.
  EXPECT_EQ(after(dynamic + "VALUES (5, 1, 'a'), (6, 2, 'b')"),
            (Lines{"2 1 b", "3 2 a", "4 null null", "5 1 a", "6 2 b"}));
  EXPECT_EQ(after(dynamic + "VALUES (7, NULL, NULL)"),
            (Lines{"2 1 b", "3 2 a", "5 1 a", "6 2 b", "7 null null"}));
  EXPECT_EQ(after("INSERT OVERWRITE t PARTITION (p = 1) SELECT 8, 'z'"),
            (Lines{"3 2 a", "6 2 b", "7 null null", "8 1 z"}));
  EXPECT_EQ(after("INSERT OVERWRITE t PARTITION (p = NULL, q) SELECT 9, 'z'"),
            (Lines{"3 2 a", "6 2 b", "8 1 z", "9 null z"}));
}

TEST_F(ChangeTest, OverwritingFollowsTheProtocolsRulesForConflicts) {
  struct Case {
    const char* isolation;
    const char* meanwhile;
    const char* text;
    bool conflicts;
  };
  const char* weak = "WriteSerializable";
  const char* strong = "Serializable";
  const char* all = "INSERT OVERWRITE t VALUES (9, 'z')";
  const char* some = "INSERT INTO t REPLACE WHERE id > 3 VALUES (9, 'z')";
  const char* plain = "INSERT INTO t VALUES (9, 'z')";
  const Case cases[] = {
      {weak, "INSERT INTO t VALUES (7, 'g')", all, false},
      {strong, "INSERT INTO t VALUES (7, 'g')", all, true},
      {weak, "UPDATE t SET v = 'x' WHERE id = 1", all, true},
      {weak, "UPDATE t SET v = 'x' WHERE id = 5", some, true},
      {weak, "DELETE FROM t WHERE id = 1", some, false},
      {strong, "INSERT INTO t VALUES (1, 'g')", some, false},
      {strong, "INSERT INTO t VALUES (7, 'g')", some, true},
      {strong, "INSERT OVERWRITE t VALUES (7, 'g')", plain, false},
  };
  for (const Case& one : cases) {
    forget();
    small({{"delta.isolationLevel", one.isolation}});
    auto before = *delta::open(files, "/t");
    ASSERT_TRUE(run(one.meanwhile));
    auto done = run(one.text, before);
    EXPECT_EQ(!done, one.conflicts) << one.isolation << ": " << one.meanwhile << "; " << one.text;
    if (!done) {
      EXPECT_EQ(done.error().code, Code::Conflict) << done.error().message;
    }
  }
}

TEST_F(ChangeTest, MergeGainsColumnsInItsOwnCommit) {
  small();
  table("s", schema_of("id INT, unit STRING"));
  append("s", {"[1, 7]", R"(["EUR", "USD"])"});
  const std::string rest = "INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT "
                           "MATCHED THEN INSERT *";
  EXPECT_NE(error_of("MERGE " + rest).find("* needs a column v"), std::string::npos);
  EXPECT_EQ(after("MERGE WITH SCHEMA EVOLUTION " + rest),
            (Lines{"1 a EUR", "2 b null", "3 null null", "4 d null", "5 e null", "7 null USD"}));
  EXPECT_EQ(delta::open(files, "/t")->version(), Version(3));
  EXPECT_EQ(to_ddl(delta::open_version(files, "/t", Version(2))->schema()), "id INT, v STRING");
}

TEST_F(ChangeTest, RowsAreReplacedByTheirKeysInOneCommit) {
  small();
  Schema schema = schema_of("id INT, v STRING");
  KeyedRows rows_by_key{.keys = {"id"},
                        .gone = {batch_of(schema, {"[2, 5, 7]", R"([null, null, null])"})},
                        .rows = {batch_of(schema, {"[2, 8]", R"(["B", "H"])"})}};
  auto done = replace_by_key(files, clock, *delta::open(files, "/t"), rows_by_key, options(),
                             {.txns = {{"flow", 7}}, .expected_txns = {{"flow", std::nullopt}}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(rows(), (Lines{"1 a", "2 B", "3 null", "4 d", "8 H"}));
  EXPECT_EQ(done->counts.deleted, 2);
  EXPECT_EQ(done->counts.inserted, 2);
  EXPECT_EQ(done->snapshot.txn("flow"), 7);
  EXPECT_EQ(newest_metric("numTargetRowsInserted"), "MERGE 2");
  // No rows: only the progress.
  done = replace_by_key(files, clock, done->snapshot, {.keys = {"id"}}, options(),
                        {.txns = {{"flow", 8}}, .expected_txns = {{"flow", 7}}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->snapshot.txn("flow"), 8);
  EXPECT_EQ(rows().size(), 5u);
  done = replace_by_key(files, clock, done->snapshot, rows_by_key, options(),
                        {.txns = {{"flow", 9}}, .expected_txns = {{"flow", 7}}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::Conflict);
  KeyedRows of_another_type{.keys = {"id"},
                            .gone = {batch_of(schema_of("id STRING"), {"[\"2\"]"})}};
  done = replace_by_key(files, clock, *delta::open(files, "/t"), of_another_type, options(), {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "the rows that go lack the key `id` as INT");
}

}  // namespace
}  // namespace ticklake::query
