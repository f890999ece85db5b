#include <arrow/scalar.h>

#include <set>

#include "delta/log.h"
#include "delta/state.h"
#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

constexpr int64_t kHourUs = int64_t{3600} * 1'000'000;

// Values of column `a` of all rows, file by file in the order of their writing.
std::vector<int64_t> values(io::FileStore& files, const Snapshot& snapshot) {
  std::vector<AddFile> all = snapshot.files();
  std::stable_sort(all.begin(), all.end(), [](const AddFile& a, const AddFile& b) {
    return a.modified_ms < b.modified_ms;
  });
  std::vector<int64_t> out;
  for (const AddFile& file : all) {
    auto table = ok(read(files, snapshot, file, {"a"}))->ToTable().ValueOrDie();
    for (int64_t i = 0; i < table->num_rows(); ++i) {
      out.push_back(std::stoll((*table->column(0)->GetScalar(i))->ToString()));
    }
  }
  return out;
}

std::vector<int64_t> up_to(int64_t count) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(i);
  return out;
}

struct Maintenance : ::testing::Test {
  TestTable t;
  Schema schema = ddl("a BIGINT, p STRING");

  // One row more, in a file of its own.
  Snapshot with_row(const Snapshot& base, int64_t value, const std::string& partition = "x") {
    t.clock.advance_us(1'000'000);
    return ok(
        t.insert(base, {rows(schema, fmt::format(R"([{{"a":{},"p":"{}"}}])", value, partition))}));
  }
  Snapshot filled(int64_t count, std::map<std::string, std::string> configuration = {},
                  std::vector<std::string> partitions = {}) {
    Snapshot snapshot = ok(t.make(schema, std::move(partitions), std::move(configuration)));
    for (int64_t i = 0; i < count; ++i) snapshot = with_row(snapshot, i, i % 2 ? "x" : "y");
    return snapshot;
  }
  size_t data_files() {
    size_t out = 0;
    for (const auto& file : ok(t.files.list_all(t.root))) {
      out += file.path.find("_delta_log") == std::string::npos;
    }
    return out;
  }
};

TEST_F(Maintenance, CompactionKeepsRowsAndTheirOrder) {
  Snapshot before = filled(40);
  Compaction done = ok(compact(t.files, t.clock, before));
  EXPECT_EQ(done.files_removed, 40);
  EXPECT_EQ(done.files_added, 1);
  EXPECT_EQ(done.snapshot.file_count(), 1);
  EXPECT_EQ(values(t.files, done.snapshot), up_to(40));
  AddFile file = done.snapshot.files()[0];
  EXPECT_EQ(file.records(), 40);
  EXPECT_NE(file.stats.find(R"("maxValues":{"a":39,"p":"y"})"), std::string::npos) << file.stats;
  Commit commit = ok(commits(t.files, t.root, Version(41), Version(41)))[0];
  EXPECT_EQ(commit.operation, "OPTIMIZE");
  EXPECT_FALSE(commit.adds[0].data_change);
  EXPECT_FALSE(commit.removes[0].data_change);
  EXPECT_EQ(commit.metrics.at("numRemovedFiles"), "40");
  for (int64_t v : {1, 17, 40}) {
    EXPECT_EQ(values(t.files, ok(open_version(t.files, t.root, Version(v)))), up_to(v));
  }
  Compaction again = ok(compact(t.files, t.clock, done.snapshot));
  EXPECT_EQ(again.files_removed, 0);
  EXPECT_EQ(again.snapshot.version(), done.snapshot.version());
}

TEST_F(Maintenance, CompactionStaysWithinPartitionsAndItsLimits) {
  Snapshot before = filled(21, {}, {"p"});
  CompactOptions few{.files_min = 11};
  Compaction done = ok(compact(t.files, t.clock, before, few));
  EXPECT_EQ(done.files_removed, 11) << "y has 11 files, x has 10";
  EXPECT_EQ(done.snapshot.file_count(), 11);
  for (const AddFile& file : done.snapshot.files()) {
    EXPECT_EQ(file.path.starts_with("p=" + *file.partition_values.at("p")), true) << file.path;
  }
}

