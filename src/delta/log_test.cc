#include <random>

#include "delta/checkpoint_rows.h"
#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

io::Path entry(int64_t version) { return fmt::format("/t/_delta_log/{:020}.json", version); }
io::Path checkpoint_file(int64_t version) {
  return fmt::format("/t/_delta_log/{:020}.checkpoint.parquet", version);
}

// A table with commits of all kinds, and its content at each version.
std::vector<std::string> grow(TestTable& t, int commits_wanted, unsigned seed) {
  std::mt19937 random(seed);
  Snapshot snapshot = ok(t.make(ddl("a INT, p STRING"), {"p"}));
  std::vector<std::string> contents = {content(snapshot)};
  for (int i = 1; i <= commits_wanted; ++i) {
    Transaction transaction;
    transaction.operation = "WRITE";
    unsigned adds = random() % 3;
    for (unsigned k = 0; k < adds; ++k) {
      AddFile add = TestTable::file(fmt::format("p=a:b %{}/{}-{}", k, i, k));
      add.partition_values["p"] = k == 2 ? std::nullopt : std::optional(fmt::format("a:b %{}", k));
      transaction.adds.push_back(add);
    }
    auto files = snapshot.files();
    if (!files.empty() && random() % 2 == 0) {
      transaction.removes.push_back({files[random() % files.size()].path});
    }
    if (random() % 3 == 0) transaction.txns[fmt::format("flow-{}", random() % 4)] = i;
    if (random() % 17 == 0) {
      Metadata metadata = snapshot.metadata();
      metadata.configuration["note"] = std::to_string(i);
      transaction.metadata = metadata;
    }
    t.clock.advance_us(1'000'000);
    snapshot = ok(commit(t.files, t.clock, snapshot, transaction));
    contents.push_back(content(snapshot));
  }
  return contents;
}

TEST(Log, GivesEachVersionAgainFromCheckpointsAndFromEntriesAlone) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    TestTable t;
    std::vector<std::string> contents = grow(t, 47, seed);
    for (size_t v = 0; v < contents.size(); ++v) {
      auto version = Version(static_cast<int64_t>(v));
      ASSERT_EQ(content(ok(open_version(t.files, t.root, version))), contents[v]) << seed;
    }
    for (const io::FileInfo& file : ok(t.files.list("/t/_delta_log", ""))) {
      if (!file.path.ends_with(".parquet")) continue;
      ASSERT_OK(t.files.remove(file.path));
    }
    for (size_t v = 0; v < contents.size(); ++v) {
      auto version = Version(static_cast<int64_t>(v));
      ASSERT_EQ(content(ok(open_version(t.files, t.root, version))), contents[v]) << seed;
    }
    EXPECT_EQ(content(ok(open(t.files, t.root))), contents.back());
  }
}

TEST(Log, IsReadFromACheckpointOnceTheEntriesBeforeItAreGone) {
  TestTable t;
  std::vector<std::string> contents = grow(t, 25, 9);
  for (int64_t v = 0; v <= 20; ++v) ASSERT_OK(t.files.remove(entry(v)));
  EXPECT_EQ(content(ok(open(t.files, t.root))), contents.back());
  EXPECT_EQ(content(ok(open_version(t.files, t.root, Version(20)))), contents[20]);
  EXPECT_ERROR(open_version(t.files, t.root, Version(4)), Code::NotFound, "version 4");
  EXPECT_ERROR(commits(t.files, t.root, Version(18), Version(22)), Code::NotFound, "version 18");
  Metadata again;
  again.schema = ddl("a INT");
  EXPECT_ERROR(create(t.files, t.clock, t.root, again), Code::Conflict, "already");
}

