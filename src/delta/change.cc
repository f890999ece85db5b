#include "delta/change.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include <algorithm>

#include "delta/change_feed.h"
#include "delta/data_file.h"
#include "delta/deletion_vector.h"
#include "delta/json.h"
#include "delta/rows_in.h"
#include "delta/rules.h"
#include "delta/state.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kWaitingBytesMax = 64 << 20;  // of rows on their way to files of their own
constexpr size_t kVectorFileBytesMax = 64 << 20;

// Rows that wait until they are worth a file.
struct Waiting {
  Batches batches;
  int64_t bytes = 0;

  void add(const BatchPtr& batch) {
    if (batch->num_rows() == 0) return;
    batches.push_back(batch);
    bytes += byte_size({batch});
  }
  Batches take() {
    bytes = 0;
    return std::exchange(batches, {});
  }
};

// One batch of a file, by what becomes of its rows.
struct Split {
  std::vector<int64_t> kept, deleted, replaced;  // indices
  std::vector<size_t> places;                    // in `touched`, of the replaced ones
};

Result<BatchPtr> taken(const BatchPtr& batch, const std::vector<int64_t>& rows) {
  if (static_cast<int64_t>(rows.size()) == batch->num_rows()) return batch;
  arrow::Int64Builder builder;
  TRY_STATUS(builder.AppendValues(rows));
  auto indices = TRY_ARROW(builder.Finish());
  auto out = TRY_ARROW(arrow::compute::Take(arrow::Datum(batch), arrow::Datum(indices)));
  return out.record_batch();
}

// Goes through the touched rows of one file as its batches come.
class Splitter {
 public:
  explicit Splitter(const std::vector<Touched>& touched) : touched_(touched) {}

  // `numbers`: of the batch's rows, ascending.
  Split next(const arrow::Int64Array& numbers) {
    Split out;
    for (int64_t i = 0; i < numbers.length(); ++i) {
      if (at_ == touched_.size() || touched_[at_].row != numbers.Value(i)) {
        out.kept.push_back(i);
      } else if (touched_[at_].deleted) {
        out.deleted.push_back(i);
        ++at_;
      } else {
        out.replaced.push_back(i);
        out.places.push_back(at_++);
      }
    }
    return out;
  }
  bool done() const { return at_ == touched_.size(); }

 private:
  const std::vector<Touched>& touched_;
  size_t at_ = 0;
};

// "Per-file Statistics" of a file whose bounds may be wider than its rows. Its numbers keep all
// their digits, so the text is changed and not what it says.
std::string loose_statistics(const std::string& stats, int64_t records) {
  Json json = Json::parse(stats.empty() ? "{}" : stats, nullptr, false);
  bool whole = json.is_object() && json.contains("numRecords");
  bool loose = whole && json.value("tightBounds", Json(true)) == Json(false);
  if (loose) return stats;
  if (whole && !json.contains("tightBounds")) {
    return R"({"tightBounds":false,)" + stats.substr(stats.find('{') + 1);
  }
  return fmt::format(R"({{"numRecords":{},"tightBounds":false}})", records);
}

}  // namespace

struct RowChange::State {
  State(io::FileStore& store, const io::Clock& time, const Snapshot& base, WriteOptions how)
      : files(store),
        clock(time),
        snapshot(base),
        plan(data_file_plan(store, time, snapshot, how)),
        feed_plan(change_feed_plan(store, time, snapshot)),
        options(std::move(how)),
        feed(config_flag(base.metadata(), "delta.enableChangeDataFeed")),
        vectors(config_flag(base.metadata(), "delta.enableDeletionVectors")) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (settled) return;
    // No one will ever name these files; what cannot be removed now is left to vacuum.
    for (const AddFile& add : adds) {
      if (!add.deletion_vector) (void)files.remove(io::join(snapshot.root(), add.path));
    }
    for (const auto& change : changes) (void)files.remove(io::join(snapshot.root(), change.path));
    for (const auto& path : vector_files) (void)files.remove(io::join(snapshot.root(), path));
  }

  Result<void> for_each_batch(const AddFile& file,
                              const std::function<Result<void>(const BatchPtr&)>& visit);
  Result<void> split_off(const BatchPtr& batch, const Split& split, const Replace& replace);
  Result<void> rewrite(const AddFile& file, const std::vector<Touched>& touched,
                       const Replace& replace);
  Result<void> mark(const AddFile& file, const std::vector<Touched>& touched,
                    const Replace& replace, int64_t stored);
  Result<void> tell(const BatchPtr& rows, const char* change_type);
  Result<void> collect(const BatchPtr& rows);
  Result<void> flush_rows();
  Result<void> flush_feed();
  Result<void> flush_vectors();
  void remove(const AddFile& file);

  io::FileStore& files;
  const io::Clock& clock;
  Snapshot snapshot;
  DataFilePlan plan;
  DataFilePlan feed_plan;
  WriteOptions options;
  bool feed;
  bool vectors;
  bool changed = false;  // some rows of a file, so the change feed needs files
  bool settled = false;  // committed, or maybe so
  Waiting rows_waiting, feed_waiting;
  VectorFile vector_file;
  std::vector<AddFile> dropped;
  std::vector<AddFile> adds;
  std::vector<RemoveFile> removes;
  std::vector<ChangeFile> changes;
  std::vector<std::string> vector_files;
  ChangeCounts counts;
};