TEST_F(Maintenance, CompactionCutsFilesNearTheirTarget) {
  Snapshot before = filled(20);
  CompactOptions small{.target_file_bytes = 4 * before.files()[0].size};
  Compaction done = ok(compact(t.files, t.clock, before, small));
  EXPECT_EQ(done.files_added, 5);
  auto found = values(t.files, done.snapshot);
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, up_to(20));
}

TEST_F(Maintenance, CompactionTakesOneRunAtLeastAndNoMoreThanItMay) {
  Snapshot before = filled(20, {}, {"p"});
  CompactOptions bounded{.input_bytes_max = before.files()[0].size};
  Compaction done = ok(compact(t.files, t.clock, before, bounded));
  EXPECT_EQ(done.files_added, 1);
  EXPECT_EQ(done.snapshot.file_count(), 11);
}

TEST_F(Maintenance, CompactionMergesTagsAndKeepsTheOrderItIsTold) {
  Snapshot snapshot = ok(t.make(schema));
  for (int i = 0; i < 4; ++i) {
    WriteOptions options{.tags = {{"n", std::to_string(3 - i)}}};
    BatchPtr row = rows(schema, fmt::format(R"([{{"a":{},"p":"x"}}])", 3 - i));
    snapshot = ok(t.insert(snapshot, {row}, options));
  }
  CompactOptions options;
  options.order.sorted = [](std::vector<AddFile> files) {
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return a.tags.at("n") < b.tags.at("n"); });
    return files;
  };
  options.order.merged_tags = [](const std::vector<AddFile>& files) {
    std::map<std::string, std::string> tags;
    for (const AddFile& file : files) tags["n"] += file.tags.at("n");
    return Result(tags);
  };
  Compaction done = ok(compact(t.files, t.clock, snapshot, options));
  EXPECT_EQ(values(t.files, done.snapshot), up_to(4));
  EXPECT_EQ(done.snapshot.files()[0].tags.at("n"), "0123");
}

TEST_F(Maintenance, CompactionGivesWayToOtherWriters) {
  Snapshot before = filled(6);
  Transaction removal{.operation = "DELETE", .removes = {{before.files()[2].path}}};
  ASSERT_OK(commit(t.files, t.clock, before, removal));
  size_t files = data_files();
  EXPECT_ERROR(compact(t.files, t.clock, before), Code::Conflict, "removed");
  EXPECT_EQ(data_files(), files) << "what it wrote is gone";
  Snapshot grown = with_row(ok(open(t.files, t.root)), 6);
  Snapshot older = ok(open_version(t.files, t.root, Version(7)));
  Compaction done = ok(compact(t.files, t.clock, older));
  EXPECT_EQ(done.snapshot.version(), grown.version() + 1) << "appends do not matter to it";
  EXPECT_EQ(done.snapshot.file_count(), 2);
}

