// STREAM read_files() in whole pipelines over files in memory: each row once, whatever fails.
#include <random>

#include "engine/test_support.h"

namespace ticklake::engine {
namespace {

const std::string kNumbers =
    "CREATE STREAMING TABLE numbers AS SELECT n FROM STREAM read_files('in', format => 'csv', "
    "schema => 'n INT'";

std::string numbers(const std::string& options = "") { return kNumbers + options + ");"; }

void put(Box& box, const std::string& name, const std::string& text) {
  ASSERT_TRUE(box.files.put(box.directory + "/in/" + name, text));
}

// Lines from..to.
std::string lines(int from, int to) {
  std::string out;
  for (int i = from; i <= to; ++i) out += std::to_string(i) + "\n";
  return out;
}

std::vector<std::string> rows(int from, int to) {
  std::vector<std::string> out;
  for (int i = from; i <= to; ++i) out.push_back("{\"n\":" + std::to_string(i) + "}");
  std::sort(out.begin(), out.end());
  return out;
}

TEST(FileFeed, ReadsEachFileOnceInBatchesThatEndWithinFiles) {
  for (bool reopen : {false, true}) {
    Box box(numbers(), "ticklake.maxRowsPerStep: '4'");
    put(box, "a.csv", lines(1, 11));
    put(box, "b.csv", lines(12, 13));
    box.run_once(reopen);
    ASSERT_EQ(box.problem, "");
    EXPECT_EQ(box.rows("numbers"), rows(1, 13));
    put(box, "0.csv", lines(14, 30));
    put(box, "empty.csv", "");
    box.run_once(reopen);
    ASSERT_EQ(box.problem, "");
    EXPECT_EQ(box.rows("numbers"), rows(1, 30));
    int64_t version = box.version("numbers");
    box.run_once(reopen);
    EXPECT_EQ(box.version("numbers"), version) << "nothing new, no commit";
  }
}

TEST(FileFeed, SurvivesFaultsAnywhere) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    Box box(numbers(), "ticklake.maxRowsPerStep: '5'");
    std::mt19937 random(seed);
    int next = 1;
    for (int round = 0; round < 6; ++round) {
      for (int i = 0; i < 3; ++i) {
        int size = static_cast<int>(random() % 9);
        put(box, std::to_string(round) + "-" + std::to_string(i), lines(next, next + size));
        next += size + 1;
      }
      box.fault = [&](std::string_view, const io::Path&) -> std::optional<io::MemoryFiles::Fault> {
        if (random() % 40 != 0) return {};
        return io::MemoryFiles::Fault{{Code::Unavailable, "the disk is away"}, random() % 2 == 0};
      };
      box.run_once(true);
      box.fault = {};
    }
    box.run_once(true);
    ASSERT_EQ(box.problem, "") << "seed " << seed;
    EXPECT_EQ(box.rows("numbers"), rows(1, next - 1)) << "seed " << seed;
  }
}

TEST(FileFeed, PassesExistingFilesWhereThatIsAsked) {
  Box box(numbers(", includeExistingFiles => false"));
  put(box, "old.csv", lines(1, 3));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  put(box, "new.csv", lines(4, 6));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("numbers"), rows(4, 6));
}

TEST(FileFeed, AFileIsItsPath) {
  Box box(numbers());
  put(box, "a.csv", lines(1, 3));
  box.run_once();
  put(box, "a.csv", lines(4, 6));
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("numbers"), rows(1, 3));
  ASSERT_TRUE(status_of(status, "numbers").file_lag);
  EXPECT_EQ(status_of(status, "numbers").file_lag->changed, 1);
  box.set_sql(numbers(", allowOverwrites => true"));
  for (int i = 0; i < 2; ++i) {
    box.run_once();
    ASSERT_EQ(box.problem, "");
    EXPECT_EQ(box.rows("numbers"), rows(1, 6));
  }
}

