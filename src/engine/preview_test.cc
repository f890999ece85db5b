// A preview ahead of its table: the same rows from any cut through the tables, and in the end what
// the table says itself.
#include <fmt/format.h>

#include "base/time.h"
#include "test_support.h"

namespace ticklake::engine {
namespace {

const char* const kMarket = R"(
CREATE OR REFRESH STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, partition, offset
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE silver (
  CONSTRAINT known_symbol EXPECT (symbol IS NOT NULL) ON VIOLATION DROP ROW
)
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,errors,expectations')
AS SELECT upper(trim(t.symbol)) AS symbol, t.ts, t.price, t.size, t.seq
FROM (SELECT from_json(raw, 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, seq BIGINT')
             AS t
      FROM STREAM bronze)
WHERE t.price > 0;

CREATE OR REFRESH STREAMING TABLE gold AS
SELECT symbol, window.start AS minute,
       min_by(price, struct(ts, seq)) AS open, max(price) AS high, min(price) AS low,
       max_by(price, struct(ts, seq)) AS close, sum(size) AS volume, count(*) AS n
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute'), symbol;

CREATE OR REFRESH MATERIALIZED VIEW daily AS
SELECT symbol, sum(size) AS volume, count(*) AS n FROM silver GROUP BY symbol;
)";

constexpr int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

// Ticks of three symbols in three partitions from second `from` on, some late but none too late,
// some bad.
void produce(Box& box, int64_t from, int64_t count) {
  const char* symbols[] = {"ibm", " aapl ", "goog"};
  for (int32_t partition = 0; partition < 3; ++partition) {
    std::vector<std::string> values;
    for (int64_t i = 0; i < count; ++i) {
      int64_t second = from + i * 3 + (i % 4 == 0 ? 0 : 5);
      values.push_back(
          fmt::format(R"({{"symbol":"{}","ts":"{}","price":{},"size":{},"seq":{}}})",
                      symbols[partition], format_instant(kStart + second * kMicrosPerSecond),
                      100.0 + static_cast<double>(i * 7 % 17), i + 1, from * 1000 + i));
      if (i % 11 == 7) values.push_back("{not json");
      if (i % 13 == 9) values.push_back(R"({"ts":"2026-01-01T00:00:30Z","price":5,"size":1})");
    }
    box.produce("ticks", partition, values);
  }
}

std::unique_ptr<Preview> open_preview(Box& box, const std::string& table = "gold") {
  auto project = load_project(box.files, box.directory);
  EXPECT_TRUE(project) << (project ? "" : project.error().message);
  World world{
      .files = box.files, .clock = box.clock, .topics = [&box](const std::string&, const auto&) {
        return Result<std::shared_ptr<broker::Topics>>(box.topics);
      }};
  auto preview = Preview::open(*std::move(project), std::move(world), "ticklake.default." + table);
  EXPECT_TRUE(preview) << (preview ? "" : preview.error().message);
  return preview ? *std::move(preview) : nullptr;
}

std::vector<std::string> lines_of(const Batches& batches) {
  std::vector<std::string> out;
  for (const auto& batch : batches) {
    auto schema = schema_from_arrow(*batch->schema());
    EXPECT_TRUE(schema);
    auto lines = formats::to_json_lines(*batch, *schema);
    EXPECT_TRUE(lines);
    for (auto& line : split(*lines, '\n')) {
      if (!line.empty()) out.push_back(std::move(line));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// What a preview says once it has taken in all that the topic holds.
struct Seen {
  std::vector<std::string> open, closed;
  std::string waiting;
  bool restarted = false;
};
void follow(Box& box, Preview& preview, Seen& seen) {
  for (int i = 0; i < 20; ++i) {
    auto update = preview.step();
    if (update.open) seen.open = lines_of(*update.open);
    for (auto& line : lines_of(update.closed)) seen.closed.push_back(std::move(line));
    std::sort(seen.closed.begin(), seen.closed.end());
    seen.restarted = seen.restarted || update.restarted;
    seen.waiting = update.waiting;
    box.clock.advance_us(300'000);
  }
}

std::vector<std::string> together(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::sort(a.begin(), a.end());
  return a;
}

TEST(Preview, SaysWhatTheTableWillSay) {
  Box box(kMarket);
  box.create_topic("ticks", 3);
  produce(box, 0, 30);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto preview = open_preview(box);
  Seen seen;
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting, "");
  EXPECT_TRUE(seen.restarted) << "what is there already is for the reader of the table";
  EXPECT_EQ(seen.closed.size(), 0u);
  EXPECT_EQ(seen.open.size(), 3u);  // the second minute of each symbol

  produce(box, 95, 10);  // to 2:07: in the topic only, and the second minute stays open
  follow(box, *preview, seen);
  ASSERT_EQ(seen.open.size(), 6u);
  auto before = seen.open;
  box.run_once();
  ASSERT_EQ(box.problem, "");
  follow(box, *preview, seen);
  EXPECT_EQ(seen.open, before) << "a commit of what was seen already changes nothing";

  produce(box, 300, 1);
  auto whole = together(box.rows("gold"), before);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("gold"), whole) << "closed, the windows are what the preview said";
  follow(box, *preview, seen);
  EXPECT_EQ(seen.closed, before);
  EXPECT_EQ(seen.open.size(), 3u);
}

TEST(Preview, StartsFromAnyCutThroughTheTables) {
  for (const char* rows : {"7", "40", "100000"}) {
    Box box(kMarket, std::string("ticklake.maxRowsPerStep: '") + rows + "'");
    box.create_topic("ticks", 3);
    produce(box, 0, 60);
    std::vector<std::string> whole;
    {
      Box straight(kMarket);
      straight.create_topic("ticks", 3);
      produce(straight, 0, 60);
      straight.run_once();
      auto preview = open_preview(straight);
      Seen seen;
      follow(straight, *preview, seen);
      whole = together(straight.rows("gold"), seen.open);
    }
    ASSERT_GT(whole.size(), 9u);
    RunOptions options;
    options.once = true;
    auto pipeline = box.open(options);
    ASSERT_TRUE(pipeline);
    int cuts = 0;
    for (int step = 0; step < 500; ++step) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
      if (report->kind == StepReport::Kind::Finished) break;
      if (report->kind == StepReport::Kind::Idle) box.clock.advance_us(100'000);
      if (report->kind != StepReport::Kind::Worked) continue;
      auto preview = open_preview(box);
      Seen seen;
      follow(box, *preview, seen);
      if (!seen.waiting.empty()) continue;
      ++cuts;
      EXPECT_EQ(together(box.rows("gold"), seen.open), whole) << rows << ", step " << step;
    }
    EXPECT_GT(cuts, 1) << rows;
  }
}

// Read in another order than written, the base would open and close bars with other prices.
TEST(Preview, ReadsItsBaseInTheOrderOfWriting) {
  Box box(R"(
CREATE OR REFRESH STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, partition, offset
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE silver AS SELECT t.ts, t.price
FROM (SELECT from_json(raw, 'ts TIMESTAMP, price DOUBLE') AS t FROM STREAM bronze);

CREATE OR REFRESH STREAMING TABLE gold AS
SELECT window.start AS minute, first(price) AS open, last(price) AS close
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute');
)");
  box.create_topic("ticks", 1);
  for (int i = 0; i < 8; ++i) {
    box.clock.advance_us(1'000'000);
    box.produce("ticks", 0, {fmt::format(R"({{"ts":"2026-01-01T00:00:30Z","price":{}}})", i)});
    box.run_once();
    ASSERT_EQ(box.problem, "");
  }
  auto preview = open_preview(box);
  Seen seen;
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting, "");
  ASSERT_EQ(seen.open.size(), 1u);
  EXPECT_NE(seen.open[0].find(R"("open":0)"), std::string::npos) << seen.open[0];
  EXPECT_NE(seen.open[0].find(R"("close":7)"), std::string::npos) << seen.open[0];
}

TEST(Preview, StoppedReadsNoMoreTables) {
  Box box(kMarket);
  box.create_topic("ticks", 3);
  produce(box, 0, 60);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto preview = open_preview(box);
  preview->stop();
  Seen seen;
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting, "the preview is stopped");
  EXPECT_TRUE(seen.open.empty());
}

TEST(Preview, WaitsForTheTablesAndStartsAgain) {
  Box box(kMarket);
  auto preview = open_preview(box);
  Seen seen;
  follow(box, *preview, seen);
  EXPECT_NE(seen.waiting, "") << "no table, no topic";
  box.create_topic("ticks", 3);
  produce(box, 0, 30);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting, "");
  EXPECT_EQ(seen.open.size(), 3u);
  auto before = seen.open;
  bool failing = true;
  box.fault = [&](std::string_view, const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    if (!failing || path.find("/gold/") == std::string::npos) return {};
    return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
  };
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting, "the disk is away");
  failing = false;
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting, "");
  EXPECT_EQ(seen.open, before);
}

TEST(Preview, OfNoTableOfTheProjectIsRefused) {
  Box box(kMarket);
  auto project = load_project(box.files, box.directory);
  ASSERT_TRUE(project) << project.error().message;
  auto opened = Preview::open(*project, {.files = box.files, .clock = box.clock, .topics = {}},
                              "ticklake.default.none");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "the project makes no table ticklake.default.none");
}

TEST(Preview, OfAViewTellsWhatIsCommitted) {
  Box box(kMarket);
  box.create_topic("ticks", 3);
  produce(box, 0, 30);
  box.run_once();
  auto preview = open_preview(box, "daily");
  Seen seen;
  follow(box, *preview, seen);
  EXPECT_EQ(seen.waiting,
            "ticklake.default.daily has no windows, so its rows are shown when they are committed");
  EXPECT_TRUE(seen.restarted);
}

}  // namespace
}  // namespace ticklake::engine