TEST_F(Maintenance, HealthKeepsFilesAndLogBoundedAndEveryRow) {
  Snapshot snapshot = filled(0, {{"delta.enableInCommitTimestamps", "true"},
                                 {"delta.logRetentionDuration", "interval 100 seconds"},
                                 {"delta.deletedFileRetentionDuration", "interval 100 seconds"},
                                 {"ticklake.vacuumInterval", "interval 50 seconds"}});
  Health health({.clean_every_ms = 50'000});
  size_t live_max = 0;
  size_t log_max = 0;
  for (int64_t i = 0; i < 600; ++i) {
    snapshot = with_row(snapshot, i);
    while (auto next = ok(health.step(t.files, t.clock, snapshot, false))) snapshot = *next;
    live_max = std::max(live_max, static_cast<size_t>(snapshot.file_count()));
    log_max = std::max(log_max, ok(t.files.list("/t/_delta_log", "")).size());
  }
  EXPECT_EQ(values(t.files, snapshot), up_to(600));
  EXPECT_LE(live_max, 80u);
  EXPECT_LE(log_max, 300u) << "of 600 commits, 100 are kept";
  EXPECT_LE(data_files(), 400u);
  EXPECT_EQ(content(ok(open(t.files, t.root))), content(snapshot));
  Version oldest = ok(open_timestamp(t.files, t.root, t.clock.now_ms() - 99'000)).version();
  EXPECT_GE(snapshot.version() - oldest, 95);
  for (Version v = oldest; v <= snapshot.version(); ++v) {
    Snapshot then = ok(open_version(t.files, t.root, v));
    auto found = values(t.files, then);
    EXPECT_EQ(found, up_to(static_cast<int64_t>(found.size()))) << v.value;
  }
}

TEST_F(Maintenance, HealthDoesNothingWhereItIsSwitchedOffOrNotWorthIt) {
  Snapshot snapshot = filled(100, {{"delta.autoOptimize.autoCompact", "false"}});
  Health health({});
  EXPECT_FALSE(ok(health.step(t.files, t.clock, snapshot, false)));
  TestTable few;
  Snapshot small = ok(few.make(schema));
  for (int i = 0; i < 31; ++i) {
    small = ok(few.insert(small, {rows(schema, R"([{"a":1,"p":"x"}])")}));
  }
  EXPECT_FALSE(ok(health.step(few.files, few.clock, small, false)));
  small = ok(few.insert(small, {rows(schema, R"([{"a":1,"p":"x"}])")}));
  Health busy({});
  EXPECT_FALSE(ok(busy.step(few.files, few.clock, small, true))) << "rows are waiting";
  Snapshot after = *ok(busy.step(few.files, few.clock, small, false));
  EXPECT_EQ(after.file_count(), 1);
}

TEST_F(Maintenance, VacuumTakesOnlyWhatNoOneNeeds) {
  Snapshot live = filled(6, {{"delta.deletedFileRetentionDuration", "interval 1 hour"}});
  Snapshot merged = ok(compact(t.files, t.clock, live)).snapshot;
  ASSERT_OK(checkpoint(t.files, t.clock, merged));
  ASSERT_OK(t.files.put("/t/orphan.parquet", "left by a writer that failed"));
  ASSERT_OK(t.files.put("/t/p=1/orphan.parquet", "deeper"));
  ASSERT_OK(t.files.put("/t/_mine/notes.txt", "hidden"));
  Snapshot reopened = ok(open(t.files, t.root));
  VacuumOptions dry{.dry_run = true};
  EXPECT_EQ(ok(vacuum(t.files, t.clock, reopened, dry)).files, 2);
  EXPECT_ERROR(vacuum(t.files, t.clock, reopened, {.retention_ms = 0}), Code::Invalid,
               "files are kept for 1 hours");
  EXPECT_ERROR(vacuum(t.files, t.clock, reopened, {.retention_ms = -1}), Code::Invalid,
               "a retention is not negative");
  EXPECT_EQ(data_files(), 10u);
  Vacuumed first = ok(vacuum(t.files, t.clock, reopened));
  EXPECT_EQ(first.files, 2);
  EXPECT_EQ(first.paths, (std::vector<std::string>{"/t/orphan.parquet", "/t/p=1/orphan.parquet"}));
  EXPECT_EQ(values(t.files, ok(open_version(t.files, t.root, Version(6)))), up_to(6));
  t.clock.advance_us(2 * kHourUs);
  Vacuumed second = ok(vacuum(t.files, t.clock, first.snapshot));
  EXPECT_EQ(second.files, 6) << "removed more than an hour ago";
  EXPECT_EQ(values(t.files, second.snapshot), up_to(6));
  EXPECT_EQ(ok(history(t.files, t.root, 1))[0].operation, "VACUUM END");
  auto gone = ok(open_version(t.files, t.root, Version(6)));
  EXPECT_ERROR(read(t.files, gone, gone.files()[0]), Code::NotFound, "vacuumed");
}

TEST_F(Maintenance, VacuumSparesFilesThatTheLogNamesByOtherSpellings) {
  Snapshot snapshot = ok(t.make(schema));
  for (const char* path : {"a b.parquet", "p=x%3Ay/c.parquet", "file:/elsewhere/t/d.parquet"}) {
    snapshot = ok(t.append(snapshot, path));
  }
  for (const char* path : {"/t/a b.parquet", "/t/p=x%3Ay/c.parquet", "/t/d.parquet"}) {
    ASSERT_OK(t.files.put(path, "x"));
  }
  ASSERT_OK(t.files.put("/t/e.parquet", "x"));
  EXPECT_EQ(ok(vacuum(t.files, t.clock, snapshot)).paths, std::vector<std::string>{"/t/e.parquet"});
}

TEST_F(Maintenance, TheLogKeepsWhatTravelAndReadersNeedHoweverFarCleaningGot) {
  std::map<std::string, std::string> properties = {
      {"delta.enableInCommitTimestamps", "true"},
      {"delta.logRetentionDuration", "interval 30 seconds"},
      {"delta.checkpointInterval", "10"}};
  Snapshot snapshot = filled(95, properties);
  int64_t at_ms = t.clock.now_ms() - 30'000;
  Version oldest = ok(open_timestamp(t.files, t.root, at_ms)).version();
  LogCleanupOptions reader{.needed_from = Version(25)};
  EXPECT_GT(ok(clean_log(t.files, t.clock, snapshot, reader)).versions, 0);
  EXPECT_EQ(ok(open_version(t.files, t.root, Version(24))).file_count(), 24);
  EXPECT_ERROR(open_version(t.files, t.root, Version(3)), Code::NotFound, "version 3 is not there");
  // Killed after any removal, every version within the retention opens.
  while (ok(clean_log(t.files, t.clock, snapshot, {.versions_max = 1})).more) {
    for (Version v = oldest; v <= snapshot.version(); v = v + 7) {
      EXPECT_EQ(ok(open_version(t.files, t.root, v)).file_count(), v.value);
    }
    EXPECT_EQ(ok(open_timestamp(t.files, t.root, at_ms)).version(), oldest);
  }
  EXPECT_EQ(content(ok(open(t.files, t.root))), content(snapshot));
  EXPECT_ERROR(open_version(t.files, t.root, oldest - 20), Code::NotFound, "is not there");
  auto log = ok(t.files.list("/t/_delta_log", ""));
  EXPECT_LT(log.size(), 50u);
  properties["delta.enableExpiredLogCleanup"] = "false";
  TestTable off;
  Snapshot kept = ok(off.make(schema, {}, properties));
  for (int i = 0; i < 20; ++i) kept = ok(off.append(kept, std::to_string(i)));
  off.clock.advance_us(kHourUs);
  EXPECT_EQ(ok(clean_log(off.files, off.clock, kept)).versions, 0);
}

TEST_F(Maintenance, OfOlderCheckpointsOnlySomeStay) {
  Snapshot snapshot = filled(1, {{"delta.checkpointInterval", "100"},
                                 {"delta.autoOptimize.autoCompact", "false"},
                                 {"delta.enableExpiredLogCleanup", "false"}});
  Health health({});
  for (int64_t i = 1; i < 2500; ++i) {
    t.clock.advance_us(10'000'000);
    snapshot = ok(t.append(snapshot, std::to_string(i)));
    ASSERT_FALSE(ok(health.step(t.files, t.clock, snapshot, true)));
  }
  size_t checkpoints = 0;
  for (const auto& file : ok(t.files.list("/t/_delta_log", ""))) {
    checkpoints += file.path.ends_with(".checkpoint.parquet");
  }
  EXPECT_GE(checkpoints, 5u);
  EXPECT_LE(checkpoints, 8u) << "one each thousand versions, and those of the last hour";
  EXPECT_EQ(ok(open_version(t.files, t.root, Version(2345))).file_count(), 2345);
}

TEST_F(Maintenance, TombstonesOutliveCheckpointsWithoutBeingReadByThoseWhoOpenTheTable) {
  Snapshot merged = ok(compact(t.files, t.clock, filled(30))).snapshot;
  ASSERT_OK(checkpoint(t.files, t.clock, merged));
  Snapshot reopened = ok(open(t.files, t.root));
  EXPECT_EQ(reopened.state().tombstones.size(), 0u);
  EXPECT_EQ(reopened.state().base_tombstones, 30);
  EXPECT_EQ(content(reopened), content(merged));
  // From checkpoint to checkpoint, with new ones and without those that were added again.
  Snapshot back =
      ok(restore(t.files, t.clock, reopened, ok(open_version(t.files, t.root, Version(4)))))
          .snapshot;
  ASSERT_OK(checkpoint(t.files, t.clock, back));
  Snapshot last = ok(open(t.files, t.root));
  EXPECT_EQ(last.state().base_tombstones, 27) << "30 without the 4 restored, and the merged one";
  EXPECT_EQ(content(last), content(back));
}

TEST_F(Maintenance, OpeningWithAHintDoesNotListTheLog) {
  int64_t lists = 0;
  TestTable counted([&](std::string_view operation, const io::Path&) {
    lists += operation == "list";
    return std::optional<io::MemoryFiles::Fault>();
  });
  Snapshot snapshot = ok(counted.make(schema));
  for (int i = 0; i < 57; ++i) snapshot = ok(counted.append(snapshot, std::to_string(i)));
  lists = 0;
  EXPECT_EQ(content(ok(open(counted.files, counted.root))), content(snapshot));
  EXPECT_EQ(lists, 0);
  // Cleaned up past the hint: what is there counts.
  std::string old = R"({"version":10,"size":12})";
  ASSERT_OK(counted.files.put("/t/_delta_log/_last_checkpoint", old));
  for (int64_t v = 0; v < 40; ++v) ASSERT_OK(counted.files.remove(entry_path("/t", Version(v))));
  EXPECT_EQ(content(ok(open(counted.files, counted.root))), content(snapshot));
}

TEST_F(Maintenance, RestoreBringsBackRowsAndSchema) {
  Snapshot then = filled(5);
  Snapshot now = ok(compact(t.files, t.clock, with_row(then, 5))).snapshot;
  Metadata metadata = now.metadata();
  metadata.schema = ddl("a BIGINT, p STRING, c INT");
  Transaction wider{.operation = "ADD COLUMNS", .metadata = metadata, .txns = {{"flow", 7}}};
  now = ok(commit(t.files, t.clock, now, wider));
  Restoration done = ok(restore(t.files, t.clock, now, then));
  EXPECT_EQ(done.files_added, 5);
  EXPECT_EQ(done.files_removed, 1);
  EXPECT_EQ(values(t.files, done.snapshot), up_to(5));
  EXPECT_EQ(done.snapshot.schema().fields.size(), 2u);
  EXPECT_EQ(done.snapshot.txn("flow"), 7) << "progress stays";
  Restoration same = ok(restore(t.files, t.clock, done.snapshot, then));
  EXPECT_EQ(same.snapshot.version(), done.snapshot.version());
  ASSERT_OK(t.files.remove("/t/" + now.files()[0].path));
  EXPECT_ERROR(restore(t.files, t.clock, done.snapshot, now), Code::NotFound, "vacuumed");
}

TEST_F(Maintenance, CheckupFindsAndDropsFilesThatAreGone) {
  Snapshot snapshot = filled(4);
  std::string missing = snapshot.files()[1].path;
  std::string cut = snapshot.files()[2].path;
  ASSERT_OK(t.files.remove("/t/" + missing));
  ASSERT_OK(t.files.put("/t/" + cut, "PAR1"));
  Checkup seen = ok(check_files(t.files, t.clock, snapshot, false));
  EXPECT_EQ(seen.files_checked, 4);
  EXPECT_EQ(seen.files_removed, 0);
  std::set<std::pair<std::string, std::string>> found(seen.damaged.begin(), seen.damaged.end());
  EXPECT_EQ(found, (std::set<std::pair<std::string, std::string>>{{missing, "missing"},
                                                                  {cut, "cut off"}}));
  Checkup repaired = ok(check_files(t.files, t.clock, snapshot, true));
  EXPECT_EQ(repaired.files_removed, 1);
  EXPECT_EQ(repaired.snapshot.file_count(), 3);
}

}  // namespace
}  // namespace ticklake::delta
