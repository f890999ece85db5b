// The small stateful parts: tags, hub, watermark, open windows, expectations.
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include "expectations.h"
#include "hub.h"
#include "partition_tag.h"
#include "rows.h"
#include "watermark.h"
#include "window_state.h"

namespace ticklake::engine {
namespace {

BatchPtr longs(const std::string& name, const std::vector<int64_t>& values) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return arrow::RecordBatch::Make(to_arrow(Schema{{{name, Kind::Long}}}),
                                  static_cast<int64_t>(values.size()), {*builder.Finish()});
}

// Partial rows: (window_end, rows).
BatchPtr partials(const std::vector<std::pair<int64_t, int64_t>>& rows) {
  Schema schema{{{"window_end", Kind::Timestamp}, {"rows", Kind::Long}}};
  arrow::TimestampBuilder ends(to_arrow(Type(Kind::Timestamp)), arrow::default_memory_pool());
  arrow::Int64Builder counts;
  for (const auto& [end, count] : rows) {
    EXPECT_TRUE((end < 0 ? ends.AppendNull() : ends.Append(end)).ok());
    EXPECT_TRUE(counts.Append(count).ok());
  }
  return arrow::RecordBatch::Make(to_arrow(schema), static_cast<int64_t>(rows.size()),
                                  {*ends.Finish(), *counts.Finish()});
}

TEST(PartitionTag, SurvivesItsText) {
  PartitionTag tag{.runs = {{Partition(0), 5000}, {Partition(2), 10}, {Partition(0), 1}},
                   .partitions = {Partition(0), Partition(1), Partition(2), Partition(3)},
                   .idle = {Partition(2), Partition(3)},
                   .ended = {Partition(0), Partition(3)}};
  auto again = parse_partition_tag(to_json(tag));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->partitions, tag.partitions);
  EXPECT_EQ(again->idle, tag.idle);
  EXPECT_EQ(again->ended, tag.ended);
  int64_t rows = 0;
  for (const auto& run : again->runs) rows += run.rows;
  EXPECT_EQ(rows, 5011);
  EXPECT_EQ(again->runs[1].partition, Partition(2));
  EXPECT_TRUE(parse_partition_tag(R"([{"p":3,"idle":true}])"));
  for (const char* bad : {"", "{}", "[1]", R"([{"p":"0"}])", R"([{"p":0,"rows":-1}])"}) {
    auto refused = parse_partition_tag(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Code::Corrupt);
  }
}

std::shared_ptr<const VersionRows> version_rows(int64_t version, size_t rows) {
  VersionRows out{.version = Version(version), .pieces = {}, .partitions = {}, .idle = {}};
  out.pieces.push_back({Partition(0), longs("x", std::vector<int64_t>(rows, version))});
  return std::make_shared<const VersionRows>(std::move(out));
}

