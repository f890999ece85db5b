#include <arrow/array.h>
#include <arrow/scalar.h>

#include <algorithm>

#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

const char* const kVectors = "delta.enableDeletionVectors";
const char* const kFeed = "delta.enableChangeDataFeed";

// A table of two files: (1 a), (2 b), (3 c) and (4 d), (5 e), (6 f).
struct Changes : ::testing::Test, TestTable {
  Schema schema = ddl("id INT, v STRING");

  Snapshot two_files(std::map<std::string, std::string> configuration = {},
                     std::vector<std::string> partitions = {}) {
    Snapshot snapshot = ok(make(schema, std::move(partitions), std::move(configuration)));
    snapshot = ok(insert(snapshot, {rows(schema, R"([[1,"a"],[2,"b"],[3,"c"]])")}));
    return ok(insert(snapshot, {rows(schema, R"([[4,"d"],[5,"e"],[6,"f"]])")}));
  }

  AddFile file_with(const Snapshot& snapshot, int32_t id) {
    for (const AddFile& file : snapshot.files()) {
      if (may_match(snapshot, file, {{"id", Condition::Op::Equal, std::to_string(id)}}))
        return file;
    }
    ADD_FAILURE() << "no file may have " << id;
    return {};
  }

  RowChange begin(const Snapshot& snapshot) { return ok(RowChange::begin(files, clock, snapshot)); }

  Result<Snapshot> finished(RowChange& change, const char* operation) {
    auto done = change.finish();
    if (!done) return done.error();
    return change.commit({.operation = operation});
  }

