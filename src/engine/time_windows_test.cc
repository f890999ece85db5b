// Sliding windows, sessions and late rows, over rows out of order and whatever is killed.
#include <fmt/format.h>

#include <functional>
#include <random>

#include "test_support.h"

namespace ticklake::engine {
namespace {

const std::string kSilver = R"(
CREATE STREAMING TABLE silver AS
SELECT r.k, r.ts, r.v FROM (
  SELECT from_json(CAST(value AS STRING), 'k STRING, ts TIMESTAMP, v BIGINT') AS r
  FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                         startingOffsets => 'earliest'));
)";

const std::string kAll = kSilver + R"(
CREATE STREAMING TABLE sliding TBLPROPERTIES ('ticklake.lateRows' = 'keep') AS
SELECT k, window.end AS e, count(*) AS n, sum(v) AS v
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 3 SECONDS
GROUP BY k, window(ts, '20 seconds', '8 seconds', '1 second');
CREATE STREAMING TABLE sessions TBLPROPERTIES ('ticklake.lateRows' = 'keep') AS
SELECT k, session_window.start AS s, session_window.end AS e, count(*) AS n, sum(v) AS v
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 3 SECONDS
GROUP BY k, session_window(ts, '5 seconds');
CREATE STREAMING TABLE kept AS
SELECT session_window.start AS s, count(DISTINCT k) AS n
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 3 SECONDS
GROUP BY session_window(ts, '4 seconds');
)";

// Rows that are up to 31 s out of order, so that some are late, some of them for a part of their
// windows; the last one closes all windows of the others.
std::vector<std::string> some_rows(std::mt19937& random, int64_t& second) {
  auto draw = [&](uint32_t below) { return static_cast<int64_t>(random() % below); };
  std::vector<std::string> out;
  for (int i = 0; i < 24; ++i) {
    second += draw(4);
    int64_t at = second - (draw(3) == 0 ? draw(32) : 0);
    out.push_back(fmt::format(R"({{"k":"{}","ts":"2026-01-05T{:02}:{:02}:{:02}Z","v":{}}})",
                              draw(3) == 0 ? "a" : "b", 10 + at / 3600, at / 60 % 60, at % 60,
                              draw(100)));
  }
  return out;
}

using Tables = std::map<std::string, std::vector<std::string>>;

// `run` runs it, after each part of the rows.
Tables tables_of(const std::function<void(Box& box)>& run) {
  Box box(kAll, "ticklake.maxRowsPerStep: '8'");
  box.create_topic("t", 1);
  std::mt19937 random(5);
  int64_t second = 60;
  for (int part = 0; part < 3; ++part) {
    box.produce("t", 0, some_rows(random, second));
    run(box);
    EXPECT_EQ(box.problem, "");
  }
  Tables out;
  for (const char* table :
       {"sliding", "sliding__late", "sessions", "sessions__late", "kept", "silver"}) {
    out[table] = box.rows(table);
  }
  return out;
}

TEST(TimeWindows, AreTheSameWhateverIsKilled) {
  Tables straight = tables_of([](Box& box) { box.run_once(); });
  EXPECT_EQ(straight["silver"].size(), 72u);
  EXPECT_GT(straight["sliding"].size(), 10u);
  EXPECT_GT(straight["sliding__late"].size(), 3u);
  EXPECT_GT(straight["sessions"].size(), 5u);
  EXPECT_GT(straight["sessions__late"].size(), 1u);
  EXPECT_GT(straight["kept"].size(), 1u);
  EXPECT_EQ(tables_of([](Box& box) { box.run_once(true); }), straight);
  EXPECT_EQ(tables_of([](Box& box) {
              int commits = 0;
              box.fault = [&](std::string_view operation,
                              const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
                bool table = path.find("/sliding/_delta_log/") != path.npos ||
                             path.find("/sessions/_delta_log/") != path.npos;
                bool commit = operation == "put_if_absent" && table &&
                              !path.ends_with("/00000000000000000000.json");
                if (!commit || ++commits % 2 != 0) return {};
                return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
              };
              box.run_once();
              box.fault = nullptr;
              EXPECT_GT(commits, 1);
            }),
            straight);
}