TEST(Hub, KeepsWhatSomeConsumerNeedsWithinItsBound) {
  Hub hub(10'000);
  hub.publish("t", version_rows(1, 10));
  EXPECT_EQ(hub.find("t", Version(1)), nullptr) << "nobody asked for it";
  EXPECT_EQ(hub.newest("t"), Version(1));
  hub.subscribe("t", "a", Version(2));
  hub.subscribe("t", "b", Version(2));
  hub.publish("t", version_rows(2, 10));
  hub.publish("t", version_rows(3, 10));
  hub.consumed("t", "a", Version(4));
  EXPECT_NE(hub.find("t", Version(2)), nullptr) << "b still needs it";
  hub.consumed("t", "b", Version(3));
  EXPECT_EQ(hub.find("t", Version(2)), nullptr);
  EXPECT_NE(hub.find("t", Version(3)), nullptr);
  hub.publish("t", version_rows(4, 2'000));
  EXPECT_EQ(hub.find("t", Version(3)), nullptr) << "over the bound: the oldest goes first";
  EXPECT_LE(hub.bytes(), 10'000);
  EXPECT_EQ(hub.newest("t"), Version(4));
}

TEST(Hub, KeepsNothingForAConsumerThatIsGone) {
  Hub hub(1 << 20);
  hub.subscribe("t", "a", Version(1));
  hub.subscribe("t", "b", Version(1));
  hub.publish("t", version_rows(1, 10));
  EXPECT_GT(hub.backlog("t"), 0);
  EXPECT_EQ(hub.backlog("u"), 0);
  hub.consumed("t", "b", Version(2));
  EXPECT_EQ(hub.backlog("t"), hub.bytes());
  hub.leave("a");
  EXPECT_EQ(hub.backlog("t"), 0);
  EXPECT_EQ(hub.bytes(), 0);
}

TEST(Hub, KeepsNoVersionThatItsReadersHaveFromTheFiles) {
  Hub hub(1 << 20);
  hub.subscribe("t", "a", Version(3));
  hub.publish("t", version_rows(2, 10));
  EXPECT_EQ(hub.backlog("t"), 0);
  EXPECT_EQ(hub.newest("t"), Version(2));
  hub.publish("t", version_rows(3, 10));
  EXPECT_GT(hub.backlog("t"), 0);
  hub.subscribe("t", "a", Version(4));
  EXPECT_EQ(hub.backlog("t"), 0);
}

TEST(Watermark, IsTheMinimumOverPartitionsThatAreNotIdle) {
  Watermark watermark(10);
  Partition a(0), b(1), c(2);
  watermark.partitions({a, b, c}, {c});
  watermark.saw(a, EventTime(100));
  watermark.advance();
  EXPECT_FALSE(watermark.value()) << "b has told nothing yet";
  watermark.saw(b, EventTime(50));
  watermark.advance();
  EXPECT_EQ(watermark.value(), EventTime(40));
  watermark.partitions({a, b, c}, {b, c});
  watermark.advance();
  EXPECT_EQ(watermark.value(), EventTime(90));
  watermark.partitions({a, b, c}, {a, b, c});
  watermark.saw(c, EventTime(300));
  watermark.advance();
  EXPECT_EQ(watermark.value(), EventTime(90)) << "all idle: held";
  watermark.partitions({a, b, c}, {});
  watermark.advance();
  EXPECT_EQ(watermark.value(), EventTime(90)) << "never back";
  watermark.finish();
  EXPECT_EQ(watermark.value(), EventTime(290));
}

TEST(WindowState, ARowIsLateIffItsWindowIsClosed) {
  WindowState state;
  auto late = state.add({partials({{60, 3}, {120, 1}, {-1, 7}})}, EventTime::min());
  ASSERT_TRUE(late);
  EXPECT_EQ(*late, 0);
  EXPECT_EQ(state.first_end(), EventTime(60));
  EXPECT_EQ(row_count(*state.close(EventTime(59))), 0);
  auto closed = state.close(EventTime(60));
  ASSERT_TRUE(closed);
  EXPECT_EQ(row_count(*closed), 1);
  EXPECT_EQ(state.first_end(), EventTime(120));
  late = state.add({partials({{60, 4}, {61, 2}, {120, 1}})}, EventTime(60));
  ASSERT_TRUE(late);
  EXPECT_EQ(*late, 4);
  EXPECT_EQ(state.rows(), 3);
}

TEST(Expectations, NullIsAViolation) {
  Schema schema{{{"x", Kind::Long}, {"e0", Kind::Boolean}, {"e1", Kind::Boolean}}};
  arrow::Int64Builder x;
  arrow::BooleanBuilder keep, drop;
  ASSERT_TRUE(x.AppendValues({1, 2, 3}).ok());
  ASSERT_TRUE(keep.AppendValues(std::vector<bool>{true, false, true}).ok());
  ASSERT_TRUE(drop.Append(true).ok() && drop.AppendNull().ok() && drop.Append(false).ok());
  auto batch =
      arrow::RecordBatch::Make(to_arrow(schema), 3, {*x.Finish(), *keep.Finish(), *drop.Finish()});
  std::vector<sql::Expectation> expectations(2);
  expectations[0].name = "kept";
  expectations[1].name = "dropped";
  expectations[1].on_violation = sql::Expectation::OnViolation::DropRow;
  Checked checked = check_expectations(expectations, *batch, 1);
  EXPECT_EQ(checked.counts[0].failed, 1);
  EXPECT_EQ(checked.counts[1].passed, 1);
  EXPECT_EQ(checked.counts[1].failed, 2);
  EXPECT_EQ(checked.dropped, 2);
  EXPECT_EQ(checked.keep, (std::vector<bool>{true, false, false}));
  expectations[0].on_violation = sql::Expectation::OnViolation::FailUpdate;
  checked = check_expectations(expectations, *batch, 1);
  ASSERT_TRUE(checked.fatal);
  EXPECT_EQ(checked.fatal->row, 1);
  auto rows = filtered(batch, {false, true, false});
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)->num_rows(), 1);
}

}  // namespace
}  // namespace ticklake::engine
