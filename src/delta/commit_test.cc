#include <random>
#include <set>

#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

Transaction adding(const std::string& path) {
  Transaction transaction;
  transaction.operation = "WRITE";
  transaction.adds = {TestTable::file(path)};
  return transaction;
}

TEST(Commit, RetriesOnTopOfAnAppendThatItLostTheRaceTo) {
  TestTable t;
  Snapshot base = ok(t.make(ddl("a INT")));
  ASSERT_OK(t.append(base, "theirs"));
  Snapshot ours = ok(t.append(base, "ours"));
  EXPECT_EQ(ours.version(), Version(2));
  EXPECT_EQ(ours.file_count(), 2);
  EXPECT_EQ(content(ours), content(ok(open(t.files, t.root))));
}

TEST(Commit, IsAConflictWhenProgressIsNotWhatWasExpected) {
  TestTable t;
  Snapshot base = ok(t.make(ddl("a INT")));
  Transaction first = adding("one");
  first.expected_txns = {{"flow", std::nullopt}};
  first.txns = {{"flow", 5}};
  Snapshot one = ok(commit(t.files, t.clock, base, first));
  EXPECT_EQ(one.txn("flow"), 5);
  // Known before the commit, and found out by the lost race.
  EXPECT_ERROR(commit(t.files, t.clock, one, first), Code::Conflict, "flow is 5, not none");
  EXPECT_ERROR(commit(t.files, t.clock, base, first), Code::Conflict, "flow");
  EXPECT_EQ(ok(open(t.files, t.root)).version(), Version(1));
}

TEST(Commit, IsAConflictWhenTheRaceMattered) {
  struct Case {
    const char* words;
    std::function<void(Transaction&)> ours;
    std::function<void(Transaction&)> theirs;
  };
  Metadata changed;
  changed.schema = ddl("a INT, b INT");
  const Case cases[] = {
      {"metadata", [](auto&) {}, [&](auto& t) { t.metadata = changed; }},
      {"removed old, too", [](auto& t) { t.removes = {{"old"}}; },
       [](auto& t) { t.removes = {{"old"}}; }},
      {"added rows", [](auto& t) { t.reads_table = true; }, [](auto&) {}},
      {"removed rows", [](auto& t) { t.reads_table = true; },
       [](auto& t) {
         t.adds.clear();
         t.removes = {{"old"}};
       }},
  };
  for (const Case& c : cases) {
    TestTable t;
    Snapshot base = ok(t.append(ok(t.make(ddl("a INT"))), "old"));
    Transaction ours = adding("ours");
    Transaction theirs = adding("theirs");
    c.ours(ours);
    c.theirs(theirs);
    ASSERT_OK(commit(t.files, t.clock, base, theirs));
    EXPECT_ERROR(commit(t.files, t.clock, base, ours), Code::Conflict, c.words);
    EXPECT_EQ(ok(open(t.files, t.root)).version(), Version(2)) << c.words;
  }
}

TEST(Commit, OfAReaderOfTheTableLetsCompactionPass) {
  TestTable t;
  Snapshot base = ok(t.append(ok(t.make(ddl("a INT"))), "old"));
  Transaction compaction = adding("compacted");
  compaction.adds[0].data_change = false;
  compaction.removes = {{"old", 0, false}};
  ASSERT_OK(commit(t.files, t.clock, base, compaction));
  Transaction ours = adding("ours");
  ours.reads_table = true;
  EXPECT_EQ(ok(commit(t.files, t.clock, base, ours)).file_count(), 2);
}

TEST(Commit, SettlesALostReplyByReadingBack) {
  bool lose = false;
  TestTable t([&](std::string_view operation, const io::Path&) {
    std::optional<io::MemoryFiles::Fault> fault;
    if (lose && operation == "put_if_absent") {
      fault = {{Code::Unavailable, "reply lost"}, true};
      lose = false;
    }
    return fault;
  });
  Snapshot base = ok(t.make(ddl("a INT")));
  lose = true;
  Snapshot ours = ok(t.append(base, "ours"));
  EXPECT_EQ(ours.version(), Version(1));
  EXPECT_EQ(ok(open(t.files, t.root)).file_count(), 1);
}

TEST(Commit, RemovesCarryWhatTheSnapshotKnows) {
  TestTable t;
  Snapshot base = ok(t.make(ddl("a INT, p STRING"), {"p"}));
  Snapshot one = ok(t.insert(base, {rows(base.schema(), R"([{"a":1,"p":"x y"}])")}));
  Transaction removal;
  removal.operation = "DELETE";
  removal.removes = {{one.files()[0].path}};
  ASSERT_OK(commit(t.files, t.clock, one, removal));
  std::string entry = ok(t.files.read("/t/_delta_log/00000000000000000002.json"));
  EXPECT_NE(entry.find(R"("extendedFileMetadata":true)"), std::string::npos) << entry;
  EXPECT_NE(entry.find(R"("partitionValues":{"p":"x y"})"), std::string::npos) << entry;
  EXPECT_NE(
      entry.find("p%3Dx%20y") == std::string::npos ? entry.find("p=x%20y/") : std::string::npos,
      std::string::npos)
      << entry;
  EXPECT_NE(entry.find(R"("numRemovedFiles":"1")"), std::string::npos) << entry;
}