TEST(FileFeed, ReadsAFileThatGrewBeforeItsTurnAsItIsThen) {
  Box box(numbers(", maxFilesPerTrigger => 1"));
  put(box, "a.csv", lines(1, 2));
  put(box, "b.csv", lines(3, 4));
  auto pipeline = box.open({.once = true});
  ASSERT_TRUE(pipeline);
  ASSERT_TRUE((*pipeline)->step());  // lists both, reads the first
  put(box, "b.csv", lines(3, 9));
  *pipeline = nullptr;
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("numbers"), rows(1, 9));
}

TEST(FileFeed, ReadsAFileThatGrewOnceThoughTheCommitFails) {
  Box box(numbers(", maxFilesPerTrigger => 1"));
  put(box, "a.csv", lines(1, 2));
  put(box, "b.csv", lines(3, 4));
  auto pipeline = box.open({.once = true});
  ASSERT_TRUE(pipeline);
  ASSERT_TRUE((*pipeline)->step());
  *pipeline = nullptr;
  put(box, "b.csv", lines(3, 9));
  int failures = 3;
  box.fault = [&](std::string_view what,
                  const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    bool commit = what == "put_if_absent" && path.find("_delta_log") != std::string::npos;
    if (!commit || failures-- <= 0) return {};
    return io::MemoryFiles::Fault{{Code::Unavailable, "the disk is away"}};
  };
  for (int i = 0; i < 3; ++i) box.run_once(true);
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("numbers"), rows(1, 9));
}

TEST(FileFeed, RefusesAFileThatChangedWhileItWasRead) {
  Box box(numbers(), "ticklake.maxRowsPerStep: '4'");
  put(box, "a.csv", lines(1, 20));
  auto pipeline = box.open({.once = true});
  ASSERT_TRUE(pipeline);
  ASSERT_TRUE((*pipeline)->step());
  *pipeline = nullptr;
  put(box, "a.csv", lines(1, 25));
  box.run_once();
  EXPECT_NE(box.problem.find("in/a.csv, line "), std::string::npos) << box.problem;
  EXPECT_NE(box.problem.find("changed while it was being read"), std::string::npos);
}

TEST(FileFeed, NamesAFileThatIsGone) {
  for (bool pass : {false, true}) {
    Box box(numbers(pass ? ", maxFilesPerTrigger => 1, ignoreMissingFiles => true"
                         : ", maxFilesPerTrigger => 1"));
    put(box, "a.csv", lines(1, 2));
    put(box, "b.csv", lines(3, 4));
    auto pipeline = box.open({.once = true});
    ASSERT_TRUE(pipeline);
    ASSERT_TRUE((*pipeline)->step());
    *pipeline = nullptr;
    ASSERT_TRUE(box.files.remove(box.directory + "/in/b.csv"));
    box.run_once();
    EXPECT_EQ(box.problem.find("in/b.csv: the file was there") == std::string::npos, pass);
    EXPECT_EQ(box.rows("numbers"), rows(1, 2));
  }
}

TEST(FileFeed, TellsWhatWaits) {
  Box box(numbers(", maxFilesPerTrigger => 2"));
  for (int i = 0; i < 5; ++i) put(box, std::to_string(i), lines(i * 10, i * 10 + 1));
  auto pipeline = box.open({.once = true});
  ASSERT_TRUE(pipeline);
  ASSERT_TRUE((*pipeline)->step());
  auto lag = status_of((*pipeline)->status(), "numbers").file_lag;
  ASSERT_TRUE(lag);
  EXPECT_EQ(lag->files, 3);
  EXPECT_EQ(lag->bytes, 18);
}

TEST(FileFeed, FindsFilesThatComeWhileItRuns) {
  Box box(numbers(), "ticklake.pace: 100 ms");
  put(box, "a.csv", lines(1, 2));
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline);
  for (int i = 0; i < 100; ++i) {
    if (i == 40) put(box, "b.csv", lines(3, 4));
    ASSERT_TRUE((*pipeline)->step());
    box.clock.advance_us(50'000);
  }
  EXPECT_EQ(box.rows("numbers"), rows(1, 4));
}