TEST(Log, TakesLastCheckpointOnlyAsAHint) {
  TestTable t;
  std::vector<std::string> contents = grow(t, 25, 3);
  std::string whole = ok(t.files.read(checkpoint_file(20)));
  for (const char* hint : {"", "{", "[]", R"({"version":"x"})", R"({"version":99})",
                           R"({"version":7})", R"({"version":20,"parts":3})"}) {
    ASSERT_OK(t.files.put("/t/_delta_log/_last_checkpoint", hint));
    EXPECT_EQ(content(ok(open(t.files, t.root))), contents.back()) << hint;
  }
  ASSERT_OK(t.files.put("/t/_delta_log/_last_checkpoint", R"({"version":20})"));
  ASSERT_OK(t.files.put(checkpoint_file(20), whole.substr(0, whole.size() / 2)));
  EXPECT_EQ(content(ok(open(t.files, t.root))), contents.back());
  ASSERT_OK(t.files.remove(checkpoint_file(20)));
  ASSERT_OK(
      t.files.put("/t/_delta_log/00000000000000000020.checkpoint.0000000001.0000000002"
                  ".parquet",
                  whole));
  EXPECT_EQ(content(ok(open(t.files, t.root))), contents.back());
}

TEST(Log, DamageIsNamed) {
  TestTable t;
  grow(t, 8, 5);
  std::string good = ok(t.files.read(entry(4)));
  ASSERT_OK(t.files.put(entry(4), ""));
  EXPECT_ERROR(open(t.files, t.root), Code::Corrupt, "00004.json");
  ASSERT_OK(t.files.put(entry(4), good.substr(0, good.size() - 9)));
  EXPECT_ERROR(open(t.files, t.root), Code::Corrupt, "00004.json: line");
  ASSERT_OK(t.files.put(entry(4), R"({"add":{"path":7}})"));
  EXPECT_ERROR(open(t.files, t.root), Code::Corrupt, "\"path\" is not a string");
  ASSERT_OK(t.files.remove(entry(4)));
  EXPECT_ERROR(open(t.files, t.root), Code::Corrupt, "version 4 is missing");
  EXPECT_ERROR(open_version(t.files, t.root, Version(4)), Code::Corrupt, "version 4");
  EXPECT_ERROR(commits(t.files, t.root, Version(4), Version(5)), Code::NotFound,
               "/t: version 4 is not in the log");
  EXPECT_ERROR(open_version(t.files, t.root, Version(9)), Code::NotFound, "versions 0 to 8");
  EXPECT_ERROR(open(t.files, "/elsewhere"), Code::NotFound, "no Delta table");
}

TEST(Log, ACheckpointOfAnotherShapeIsNamed) {
  Entry entry;
  auto batch = rows(ddl("add INT"), R"([{"add":1}])");
  EXPECT_ERROR(append_rows(*batch, entry), Code::Corrupt, "column \"add\" is not a struct");
}

TEST(Log, ReadsV2CheckpointsWithSidecars) {
  TestTable t;
  std::vector<std::string> contents = grow(t, 12, 4);
  std::string whole = ok(t.files.read(checkpoint_file(10)));
  ASSERT_OK(t.files.remove(checkpoint_file(10)));
  std::string head = ok(t.files.read(entry(0)));
  for (int64_t v = 0; v <= 10; ++v) ASSERT_OK(t.files.remove(entry(v)));
  std::string top = R"({"checkpointMetadata":{"version":10}})"
                    "\n" +
                    head +
                    R"({"sidecar":{"path":"s.parquet","sizeInBytes":1,"modificationTime":1}})";
  ASSERT_OK(t.files.put("/t/_delta_log/_sidecars/s.parquet", whole));
  std::string v2 =
      "/t/_delta_log/00000000000000000010.checkpoint."
      "80a083e8-7026-4e79-81be-64bd76c43a11.json";
  ASSERT_OK(t.files.put(v2, top));
  EXPECT_EQ(content(ok(open(t.files, t.root))), contents.back());
}