TEST(Commit, RefusesRemovesOfAnAppendOnlyTable) {
  TestTable t;
  Snapshot base = ok(t.make(ddl("a INT"), {}, {{"delta.appendOnly", "true"}}));
  Snapshot one = ok(t.append(base, "old"));
  Transaction removal;
  removal.removes = {{"old"}};
  EXPECT_ERROR(commit(t.files, t.clock, one, removal), Code::Invalid, "append-only");
  removal.removes[0].data_change = false;
  EXPECT_EQ(ok(commit(t.files, t.clock, one, removal)).version(), Version(2));
}

TEST(Commit, TakesAFileOnce) {
  TestTable t;
  Snapshot base = ok(t.make(ddl("a INT")));
  EXPECT_ERROR(t.make(ddl("a INT")), Code::Conflict, "/t: there is a Delta table here already");
  Snapshot one = ok(t.append(base, "old"));
  Transaction twice;
  twice.adds = {TestTable::file("new"), TestTable::file("new")};
  EXPECT_ERROR(commit(t.files, t.clock, one, twice), Code::Invalid,
               "/t: the file new is added twice in one commit");
  twice.adds.clear();
  twice.removes = {{"old"}, {"old"}};
  EXPECT_ERROR(commit(t.files, t.clock, one, twice), Code::Invalid,
               "/t: the file old is removed twice in one commit");
}

// Another writer commits just before each single step of ours, and each step fails in turn, with
// and without effect: the log stays whole, and a commit that says it succeeded is there once.
TEST(Commit, SurvivesAFaultAtEveryStep) {
  for (int mode = 0; mode < 3; ++mode) {
    for (int at = 0; at < 40; ++at) {
      int step = 0;
      bool armed = false;
      TestTable* self = nullptr;
      std::optional<Snapshot> other;
      TestTable t([&](std::string_view operation, const io::Path&) {
        std::optional<io::MemoryFiles::Fault> fault;
        if (!armed || step++ != at) return fault;
        armed = false;
        if (mode == 0) {
          other = ok(self->append(*other, fmt::format("other-{}", at)));
        } else {
          fault = {{Code::Unavailable, "injected"}, mode == 2 && operation == "put_if_absent"};
        }
        armed = mode == 0;
        return fault;
      });
      self = &t;
      Snapshot snapshot = ok(t.make(ddl("a INT")));
      other = snapshot;
      armed = true;
      std::set<std::string> committed;
      for (int i = 0; i < 12; ++i) {
        std::string path = fmt::format("ours-{}", i);
        auto next = t.append(snapshot, path);
        if (next) {
          snapshot = *next;
          committed.insert(path);
        } else {
          EXPECT_EQ(next.error().code, Code::Unavailable) << next.error().message;
        }
      }
      armed = false;
      Snapshot end = ok(open(t.files, t.root));
      std::multiset<std::string> there;
      for (const AddFile& file : end.files()) {
        if (file.path.starts_with("ours")) there.insert(file.path);
      }
      for (const std::string& path : committed) EXPECT_EQ(there.count(path), 1u) << path;
      auto log = ok(commits(t.files, t.root, Version(0), end.version()));
      std::multiset<std::string> added;
      for (const Commit& c : log) {
        for (const AddFile& file : c.adds) added.insert(file.path);
      }
      for (const std::string& path : added) EXPECT_EQ(added.count(path), 1u) << path;
    }
  }
}

TEST(Commit, CostsTheSameAtAnyLengthOfTheLog) {
  int64_t operations = 0;
  TestTable t([&](std::string_view, const io::Path&) {
    ++operations;
    return std::optional<io::MemoryFiles::Fault>();
  });
  Snapshot snapshot = ok(t.make(ddl("a INT"), {}, {{"delta.checkpointInterval", "500"}}));
  int64_t early = 0;
  for (int i = 1; i <= 2000; ++i) {
    operations = 0;
    Transaction transaction = adding(fmt::format("f{}", i));
    transaction.txns = {{fmt::format("flow-{}", i % 7), i}};
    snapshot = ok(commit(t.files, t.clock, snapshot, transaction));
    if (i == 10) early = operations;
    bool checkpointed = i % 500 == 0;
    ASSERT_TRUE(checkpointed || early == 0 || operations == early) << i << ": " << operations;
  }
  EXPECT_LE(early, 3);
  operations = 0;
  EXPECT_EQ(ok(refresh(t.files, snapshot)).version(), Version(2000));
  EXPECT_LE(operations, 2);
  EXPECT_EQ(content(ok(open(t.files, t.root))), content(snapshot));
}

}  // namespace
}  // namespace ticklake::delta
