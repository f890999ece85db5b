// DELETE, UPDATE, MERGE, INSERT: find what is touched, group of files by group, and hand each
// file's rows to delta::RowChange.
#include "query/change.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "query/change_find.h"

namespace ticklake::query {
namespace {

static_assert(std::string_view(delta::kRowNumber) == sql::kTargetRow);

constexpr int64_t kRowsPerInsert = 64 << 10;

// What a row for which the condition does not hold may be.
std::vector<delta::Condition::Op> opposites(delta::Condition::Op op) {
  using Op = delta::Condition::Op;
  switch (op) {
    case Op::Equal: return {Op::Less, Op::Greater, Op::IsNull};
    case Op::Less: return {Op::GreaterEqual, Op::IsNull};
    case Op::LessEqual: return {Op::Greater, Op::IsNull};
    case Op::Greater: return {Op::LessEqual, Op::IsNull};
    case Op::GreaterEqual: return {Op::Less, Op::IsNull};
    case Op::IsNull: return {Op::IsNotNull};
    case Op::IsNotNull: return {Op::IsNull};
  }
  return {};
}

// Whether statistics or partition values prove that all rows of the file meet the conditions.
bool all_match(const delta::Snapshot& snapshot, const delta::AddFile& file,
               const std::vector<delta::Condition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const delta::Condition& one) {
    auto against = opposites(one.op);
    return std::none_of(against.begin(), against.end(), [&](delta::Condition::Op op) {
      return delta::may_match(snapshot, file, {{one.column, op, one.literal}});
    });
  });
}

Result<BatchPtr> taken(const BatchPtr& batch, const std::vector<int64_t>& rows) {
  arrow::Int64Builder builder;
  TRY_STATUS(builder.AppendValues(rows));
  auto indices = TRY_ARROW(builder.Finish());
  auto out = TRY_ARROW(arrow::compute::Take(arrow::Datum(batch), arrow::Datum(indices)));
  return out.record_batch();
}

template <typename Builder, typename Value>
Result<BatchPtr> with_column(const BatchPtr& batch, const char* name,
                             const std::vector<Value>& values) {
  Builder builder;
  TRY_STATUS(builder.AppendValues(values));
  auto column = TRY_ARROW(builder.Finish());
  return from_arrow(batch->AddColumn(batch->num_columns(), name, column));
}

Schema with_fields(Schema schema, const std::vector<Field>& fields) {
  schema.fields.insert(schema.fields.end(), fields.begin(), fields.end());
  return schema;
}

class ChangeRun {
 public:
  ChangeRun(io::FileStore& files, const io::Clock& clock, const delta::Snapshot& snapshot,
            const sql::EditPlan& plan, const ChangeOptions& options)
      : files_(files), clock_(clock), snapshot_(snapshot), plan_(plan), options_(options) {}

  Result<Changed> run(delta::Transaction transaction) {
    database_ = TRY(Database::open({.threads = options_.threads,
                                    .memory_bytes_max = options_.memory_bytes_max,
                                    .spill_directory = options_.spill_directory}));
    delta::WriteOptions how;
    how.check = TRY(constraint_check(snapshot_, clock_.now_us()));
    change_.emplace(TRY(delta::RowChange::begin(files_, clock_, snapshot_, how)));
    if (plan_.source) TRY(load_source());
    if (plan_.kind == sql::EditPlan::Kind::Insert) {
      TRY(insert_rows());
    } else {
      TRY(choose_files());
      TRY(change_files());
      if (plan_.insert) TRY(insert_unmatched());
    }
    Changed out{.snapshot = snapshot_, .counts = TRY(change_->finish())};
    out.source_rows = source_.count();
    describe(out, transaction);
    transaction.read_files.insert(read_.begin(), read_.end());
    bool appends = plan_.kind == sql::EditPlan::Kind::Insert &&
                   plan_.overwrite == sql::EditPlan::Overwrite::Nothing;
    if (!appends) {
      transaction.would_read = [this](const delta::AddFile& file) { return is_candidate(file); };
    }
    out.snapshot = TRY(change_->commit(std::move(transaction)));
    return out;
  }

 private:
  bool is_merge() const { return plan_.kind == sql::EditPlan::Kind::Merge; }