TEST(Log, RefusesFeaturesByName) {
  TestTable t;
  Snapshot made = ok(t.make(ddl("a INT")));
  std::string protocol =
      R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["quantumRows",)"
      R"("variantType"],"writerFeatures":["quantumRows","variantType","icebergCompatV2"]}})";
  ASSERT_OK(t.files.put(entry(1), protocol));
  EXPECT_ERROR(open(t.files, t.root), Code::Unsupported, "quantumRows, variantType");
  ASSERT_OK(t.files.put(entry(1), R"({"protocol":{"minReaderVersion":1,"minWriterVersion":7,)"
                                  R"("writerFeatures":["appendOnly","rowTracking"]}})"));
  Snapshot readable = ok(open(t.files, t.root));
  EXPECT_ERROR(t.append(readable, "x"), Code::Unsupported, "rowTracking");
  ASSERT_OK(t.files.put(entry(1), R"({"add":{"path":"f","partitionValues":{},"size":1,)"
                                  R"("modificationTime":1,"dataChange":true,"deletionVector":)"
                                  R"({"storageType":"x","pathOrInlineDv":"ab","offset":1,)"
                                  R"("sizeInBytes":1,"cardinality":1}}})"));
  EXPECT_ERROR(open(t.files, t.root), Code::Corrupt, "deletion vector that ticklake knows");
}

TEST(Log, TravelsInTimeByFilesAndByTheTimesInCommits) {
  TestTable t;
  Snapshot s0 = ok(t.make(ddl("a INT")));
  Snapshot s1 = ok(t.append(s0, "one"));
  Snapshot s2 = ok(t.append(s1, "two"));
  EXPECT_EQ(ok(open_timestamp(t.files, t.root, s1.timestamp_ms())).version(), Version(1));
  EXPECT_EQ(ok(open_timestamp(t.files, t.root, s2.timestamp_ms() - 1)).version(), Version(1));
  EXPECT_EQ(ok(open_timestamp(t.files, t.root, s2.timestamp_ms() + 99)).version(), Version(2));
  EXPECT_ERROR(open_timestamp(t.files, t.root, s0.timestamp_ms() - 1), Code::NotFound,
               "the earliest");

  TestTable u;
  Snapshot c = ok(u.make(ddl("a INT"), {}, {{"delta.enableInCommitTimestamps", "true"}}));
  EXPECT_EQ(c.protocol().writer_features,
            (std::vector<std::string>{"appendOnly", "invariants", "inCommitTimestamp"}));
  std::vector<int64_t> times = {c.timestamp_ms()};
  for (int i = 1; i < 30; ++i) {
    if (i % 3 == 0) u.clock.advance_us(5'000'000);
    c = ok(u.append(c, std::to_string(i)));
    EXPECT_GT(c.timestamp_ms(), times.back());
    times.push_back(c.timestamp_ms());
  }
  for (size_t v = 0; v < times.size(); ++v) {
    auto version = Version(static_cast<int64_t>(v));
    EXPECT_EQ(ok(open_timestamp(u.files, u.root, times[v])).version(), version);
    EXPECT_EQ(ok(open_version(u.files, u.root, version)).timestamp_ms(), times[v]);
  }
  EXPECT_ERROR(open_timestamp(u.files, u.root, times[0] - 1), Code::NotFound, "no version");
}

TEST(Log, TimesInCommitsThatAreSwitchedOnLateSayWhereTheyBegin) {
  TestTable t;
  Snapshot made = ok(t.make(ddl("a INT")));
  Snapshot before = ok(t.append(made, "one"));
  auto with = [&](const Snapshot& base, std::map<std::string, std::string> configuration) {
    Metadata metadata = base.metadata();
    metadata.configuration = std::move(configuration);
    Transaction transaction{.operation = "SET TBLPROPERTIES"};
    transaction.metadata = std::move(metadata);
    return ok(commit(t.files, t.clock, base, std::move(transaction)));
  };
  const std::string version = "delta.inCommitTimestampEnablementVersion";
  const std::string time = "delta.inCommitTimestampEnablementTimestamp";
  Snapshot on = with(before, {{"delta.enableInCommitTimestamps", "true"}});
  EXPECT_EQ(on.metadata().configuration.at(version), "2");
  EXPECT_EQ(on.metadata().configuration.at(time), std::to_string(on.timestamp_ms()));
  EXPECT_GT(on.timestamp_ms(), before.timestamp_ms());
  EXPECT_EQ(ok(open_timestamp(t.files, t.root, on.timestamp_ms())).version(), Version(2));
  EXPECT_EQ(ok(open_timestamp(t.files, t.root, before.timestamp_ms())).version(), Version(1));
  // New metadata of a writer that does not know of it keeps it, and switching off forgets it.
  Snapshot kept = with(on, {{"delta.enableInCommitTimestamps", "true"}, {"owner", "me"}});
  EXPECT_EQ(kept.metadata().configuration.at(version), "2");
  EXPECT_EQ(kept.metadata().configuration.at(time), std::to_string(on.timestamp_ms()));
  Snapshot newest = ok(t.append(kept, "two"));
  std::string told = ok(t.files.read(entry(3)));
  std::string untold = told;
  untold.replace(untold.find("inCommitTimestamp"), 17, "inNoCommitTimesta");
  ASSERT_OK(t.files.put(entry(3), untold));
  EXPECT_ERROR(open_timestamp(t.files, t.root, kept.timestamp_ms()), Code::Corrupt,
               "/t: version 3 has no inCommitTimestamp");
  ASSERT_OK(t.files.put(entry(3), told));
  Snapshot off = with(newest, {});
  EXPECT_FALSE(off.metadata().configuration.contains(version));
  Snapshot again = with(off, {{"delta.enableInCommitTimestamps", "true"}});
  EXPECT_EQ(again.metadata().configuration.at(version), "6");
}