RowChange::RowChange(std::unique_ptr<State> state) : state_(std::move(state)) {}
RowChange::RowChange(RowChange&&) noexcept = default;
RowChange::~RowChange() = default;

Result<RowChange> RowChange::begin(io::FileStore& files, const io::Clock& clock,
                                   const Snapshot& snapshot, WriteOptions options) {
  TRY(check_writable(snapshot.state()));
  return RowChange(std::make_unique<State>(files, clock, snapshot, std::move(options)));
}

// The file's rows with their numbers as the last column.
Result<void> RowChange::State::for_each_batch(
    const AddFile& file, const std::function<Result<void>(const BatchPtr&)>& visit) {
  std::vector<std::string> columns;
  for (const Field& field : snapshot.schema().fields) columns.push_back(field.name);
  columns.emplace_back(kRowNumber);
  auto reader = TRY(read(files, snapshot, file, columns));
  while (true) {
    auto next = reader->Next();
    if (!next.ok()) return Error{Code::Corrupt, next.status().message()};
    BatchPtr batch = *std::move(next);
    if (!batch) return {};
    if (batch->num_rows() > 0) TRY(visit(batch));
  }
}

void RowChange::State::remove(const AddFile& file) {
  removes.push_back({.path = file.path, .deleted_ms = clock.now_ms()});
  counts.files_removed += 1;
  counts.bytes_removed += file.size;
  if (file.deletion_vector) counts.vectors_removed += 1;
}

Result<void> RowChange::State::flush_rows() {
  for (AddFile& add : TRY(written(plan, rows_waiting.take()))) {
    counts.files_added += 1;
    counts.bytes_added += add.size;
    adds.push_back(std::move(add));
  }
  return {};
}

Result<void> RowChange::State::flush_feed() {
  for (AddFile& add : TRY(written(feed_plan, feed_waiting.take()))) {
    counts.change_files += 1;
    changes.push_back({std::move(add.path), std::move(add.partition_values), add.size});
  }
  return {};
}

Result<void> RowChange::State::flush_vectors() {
  if (vector_file.empty()) return {};
  vector_files.push_back(vector_file.path());
  TRY(vector_file.write(files, snapshot.root()));
  vector_file = VectorFile();
  return {};
}

// Into the change feed.
Result<void> RowChange::State::tell(const BatchPtr& rows, const char* change_type) {
  if (!feed || rows->num_rows() == 0) return {};
  feed_waiting.add(TRY(with_change_type(snapshot.schema(), rows, change_type)));
  return feed_waiting.bytes >= kWaitingBytesMax ? flush_feed() : Result<void>();
}

// Into files of new rows.
Result<void> RowChange::State::collect(const BatchPtr& rows) {
  rows_waiting.add(rows);
  return rows_waiting.bytes >= kWaitingBytesMax ? flush_rows() : Result<void>();
}

// What goes from a batch of a file, and what comes for it.
Result<void> RowChange::State::split_off(const BatchPtr& batch, const Split& split,
                                         const Replace& replace) {
  if (!split.deleted.empty()) {
    counts.deleted += static_cast<int64_t>(split.deleted.size());
    BatchPtr gone = feed ? TRY(taken(batch, split.deleted)) : nullptr;
    if (gone) TRY(tell(gone, "delete"));
  }
  if (split.replaced.empty()) return {};
  BatchPtr with_numbers = TRY(taken(batch, split.replaced));
  BatchPtr old_rows = TRY_ARROW(with_numbers->RemoveColumn(batch->num_columns() - 1));
  BatchPtr raw = TRY(replace(old_rows, split.places));
  CHECK(raw->num_rows() == old_rows->num_rows(), "each replaced row has one for it");
  BatchPtr fresh = TRY(checked_rows(snapshot, options, raw));
  counts.updated += fresh->num_rows();
  TRY(tell(old_rows, "update_preimage"));
  TRY(tell(fresh, "update_postimage"));
  return collect(fresh);
}