  Result<void> add_inputs(const sql::Plan& plan, size_t from, Request& request) const {
    for (size_t i = from; i < plan.inputs.size(); ++i) {
      CHECK(options_.open, "who runs a statement that reads other tables says how");
      auto input = TRY(options_.open(plan.inputs[i]));
      request.inputs.emplace(plan.inputs[i].id, std::move(input));
    }
    return {};
  }

  static Request request_of(const sql::Plan& plan) {
    return {
        .sql = plan.duckdb_sql, .output = plan.output, .payload_functions = plan.payload_functions};
  }

  // All rows of a query over other tables.
  Result<Batches> rows_of(const sql::Plan& plan, const char* what, const char* advice) const {
    Request request = request_of(plan);
    request.answer_bytes_max = options_.source_bytes_max;
    TRY(add_inputs(plan, 0, request));
    auto prepared = TRY(database_->prepare(std::move(request)));
    auto answer = prepared->run({});
    if (answer) return std::move(answer->batches);
    Error error = std::move(answer).error();
    if (error.code == Code::Unavailable) {
      error.message = fmt::format("{}: {}; {}", what, error.message, advice);
    }
    return error;
  }

  // INSERT: first all that comes is known, then what goes.
  Result<void> insert_rows() {
    using Overwrite = sql::EditPlan::Overwrite;
    Batches rows = TRY(rows_of(*plan_.insert, "the query of INSERT",
                               "insert it in parts, each with a condition"));
    if (!plan_.promised.empty()) {
      auto check = TRY(check_of({{"REPLACE WHERE", plan_.promised}}, snapshot_.schema(),
                                clock_.now_us(), "a new row does not meet the condition of"));
      for (const BatchPtr& batch : rows) TRY(check(batch));
    }
    bool partitions = !snapshot_.metadata().partition_columns.empty();
    if (plan_.overwrite == Overwrite::Partitions && partitions) TRY(note_partitions(rows));
    if (plan_.overwrite == Overwrite::Found) {
      TRY(choose_files());
      TRY(change_files());
    } else if (plan_.overwrite != Overwrite::Nothing) {
      for (const auto& file : snapshot_.files()) {
        if (!is_candidate(file)) continue;
        read_.insert(file.path);
        TRY(change_->drop(file));
      }
    }
    return change_->insert(rows);
  }