TEST(TimeWindows, HaveEachRowOrItIsLate) {
  Tables tables = tables_of([](Box& box) { box.run_once(); });
  auto number = [](const std::string& row, std::string_view name) {
    size_t at = row.find(fmt::format("\"{}\":", name));
    return at == row.npos ? 0 : std::atoll(row.c_str() + at + name.size() + 3);
  };
  auto text = [](const std::string& row, std::string_view name) {
    size_t at = row.find(fmt::format("\"{}\":\"", name)) + name.size() + 4;
    return row.substr(at, row.find('"', at) - at);
  };
  std::map<std::string, int64_t> got, wanted;  // by window
  std::string newest;
  for (const auto& row : tables["sliding"]) {
    got[text(row, "e") + text(row, "k")] += number(row, "v");
    newest = std::max(newest, text(row, "e"));
  }
  for (const auto& row : tables["sliding__late"])
    got[text(row, "_window_end") + text(row, "k")] += number(row, "v");
  for (const auto& row : tables["silver"]) {
    std::string ts = text(row, "ts");
    int64_t second = 3600 * std::stoll(ts.substr(11, 2)) + 60 * std::stoll(ts.substr(14, 2)) +
                     std::stoll(ts.substr(17, 2));
    for (int64_t end = 1 + 20 % 8; end <= 86'400; end += 8) {
      if (second >= end || second < end - 20) continue;
      std::string window = fmt::format("2026-01-05T{:02}:{:02}:{:02}Z", end / 3600, end / 60 % 60,
                                       end % 60);
      if (window <= newest) wanted[window + text(row, "k")] += number(row, "v");
    }
  }
  EXPECT_EQ(got, wanted);
}

TEST(TimeWindows, AnEditedSlideIsRefused) {
  std::string sql = kAll;
  Box box(sql);
  box.create_topic("t", 1);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  size_t at = sql.find("'8 seconds'");
  ASSERT_NE(at, sql.npos);
  sql.replace(at, 11, "'5 seconds'");
  box.set_sql(sql);
  box.run_once();
  EXPECT_NE(box.problem.find("a window began every 8 s and does every 5 s now; rebuild the table "
                             "with --full-refresh ticklake.default.sliding"),
            box.problem.npos)
      << box.problem;
}

// Many rows, so that open sessions are written anew while a run goes on.
TEST(TimeWindows, OpenSessionsAreKeptAnewAsRowsCome) {
  auto rows = [](bool reopen) {
    Box box(kSilver + R"(
CREATE STREAMING TABLE sessions AS
SELECT k, session_window.start AS s, session_window.end AS e, count(*) AS n, sum(v) AS v
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 3 SECONDS
GROUP BY k, session_window(ts, '4 seconds');)",
            "ticklake.maxRowsPerStep: '4000'");
    box.create_topic("t", 1);
    std::mt19937 random(9);
    std::vector<std::string> values;
    for (int i = 0; i < 24'000; ++i) {
      values.push_back(fmt::format(R"({{"k":"{}","ts":"2026-01-05T10:{:02}:{:02}.{:03}Z","v":1}})",
                                   random() % 40, i / 1200, i / 20 % 60, random() % 1000));
    }
    box.produce("t", 0, values);
    box.run_once(reopen);
    EXPECT_EQ(box.problem, "");
    auto files = box.files.list_all(box.path("sessions") + "/_ticklake");
    EXPECT_TRUE(files && files->size() == 1);
    // the first one, and one for the rows since, at least
    EXPECT_GE(files->front().path.substr(files->front().path.rfind('-')),
              "-00000000000000000002.arrow");
    return box.rows("sessions");
  };
  auto straight = rows(false);
  EXPECT_GT(straight.size(), 40u);
  EXPECT_EQ(rows(true), straight);
}

TEST(TimeWindows, SessionsThatCannotBeReadAreTold) {
  Box box(kAll);
  box.create_topic("t", 1);
  std::mt19937 random(5);
  int64_t second = 60;
  box.produce("t", 0, some_rows(random, second));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto files = box.files.list_all(box.path("sessions") + "/_ticklake");
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 1u);
  ASSERT_TRUE(box.files.remove(files->front().path));
  box.produce("t", 0, some_rows(random, second));
  box.run_once();
  EXPECT_NE(box.problem.find("the open sessions of ticklake.default.sessions cannot be read; "
                             "rebuild the table with --full-refresh ticklake.default.sessions"),
            box.problem.npos)
      << box.problem;
  box.run_once(false, {"sessions"});
  EXPECT_EQ(box.problem, "");
}

TEST(TimeWindows, LateRowsNeedNamesOfTheirOwn) {
  Box box(kSilver + R"(
CREATE STREAMING TABLE renamed AS SELECT k, ts, v AS _watermark FROM STREAM silver;
CREATE STREAMING TABLE gold TBLPROPERTIES ('ticklake.lateRows' = 'keep') AS
SELECT count(*) AS n FROM STREAM renamed WATERMARK ts DELAY OF INTERVAL 3 SECONDS
GROUP BY window(ts, '20 seconds');)");
  box.run_once();
  EXPECT_NE(box.problem.find("renamed has a column _watermark, which 'ticklake.lateRows' = 'keep' "
                             "adds to the late rows; rename it"),
            box.problem.npos)
      << box.problem;
}

}  // namespace
}  // namespace ticklake::engine