TEST(FileFeed, KeepsAnInferredSchema) {
  Box box("CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files('in', format => 'json', "
          "schemaEvolutionMode => 'rescue');");
  put(box, "a", "{\"a\":1}\n");
  box.run_once();
  ASSERT_TRUE(box.files.remove(box.directory + "/in/a"));
  put(box, "b", "{\"a\":2.5,\"b\":1}\n");
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto found = box.rows("t");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], "{\"a\":1,\"_rescued_data\":null}");
  EXPECT_TRUE(found[1].starts_with("{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":2.5,\\\"b\\\":1,"))
      << found[1];
}

TEST(FileFeed, RecordsNewColumnsAndGoesOnWithThem) {
  Box box("CREATE STREAMING TABLE t AS SELECT * EXCEPT (_rescued_data) FROM STREAM "
          "read_files('in', format => 'csv', header => true);"
          "CREATE STREAMING TABLE u AS SELECT * FROM STREAM t;");
  put(box, "1", "a\n1\n");
  box.run_once();
  ASSERT_EQ(box.problem, "");
  put(box, "2", "b,a\nx,2\n");
  box.run_once();
  EXPECT_NE(box.problem.find("in/2: there are new columns: b"), std::string::npos) << box.problem;
  box.run_once();
  ASSERT_EQ(box.problem, "");
  std::vector<std::string> expected = {"{\"a\":1,\"b\":null}", "{\"a\":2,\"b\":\"x\"}"};
  EXPECT_EQ(box.rows("t"), expected);
  EXPECT_EQ(box.rows("u"), expected);
}

TEST(FileFeed, PartitionsOfThePathAreColumns) {
  Box box("CREATE STREAMING TABLE t AS SELECT n, day, k FROM STREAM read_files('in', "
          "format => 'json', partitionColumns => 'day, k');");
  put(box, "day=2026-01-05/k=7/a", "{\"n\":1}\n");
  put(box, "day=2026-01-06/k=__HIVE_DEFAULT_PARTITION__/a", "{\"n\":2}\n");
  box.run_once();
  ASSERT_EQ(box.problem, "");
  std::vector<std::string> expected = {"{\"n\":1,\"day\":\"2026-01-05\",\"k\":7}",
                                       "{\"n\":2,\"day\":\"2026-01-06\",\"k\":null}"};
  EXPECT_EQ(box.rows("t"), expected);
}

TEST(FileFeed, AViewFollowsItsFiles) {
  Box box("CREATE MATERIALIZED VIEW v AS SELECT sum(n) AS n FROM read_files('in', "
          "format => 'csv', schema => 'n INT');");
  put(box, "a", lines(1, 3));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("v"), std::vector<std::string>{"{\"n\":6}"});
  int64_t version = box.version("v");
  box.run_once();
  EXPECT_EQ(box.version("v"), version);
  put(box, "a", lines(1, 4));
  box.run_once();
  EXPECT_EQ(box.rows("v"), std::vector<std::string>{"{\"n\":10}"});
}

TEST(FileFeed, MalformedRecordsGoToTheQuarantineOnce) {
  for (bool reopen : {false, true}) {
    Box box("CREATE STREAMING TABLE t TBLPROPERTIES ('ticklake.quarantine' = 'undecodable') AS "
            "SELECT n FROM STREAM read_files('in', format => 'csv', schema => 'n INT');",
            "ticklake.maxRowsPerStep: '3'");
    put(box, "a", "1\nx\n3\n\xff\n5\ny\n");
    box.run_once(reopen);
    ASSERT_EQ(box.problem, "");
    EXPECT_EQ(box.rows("t"), (std::vector<std::string>{"{\"n\":1}", "{\"n\":3}", "{\"n\":5}"}));
    auto bad = box.rows("t__quarantine");
    ASSERT_EQ(bad.size(), 3u);
    EXPECT_NE(bad[2].find("line 6: n: "), std::string::npos) << bad[2];
  }
}

}  // namespace
}  // namespace ticklake::engine