  // The partitions that rows come for.
  Result<void> note_partitions(const Batches& rows) {
    std::set<std::vector<std::optional<std::string>>> all;
    const auto& names = snapshot_.metadata().partition_columns;
    for (const BatchPtr& batch : rows) {
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        std::vector<std::optional<std::string>> values;
        for (const std::string& name : names) {
          auto at = static_cast<size_t>(snapshot_.schema().find(name));
          values.push_back(TRY(delta::literal_text(*batch->column(static_cast<int>(at)), row,
                                                   snapshot_.schema().fields[at].type)));
        }
        all.insert(std::move(values));
      }
    }
    partitions_.emplace();
    for (const auto& values : all) {
      std::vector<delta::Condition> same;
      for (size_t i = 0; i < names.size(); ++i) {
        auto op = values[i] ? delta::Condition::Op::Equal : delta::Condition::Op::IsNull;
        same.push_back({names[i], op, values[i].value_or("")});
      }
      partitions_->push_back(std::move(same));
    }
    return {};
  }

  bool is_of_partitions(const delta::AddFile& file) const {
    return std::any_of(partitions_->begin(), partitions_->end(), [&](const auto& same) {
      return delta::may_match(snapshot_, file, same);
    });
  }

  Result<void> load_source() {
    Batches rows = TRY(rows_of(*plan_.source, "the source of MERGE",
                               "merge it in parts, each with a condition on its key (USING "
                               "(SELECT .. WHERE ..)), or give it fewer columns"));
    source_ = TRY(numbered(rows, plan_.source->output));
    matched_.assign(static_cast<size_t>(source_.count()), false);
    if (!plan_.keeps_unmatched || plan_.keys.empty()) return {};
    std::vector<std::string> columns;
    std::vector<std::shared_ptr<arrow::Array>> values;
    for (const auto& [ours, theirs] : plan_.keys) {
      columns.push_back(ours);
      values.push_back(source_.rows->column(plan_.source->output.find(theirs)));
    }
    keys_ = TRY(KeyRange::of(snapshot_, columns, values, false));
    return {};
  }

  bool is_candidate(const delta::AddFile& file) const {
    return delta::may_match(snapshot_, file, conditions_) &&
           (!keys_ || keys_->may_have(snapshot_, file)) &&
           (!partitions_ || is_of_partitions(file));
  }

  Result<void> choose_files() {
    conditions_ = conditions(plan_.find.inputs[0].conjuncts);
    bool deletes = plan_.kind == sql::EditPlan::Kind::Delete ||
                   plan_.kind == sql::EditPlan::Kind::Insert;
    bool whole = deletes && plan_.conjuncts_are_all;
    for (const auto& file : snapshot_.files()) {
      if (!is_candidate(file)) continue;
      read_.insert(file.path);
      if (whole && all_match(snapshot_, file, conditions_)) {
        TRY(change_->drop(file));
      } else {
        candidates_.push_back(file);
      }
    }
    return {};
  }

  // Rows of the source as the queries see them; `place`: with kSourcePlace.
  Schema source_schema(bool place) const {
    Schema out = with_fields(plan_.source->output, {{sql::kSourceRow, Kind::Long}});
    return place ? with_fields(out, {{sql::kSourcePlace, Kind::Long}}) : out;
  }

  Result<void> change_files() {
    if (candidates_.empty()) return {};
    Request request = request_of(plan_.find);
    if (is_merge()) {
      auto rows = std::make_shared<Batches>(Batches{source_.rows});
      request.inputs.emplace(plan_.find.inputs[1].id,
                             held_input(source_schema(false), rows, source_.count()));
    }
    TRY(add_inputs(plan_.find, is_merge() ? 2 : 1, request));
    auto finder = TRY(Finder::make(files_, snapshot_, *database_, std::move(request),
                                   plan_.find.inputs[0].id, candidates_));
    if (plan_.replace) TRY(prepare_replace());
    while (true) {
      auto found = TRY(finder->next());
      if (found.empty()) return {};
      for (auto& file : found) TRY(change_file(file));
    }
  }

  Result<void> prepare_replace() {
    const sql::Plan& plan = *plan_.replace;
    Request request = request_of(plan);
    old_rows_ = std::make_shared<Batches>();
    source_rows_ = std::make_shared<Batches>();
    Schema target = with_fields(
        snapshot_.schema(), {{sql::kTargetClause, Kind::Integer}, {sql::kTargetPlace, Kind::Long}});
    request.inputs.emplace(plan.inputs[0].id, held_input(target, old_rows_, 1 << 16));
    if (is_merge()) {
      request.inputs.emplace(plan.inputs[1].id,
                             held_input(source_schema(true), source_rows_, 1 << 16));
    }
    replace_ = TRY(database_->prepare(std::move(request)));
    return {};
  }

  // One pair for each row that a clause touches, and all source rows noted that matched.
  Result<std::vector<Pair>> settled(const Finder::FilePairs& found) {
    std::vector<Pair> out;
    bool touches = std::any_of(plan_.clauses.begin(), plan_.clauses.end(),
                               [](const auto& clause) { return !clause.by_source; });
    int64_t row_before = -1;
    for (const Pair& pair : found.pairs) {
      if (pair.source >= 0) matched_[static_cast<size_t>(pair.source)] = true;
      // As in Spark, whether the clauses' own conditions leave one of them does not count.
      bool again = std::exchange(row_before, pair.row) == pair.row;
      if (!again && pair.clause >= 0) out.push_back(pair);
      if (again && touches && !plan_.may_match_often) {
        return Error{
            Code::Invalid,
            fmt::format("{}: several rows of MERGE's source match one row of the table, and "
                        "which one counts is not said; make the source's rows unique in the "
                        "columns of ON, for example with GROUP BY",
                        snapshot_.root())};
      }
    }
    return out;
  }

  Result<void> change_file(const Finder::FilePairs& found) {
    std::vector<Pair> pairs = TRY(settled(found));
    std::vector<delta::Touched> touched;
    for (const Pair& pair : pairs) {
      bool deletes = plan_.clauses[static_cast<size_t>(pair.clause)].deletes;
      touched.push_back({pair.row, deletes});
      count(pair, deletes);
    }
    return change_->change(found.file, touched,
                           [&](const BatchPtr& rows, const std::vector<size_t>& places) {
                             return replaced(rows, places, pairs);
                           });
  }

  void count(const Pair& pair, bool deletes) {
    bool by_source = plan_.clauses[static_cast<size_t>(pair.clause)].by_source;
    (by_source ? (deletes ? by_source_deleted_ : by_source_updated_)
               : (deletes ? matched_deleted_ : matched_updated_)) += 1;
  }

  Result<BatchPtr> replaced(const BatchPtr& rows, const std::vector<size_t>& places,
                            const std::vector<Pair>& pairs) {
    std::vector<int32_t> clauses;
    std::vector<int64_t> numbers, sources, source_places;
    for (size_t place : places) {
      auto number = static_cast<int64_t>(numbers.size());
      numbers.push_back(number);
      clauses.push_back(pairs[place].clause);
      if (pairs[place].source < 0) continue;
      sources.push_back(pairs[place].source);
      source_places.push_back(number);
    }
    BatchPtr old = TRY(with_column<arrow::Int32Builder>(rows, sql::kTargetClause, clauses));
    *old_rows_ = {TRY(with_column<arrow::Int64Builder>(old, sql::kTargetPlace, numbers))};
    if (is_merge()) {
      BatchPtr some = TRY(taken(source_.rows, sources));
      *source_rows_ = {
          TRY(with_column<arrow::Int64Builder>(some, sql::kSourcePlace, source_places))};
    }
    Answer answer = TRY(replace_->run({}));
    return in_places(answer.batches, rows->num_rows());
  }

  // The rows in the order of their places, which are the last column.
  Result<BatchPtr> in_places(const Batches& batches, int64_t count) const {
    BatchPtr all = TRY(numbered(batches, plan_.replace->output)).rows;
    if (all->num_rows() != count) {
      return Error{Code::Corrupt, fmt::format("{} rows came for {} rows", all->num_rows(), count)};
    }
    const auto& places =
        static_cast<const arrow::Int64Array&>(*all->column(all->num_columns() - 2));
    std::vector<int64_t> order(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) order[static_cast<size_t>(places.Value(i))] = i;
    BatchPtr sorted = TRY(taken(all, order));
    arrow::ArrayVector columns = sorted->columns();
    columns.resize(snapshot_.schema().fields.size());
    return arrow::RecordBatch::Make(to_arrow(snapshot_.schema()), count, std::move(columns));
  }

  Result<void> insert_unmatched() {
    Request request = request_of(*plan_.insert);
    auto rows = std::make_shared<Batches>();
    request.inputs.emplace(plan_.insert->inputs[0].id,
                           held_input(source_schema(false), rows, kRowsPerInsert));
    TRY(add_inputs(*plan_.insert, 1, request));
    auto prepared = TRY(database_->prepare(std::move(request)));
    std::vector<int64_t> some;
    for (int64_t row = 0; row < source_.count(); ++row) {
      if (!matched_[static_cast<size_t>(row)]) some.push_back(row);
      bool enough = static_cast<int64_t>(some.size()) == kRowsPerInsert;
      if (some.empty() || !(enough || row + 1 == source_.count())) continue;
      *rows = {TRY(taken(source_.rows, some))};
      some.clear();
      Answer answer = TRY(prepared->run({}));
      TRY(change_->insert(answer.batches));
    }
    if (some.empty()) return {};
    *rows = {TRY(taken(source_.rows, some))};
    Answer answer = TRY(prepared->run({}));
    return change_->insert(answer.batches);
  }

  // operation, operationParameters and operationMetrics as Spark names them.
  void describe(const Changed& done, delta::Transaction& out) const {
    const delta::ChangeCounts& counts = done.counts;
    auto text = [](int64_t value) { return std::to_string(value); };
    if (plan_.kind == sql::EditPlan::Kind::Insert) {
      bool appends = plan_.overwrite == sql::EditPlan::Overwrite::Nothing;
      out.operation = "WRITE";
      out.parameters = {{"mode", appends ? "Append" : "Overwrite"}, {"partitionBy", "[]"}};
      if (!plan_.text.empty()) out.parameters["predicate"] = plan_.text;
      return;
    }
    out.parameters["predicate"] = plan_.text.empty() ? "[]" : fmt::format("[{:?}]", plan_.text);
    if (is_merge()) {
      out.operation = "MERGE";
      out.parameters["predicate"] = plan_.text;
      out.metrics = {{"numSourceRows", text(done.source_rows)},
                     {"numTargetRowsInserted", text(counts.inserted)},
                     {"numTargetRowsUpdated", text(counts.updated)},
                     {"numTargetRowsDeleted", text(counts.deleted)},
                     {"numTargetRowsCopied", text(counts.copied)},
                     {"numTargetRowsMatchedUpdated", text(matched_updated_)},
                     {"numTargetRowsMatchedDeleted", text(matched_deleted_)},
                     {"numTargetRowsNotMatchedBySourceUpdated", text(by_source_updated_)},
                     {"numTargetRowsNotMatchedBySourceDeleted", text(by_source_deleted_)},
                     {"numTargetFilesAdded", text(counts.files_added)},
                     {"numTargetFilesRemoved", text(counts.files_removed)},
                     {"numTargetBytesAdded", text(counts.bytes_added)},
                     {"numTargetBytesRemoved", text(counts.bytes_removed)},
                     {"numTargetChangeFilesAdded", text(counts.change_files)},
                     {"numTargetDeletionVectorsAdded", text(counts.vectors_added)},
                     {"numTargetDeletionVectorsRemoved", text(counts.vectors_removed)}};
      return;
    }
    bool deletes = plan_.kind == sql::EditPlan::Kind::Delete;
    out.operation = deletes ? "DELETE" : "UPDATE";
    out.metrics = {{deletes ? "numDeletedRows" : "numUpdatedRows",
                    text(deletes ? counts.deleted : counts.updated)},
                   {"numCopiedRows", text(counts.copied)},
                   {"numAddedFiles", text(counts.files_added)},
                   {"numRemovedFiles", text(counts.files_removed)},
                   {"numAddedBytes", text(counts.bytes_added)},
                   {"numRemovedBytes", text(counts.bytes_removed)},
                   {"numAddedChangeFiles", text(counts.change_files)},
                   {"numDeletionVectorsAdded", text(counts.vectors_added)},
                   {"numDeletionVectorsRemoved", text(counts.vectors_removed)}};
  }

  io::FileStore& files_;
  const io::Clock& clock_;
  const delta::Snapshot& snapshot_;
  const sql::EditPlan& plan_;
  const ChangeOptions& options_;
  std::unique_ptr<Database> database_;
  std::optional<delta::RowChange> change_;
  SourceRows source_;
  std::vector<bool> matched_;  // of the source's rows
  std::vector<delta::Condition> conditions_;
  std::optional<KeyRange> keys_;
  std::optional<std::vector<std::vector<delta::Condition>>> partitions_;  // that go
  std::set<std::string> read_;
  std::vector<delta::AddFile> candidates_;
  std::shared_ptr<Batches> old_rows_, source_rows_;
  std::unique_ptr<Prepared> replace_;
  int64_t matched_updated_ = 0, matched_deleted_ = 0;
  int64_t by_source_updated_ = 0, by_source_deleted_ = 0;
};

}  // namespace

Result<Changed> change(io::FileStore& files, const io::Clock& clock,
                       const delta::Snapshot& snapshot, const sql::EditPlan& plan,
                       const ChangeOptions& options, delta::Transaction transaction) {
  if (plan.gained.empty()) {
    return ChangeRun(files, clock, snapshot, plan, options).run(std::move(transaction));
  }
  std::vector<Field> fields = snapshot.schema().fields;
  fields.insert(fields.end(), plan.gained.begin(), plan.gained.end());
  transaction.metadata = TRY(delta::with_columns(snapshot, fields));
  auto grown = delta::with_metadata(snapshot, *transaction.metadata);
  return ChangeRun(files, clock, grown, plan, options).run(std::move(transaction));
}

}  // namespace ticklake::query