Result<void> RowChange::State::rewrite(const AddFile& file, const std::vector<Touched>& touched,
                                       const Replace& replace) {
  std::optional<DataFile> open;
  Splitter splitter(touched);
  auto visit = [&](const BatchPtr& batch) -> Result<void> {
    const auto& numbers = static_cast<const arrow::Int64Array&>(*batch->columns().back());
    Split split = splitter.next(numbers);
    TRY(split_off(batch, split, replace));
    if (split.kept.empty()) return {};
    BatchPtr rows = TRY(taken(batch, split.kept));
    BatchPtr kept = TRY_ARROW(rows->SelectColumns(plan.columns));
    if (!open) open = TRY(open_data_file(plan, file.partition_values, kept));
    counts.copied += kept->num_rows();
    return open->file.write(*kept);
  };
  TRY(for_each_batch(file, visit));
  CHECK(splitter.done(), "every touched row is in its file");
  remove(file);
  if (!open) return {};
  AddFile add = TRY(closed_data_file(plan, file.partition_values, *std::move(open)));
  counts.files_added += 1;
  counts.bytes_added += add.size;
  adds.push_back(std::move(add));
  return {};
}

// Leaves the file as it is and says which of its rows are gone.
Result<void> RowChange::State::mark(const AddFile& file, const std::vector<Touched>& touched,
                                    const Replace& replace, int64_t stored) {
  bool replaces =
      std::any_of(touched.begin(), touched.end(), [](const Touched& row) { return !row.deleted; });
  if (feed || replaces) {
    Splitter splitter(touched);
    TRY(for_each_batch(file, [&](const BatchPtr& batch) -> Result<void> {
      const auto& numbers = static_cast<const arrow::Int64Array&>(*batch->columns().back());
      return split_off(batch, splitter.next(numbers), replace);
    }));
    CHECK(splitter.done(), "every touched row is in its file");
  } else {
    counts.deleted += static_cast<int64_t>(touched.size());
  }
  RowSet gone;
  if (file.deletion_vector) {
    gone = TRY(read_vector(files, snapshot.root(), *file.deletion_vector, stored));
  }
  for (const Touched& row : touched) gone.add(row.row);
  remove(file);
  if (gone.size() == stored) return {};
  AddFile add = file;
  add.deletion_vector = vector_file.add(gone);
  add.stats = loose_statistics(file.stats, stored);
  add.data_change = true;
  counts.files_added += 1;
  counts.bytes_added += add.size;
  counts.vectors_added += 1;
  adds.push_back(std::move(add));
  return vector_file.bytes() >= kVectorFileBytesMax ? flush_vectors() : Result<void>();
}

Result<void> RowChange::drop(const AddFile& file) {
  auto rows = file.records();
  int64_t vector_rows = file.deletion_vector ? file.deletion_vector->cardinality : 0;
  int64_t live =
      rows ? *rows : TRY(stored_rows(state_->files, state_->snapshot.root(), file)) - vector_rows;
  state_->counts.deleted += live;
  state_->remove(file);
  state_->dropped.push_back(file);
  return {};
}

Result<void> RowChange::change(const AddFile& file, const std::vector<Touched>& touched,
                               const Replace& replace) {
  if (touched.empty()) return {};
  State& s = *state_;
  int64_t stored = TRY(stored_rows(s.files, s.snapshot.root(), file));
  int64_t live = stored - (file.deletion_vector ? file.deletion_vector->cardinality : 0);
  bool all_go =
      static_cast<int64_t>(touched.size()) == live &&
      std::all_of(touched.begin(), touched.end(), [](const Touched& t) { return t.deleted; });
  if (all_go) return drop(file);
  s.changed = true;
  bool marks = s.vectors && stored <= kVectorRowsMax;
  return marks ? s.mark(file, touched, replace, stored) : s.rewrite(file, touched, replace);
}

Result<void> RowChange::insert(const Batches& rows) {
  for (const BatchPtr& raw : rows) {
    if (raw->num_rows() == 0) continue;
    BatchPtr batch = TRY(checked_rows(state_->snapshot, state_->options, raw));
    state_->counts.inserted += batch->num_rows();
    if (state_->changed) TRY(state_->tell(batch, "insert"));
    TRY(state_->collect(batch));
  }
  return {};
}

Result<ChangeCounts> RowChange::finish() {
  State& s = *state_;
  if (s.changed && s.feed) {
    for (const AddFile& file : s.dropped) {
      TRY(s.for_each_batch(file, [&](const BatchPtr& rows) { return s.tell(rows, "delete"); }));
    }
  }
  TRY(s.flush_rows());
  TRY(s.flush_feed());
  TRY(s.flush_vectors());
  return s.counts;
}

Result<Snapshot> RowChange::commit(Transaction transaction) {
  State& s = *state_;
  bool nothing =
      s.adds.empty() && s.removes.empty() && transaction.txns.empty() && !transaction.metadata;
  if (nothing) return s.snapshot;
  for (const RemoveFile& remove : s.removes) transaction.read_files.insert(remove.path);
  transaction.adds = s.adds;
  transaction.removes = s.removes;
  transaction.changes = s.changes;
  auto committed = delta::commit(s.files, s.clock, s.snapshot, std::move(transaction));
  // Of a commit whose outcome is not known the files may be in the log.
  s.settled = committed || committed.error().code == Code::Unavailable;
  return committed;
}

}  // namespace ticklake::delta