TEST(Log, RefreshFindsWhatIsNewAndWhatWasCleanedUp) {
  TestTable t;
  Snapshot old = ok(t.make(ddl("a INT")));
  Snapshot now = old;
  for (int i = 1; i <= 12; ++i) now = ok(t.append(now, std::to_string(i)));
  EXPECT_EQ(content(ok(refresh(t.files, old))), content(now));
  for (int64_t v = 0; v < 10; ++v) ASSERT_OK(t.files.remove(entry(v)));
  EXPECT_EQ(content(ok(refresh(t.files, old))), content(now));
}

TEST(Log, HistoryTakesMetricsAsNumbersAndAsTexts) {
  TestTable t;
  Snapshot made = ok(t.make(ddl("a INT")));
  ASSERT_OK(t.append(made, "one"));
  ASSERT_OK(t.files.put(entry(2), R"({"commitInfo":{"timestamp":5,"operation":"WRITE",)"
                                  R"("operationMetrics":{"num_added_rows":3,"s":"4"},)"
                                  R"("engineInfo":"delta-rs:py-1","userMetadata":"hello"}})"));
  auto log = ok(history(t.files, t.root, 2));
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].version, Version(2));
  EXPECT_EQ(log[0].metrics.at("num_added_rows"), "3");
  EXPECT_EQ(log[0].metrics.at("s"), "4");
  EXPECT_EQ(log[0].user_metadata, "hello");
  EXPECT_EQ(log[1].metrics.at("numOutputRows"), "1");
  EXPECT_EQ(log[1].engine_info, "ticklake/0.1.0");
}

TEST(Log, CheckpointsKeepTombstonesOnlyForTheirRetention) {
  TestTable t;
  Snapshot made = ok(t.make(ddl("a INT"), {},
                            {{"delta.deletedFileRetentionDuration", "interval 1 hour"},
                             {"delta.checkpointInterval", "100"}}));
  Snapshot one = ok(t.append(made, "one"));
  Transaction removal;
  removal.removes = {{"one"}};
  Snapshot gone = ok(commit(t.files, t.clock, one, removal));
  ASSERT_OK(checkpoint(t.files, t.clock, gone));
  int64_t early = ok(t.files.info(checkpoint_file(2))).size;
  std::string hint = ok(t.files.read("/t/_delta_log/_last_checkpoint"));
  EXPECT_NE(hint.find(R"("size":3)"), std::string::npos) << hint;
  t.clock.advance_us(int64_t{7200} * 1'000'000);
  ASSERT_OK(t.files.remove(checkpoint_file(2)));
  ASSERT_OK(checkpoint(t.files, t.clock, gone));
  hint = ok(t.files.read("/t/_delta_log/_last_checkpoint"));
  EXPECT_NE(hint.find(R"("size":2)"), std::string::npos) << hint;
  EXPECT_GT(early, 0);
}

}  // namespace
}  // namespace ticklake::delta