  std::vector<std::string> lines(const Snapshot& snapshot) {
    std::vector<std::string> out;
    for (const AddFile& file : snapshot.files()) {
      auto reader = ok(read(files, snapshot, file));
      while (auto batch = reader->Next().ValueOrDie()) {
        for (int64_t i = 0; i < batch->num_rows(); ++i) {
          out.push_back(batch->column(0)->GetScalar(i).ValueOrDie()->ToString() +
                        batch->column(1)->GetScalar(i).ValueOrDie()->ToString());
        }
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // "version type id value", sorted.
  std::vector<std::string> feed(int64_t from, int64_t to) {
    std::vector<std::string> out;
    auto visit = [&](const ChangedRows& changed) -> Result<void> {
      for (int64_t i = 0; i < changed.rows->num_rows(); ++i) {
        auto text = [&](int column) {
          return changed.rows->column(column)->GetScalar(i).ValueOrDie()->ToString();
        };
        out.push_back(fmt::format("{} {} {}{}", changed.version.value, text(2), text(0), text(1)));
      }
      return {};
    };
    auto done = for_each_change(files, root, Version(from), Version(to), visit);
    EXPECT_TRUE(done) << done.error().message;
    std::sort(out.begin(), out.end());
    return out;
  }
};

using Lines = std::vector<std::string>;

TEST_F(Changes, RewritesOnlyTheFilesWithTouchedRows) {
  Snapshot before = two_files();
  AddFile untouched = file_with(before, 5);
  RowChange change = begin(before);
  ASSERT_OK(change.change(file_with(before, 2), {{1, true}}));
  Snapshot after = ok(finished(change, "DELETE"));
  EXPECT_EQ(lines(after), (Lines{"1a", "3c", "4d", "5e", "6f"}));
  EXPECT_EQ(file_with(after, 5).path, untouched.path);
  EXPECT_EQ(after.version(), Version(3));
  EXPECT_EQ(lines(before), (Lines{"1a", "2b", "3c", "4d", "5e", "6f"}));
}

TEST_F(Changes, ReplacesRowsAndInsertsOthers) {
  for (const char* vectors : {"false", "true"}) {
    TestTable other;
    Snapshot before = two_files({{kVectors, vectors}});
    RowChange change = begin(before);
    auto replace = [&](const BatchPtr& old, const std::vector<size_t>& places) -> Result<BatchPtr> {
      EXPECT_EQ(old->num_rows(), 1);
      EXPECT_EQ(places, std::vector<size_t>{1});
      return rows(schema, R"([[30,"C"]])");
    };
    ASSERT_OK(change.change(file_with(before, 1), {{0, true}, {2, false}}, replace));
    ASSERT_OK(change.insert({rows(schema, R"([[7,"g"]])")}));
    auto counts = ok(change.finish());
    EXPECT_EQ(counts.deleted, 1);
    EXPECT_EQ(counts.updated, 1);
    EXPECT_EQ(counts.inserted, 1);
    Snapshot after = ok(change.commit({.operation = "MERGE"}));
    EXPECT_EQ(lines(after), (Lines{"2b", "30C", "4d", "5e", "6f", "7g"}));
    EXPECT_EQ(lines(ok(open(files, root))), lines(after));
    root += "x";
  }
}

TEST_F(Changes, AFileWhoseRowsAllGoIsDropped) {
  for (const char* vectors : {"false", "true"}) {
    Snapshot before = two_files({{kVectors, vectors}});
    RowChange change = begin(before);
    ASSERT_OK(change.change(file_with(before, 1), {{0, true}, {1, true}, {2, true}}));
    auto counts = ok(change.finish());
    EXPECT_EQ(counts.files_added, 0);
    EXPECT_EQ(counts.deleted, 3);
    EXPECT_EQ(lines(ok(change.commit({.operation = "DELETE"}))), (Lines{"4d", "5e", "6f"}));
    root += "x";
  }
}

TEST_F(Changes, DeletionVectorsGrowAndFilesStay) {
  Snapshot snapshot = two_files({{kVectors, "true"}});
  EXPECT_EQ(snapshot.protocol().min_reader, 3);
  std::string path = file_with(snapshot, 1).path;
  for (int64_t row : {1, 0}) {
    RowChange change = begin(snapshot);
    ASSERT_OK(change.change(file_with(snapshot, 3), {{row, true}}));
    snapshot = ok(finished(change, "DELETE"));
  }
  EXPECT_EQ(lines(snapshot), (Lines{"3c", "4d", "5e", "6f"}));
  AddFile file = file_with(snapshot, 3);
  EXPECT_EQ(file.path, path);
  ASSERT_TRUE(file.deletion_vector);
  EXPECT_EQ(file.deletion_vector->cardinality, 2);
  EXPECT_EQ(file.records(), 1);
  EXPECT_NE(file.stats.find(R"("tightBounds":false)"), std::string::npos);
  EXPECT_NE(file.stats.find(R"("numRecords":3)"), std::string::npos);

  ASSERT_OK(checkpoint(files, clock, snapshot));
  Snapshot again = ok(open(files, root));
  EXPECT_EQ(content(again), content(snapshot));
  EXPECT_EQ(lines(again), lines(snapshot));
  for (int64_t version : {0, 2, 3, 4}) {
    size_t count = version == 0 ? 0 : version == 2 ? 6 : version == 3 ? 5 : 4;
    EXPECT_EQ(lines(ok(open_version(files, root, Version(version)))).size(), count);
  }

  auto compacted = ok(compact(files, clock, again));
  EXPECT_EQ(compacted.snapshot.file_count(), 1);
  EXPECT_FALSE(compacted.snapshot.files()[0].deletion_vector);
  EXPECT_EQ(lines(compacted.snapshot), lines(snapshot));
  auto restored =
      ok(restore(files, clock, compacted.snapshot, ok(open_version(files, root, Version(3)))));
  EXPECT_EQ(lines(restored.snapshot).size(), 5u);
  restored = ok(restore(files, clock, restored.snapshot, again));
  EXPECT_EQ(lines(restored.snapshot), lines(snapshot));
}

TEST_F(Changes, VacuumKeepsTheVectorsThatAreNeeded) {
  Snapshot snapshot = two_files({{kVectors, "true"}});
  for (int64_t row : {0, 1}) {
    RowChange change = begin(snapshot);
    ASSERT_OK(change.change(file_with(snapshot, 3), {{row, true}}));
    snapshot = ok(finished(change, "DELETE"));
  }
  clock.advance_us(int64_t{30} * 86'400 * 1'000'000);
  auto done = ok(vacuum(files, clock, snapshot));
  EXPECT_EQ(done.files, 1);  // the first vector
  EXPECT_EQ(lines(done.snapshot), (Lines{"3c", "4d", "5e", "6f"}));
}

TEST_F(Changes, TheFeedTellsWhatChanged) {
  for (const char* vectors : {"false", "true"}) {
    Snapshot snapshot = two_files({{kFeed, "true"}, {kVectors, vectors}});
    RowChange change = begin(snapshot);
    auto replace = [&](const BatchPtr&, const std::vector<size_t>&) -> Result<BatchPtr> {
      return rows(schema, R"([[20,"B"]])");
    };
    ASSERT_OK(change.change(file_with(snapshot, 2), {{1, false}, {2, true}}, replace));
    ASSERT_OK(change.drop(file_with(snapshot, 5)));
    ASSERT_OK(change.insert({rows(schema, R"([[9,"z"]])")}));
    snapshot = ok(finished(change, "MERGE"));
    RowChange all = begin(snapshot);
    for (const AddFile& file : snapshot.files()) ASSERT_OK(all.drop(file));
    snapshot = ok(finished(all, "DELETE"));
    EXPECT_EQ(feed(1, 1), (Lines{"1 insert 1a", "1 insert 2b", "1 insert 3c"}));
    EXPECT_EQ(feed(3, 4), (Lines{"3 delete 3c", "3 delete 4d", "3 delete 5e", "3 delete 6f",
                                 "3 insert 9z", "3 update_postimage 20B", "3 update_preimage 2b",
                                 "4 delete 1a", "4 delete 20B", "4 delete 9z"}));
    EXPECT_TRUE(ok(commits(files, root, Version(4), Version(4)))[0].changes.empty());
    root += "x";
  }
}

TEST_F(Changes, AVectorWithoutFeedFilesTellsItsRows) {
  Snapshot snapshot = two_files({{kVectors, "true"}});
  RowChange change = begin(snapshot);
  ASSERT_OK(change.change(file_with(snapshot, 2), {{1, true}}));
  snapshot = ok(finished(change, "DELETE"));
  Metadata metadata = snapshot.metadata();
  metadata.configuration[kFeed] = "true";
  snapshot = ok(commit(files, clock, snapshot, {.operation = "SET", .metadata = metadata}));
  Snapshot before = ok(open_version(files, root, Version(2)));
  snapshot = ok(restore(files, clock, snapshot, before)).snapshot;
  metadata = snapshot.metadata();
  metadata.configuration[kFeed] = "true";
  snapshot = ok(commit(files, clock, snapshot, {.operation = "SET", .metadata = metadata}));
  auto nothing = [](const ChangedRows&) -> Result<void> { return {}; };
  EXPECT_ERROR(for_each_change(files, root, Version(3), Version(4), nothing), Code::Unsupported,
               "version 3 has no change feed");
  EXPECT_ERROR(for_each_change(files, root, Version(6), Version(9), nothing), Code::NotFound, "9");
}

TEST_F(Changes, ConflictsAreThoseThatMatter) {
  Snapshot before = two_files();
  auto losing = [&](auto&& meanwhile, std::function<bool(const AddFile&)> would_read) {
    RowChange change = begin(before);
    EXPECT_TRUE(change.change(file_with(before, 2), {{1, true}}));
    EXPECT_TRUE(change.finish());
    meanwhile(before);
    Transaction transaction{.operation = "DELETE", .read_files = {file_with(before, 5).path}};
    transaction.would_read = std::move(would_read);
    return change.commit(std::move(transaction));
  };
  auto all = [](const AddFile&) { return true; };
  auto remove = [&](int32_t id, bool data_change) {
    return [this, id, data_change](const Snapshot& base) {
      Transaction transaction{.operation = "DELETE"};
      transaction.removes = {{.path = file_with(base, id).path, .data_change = data_change}};
      EXPECT_TRUE(commit(files, clock, base, std::move(transaction)));
    };
  };
  auto append = [&](const Snapshot& base) { EXPECT_TRUE(TestTable::append(base, "new")); };
  auto merge = [&](const Snapshot& base) {
    Transaction transaction{.operation = "MERGE", .adds = {file("merged")}};
    transaction.would_read = [](const AddFile&) { return false; };
    EXPECT_TRUE(commit(files, clock, base, std::move(transaction)));
  };
  auto restart = [&] {
    root += "x";
    before = two_files();
  };
  auto won = losing(append, all);
  EXPECT_TRUE(won) << won.error().message;  // a blind append may as well come after
  restart();
  EXPECT_ERROR(losing(merge, all), Code::Conflict, "would have read");
  restart();
  EXPECT_TRUE(losing(merge, [](const AddFile&) { return false; }));
  restart();
  EXPECT_ERROR(losing(remove(2, true), all), Code::Conflict, "removed");
  restart();
  EXPECT_ERROR(losing(remove(5, true), all), Code::Conflict, "removed rows that this one read");
  restart();
  EXPECT_ERROR(losing(remove(2, false), all), Code::Conflict, ", too");
  root += "y";
  before = two_files({{"delta.isolationLevel", "Serializable"}});
  EXPECT_ERROR(losing(append, all), Code::Conflict, "would have read");
}

TEST_F(Changes, WhatLosesLeavesNoFile) {
  Snapshot before = two_files({{kFeed, "true"}});
  auto there = [&] { return ok(files.list_all(root)).size(); };
  {
    RowChange change = begin(before);
    ASSERT_OK(change.change(file_with(before, 2), {{1, true}}));
    ASSERT_OK(change.finish());
    ASSERT_OK(append(before, "new"));
    ASSERT_OK(commit(files, clock, ok(open(files, root)),
                     {.operation = "DELETE", .removes = {{.path = file_with(before, 2).path}}}));
    size_t count = there();
    EXPECT_ERROR(change.commit({.operation = "DELETE"}), Code::Conflict, "removed");
    EXPECT_EQ(there(), count);
  }
  EXPECT_EQ(there(), 7u);  // five versions, two files
}

TEST_F(Changes, PartitionsChangeWithTheirRows) {
  schema = ddl("id INT, v STRING");
  Snapshot before = two_files({}, {"v"});
  RowChange change = begin(before);
  AddFile file;
  for (const AddFile& one : before.files()) {
    if (one.partition_values.at("v") == "b") file = one;
  }
  auto replace = [&](const BatchPtr&, const std::vector<size_t>&) -> Result<BatchPtr> {
    return rows(schema, R"([[2,"moved"]])");
  };
  ASSERT_OK(change.change(file, {{0, false}}, replace));
  EXPECT_EQ(lines(ok(finished(change, "UPDATE"))), (Lines{"1a", "2moved", "3c", "4d", "5e", "6f"}));
}

TEST_F(Changes, AnAppendOnlyTableRefuses) {
  Snapshot before = two_files({{"delta.appendOnly", "true"}});
  RowChange change = begin(before);
  ASSERT_OK(change.change(file_with(before, 2), {{1, true}}));
  EXPECT_ERROR(finished(change, "DELETE"), Code::Invalid, "append-only");
}

}  // namespace
}  // namespace ticklake::delta
