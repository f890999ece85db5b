// Rows replaced by their keys, and the check of constraints.
#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "base/text.h"
#include "query/change_find.h"

namespace ticklake::query {
namespace {

std::string quoted(const std::string& name) {
  std::string out(1, '"');
  for (char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

Result<Schema> key_schema(const delta::Snapshot& snapshot, const std::vector<std::string>& keys) {
  Schema out;
  for (const std::string& key : keys) {
    int at = snapshot.schema().find(key);
    if (at < 0) {
      return Error{Code::Invalid,
                   fmt::format("{}: there is no column `{}` to be a key", snapshot.root(), key)};
    }
    out.fields.push_back(snapshot.schema().fields[static_cast<size_t>(at)]);
    out.fields.back().nullable = true;
  }
  return out;
}

// The key columns of the batches as one.
Result<BatchPtr> key_columns(const Schema& keys, const Batches& batches) {
  Batches chosen;
  for (const BatchPtr& batch : batches) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const Field& field : keys.fields) {
      auto column = batch->GetColumnByName(field.name);
      if (!column || !column->type()->Equals(*to_arrow(field.type))) {
        return Error{Code::Invalid, fmt::format("the rows that go lack the key `{}` as {}",
                                                field.name, to_sql(field.type))};
      }
      columns.push_back(std::move(column));
    }
    chosen.push_back(arrow::RecordBatch::Make(to_arrow(keys), batch->num_rows(), columns));
  }
  return TRY(numbered(chosen, keys)).rows;
}

// Rows of the table with a key among those given.
Request find_request(const Schema& keys) {
  std::string same;
  for (const Field& field : keys.fields) {
    std::string name = quoted(field.name);
    same +=
        fmt::format("{}t.{} IS NOT DISTINCT FROM s.{}", same.empty() ? "" : " AND ", name, name);
  }
  Request out;
  out.sql = fmt::format(
      "SELECT t.{} AS c0, CAST(NULL AS BIGINT) AS c1, CAST(0 AS INTEGER) AS c2 "
      "FROM ticklake_input('i0') AS t SEMI JOIN ticklake_input('i1') AS s ON {}",
      delta::kRowNumber, same);
  out.output.fields = {{"c0", Kind::Long}, {"c1", Kind::Long}, {"c2", Kind::Integer}};
  return out;
}

}  // namespace

Result<Changed> replace_by_key(io::FileStore& files, const io::Clock& clock,
                               const delta::Snapshot& snapshot, const KeyedRows& rows,
                               const ChangeOptions& options, delta::Transaction transaction) {
  delta::WriteOptions how;
  how.check = TRY(constraint_check(snapshot, clock.now_us()));
  auto change = TRY(delta::RowChange::begin(files, clock, snapshot, how));
  Schema schema = TRY(key_schema(snapshot, rows.keys));
  BatchPtr keys = TRY(key_columns(schema, rows.gone));
  std::vector<std::shared_ptr<arrow::Array>> values(keys->columns().begin(),
                                                    keys->columns().end() - 1);
  KeyRange range = TRY(KeyRange::of(snapshot, rows.keys, values, true));
  std::vector<delta::AddFile> candidates;
  for (const auto& file : snapshot.files()) {
    if (keys->num_rows() == 0 || !range.may_have(snapshot, file)) continue;
    transaction.read_files.insert(file.path);
    candidates.push_back(file);
  }
  if (!candidates.empty()) {
    auto database = TRY(Database::open({.threads = options.threads,
                                        .memory_bytes_max = options.memory_bytes_max,
                                        .spill_directory = options.spill_directory}));
    Request request = find_request(schema);
    auto held = std::make_shared<Batches>(Batches{keys});
    request.inputs.emplace("i1", held_input(schema, held, keys->num_rows()));
    auto finder = TRY(
        Finder::make(files, snapshot, *database, std::move(request), "i0", std::move(candidates)));
    while (true) {
      auto found = TRY(finder->next());
      if (found.empty()) break;
      for (const auto& file : found) {
        std::vector<delta::Touched> touched;
        for (const Pair& pair : file.pairs) touched.push_back({pair.row, true});
        TRY(change.change(file.file, touched));
      }
    }
  }
  TRY(change.insert(rows.rows));
  Changed out{.snapshot = snapshot, .counts = TRY(change.finish())};
  if (transaction.operation.empty()) transaction.operation = "MERGE";
  auto text = [](int64_t value) { return std::to_string(value); };
  transaction.metrics.insert({{"numTargetRowsInserted", text(out.counts.inserted)},
                              {"numTargetRowsDeleted", text(out.counts.deleted)},
                              {"numTargetRowsCopied", text(out.counts.copied)},
                              {"numTargetFilesAdded", text(out.counts.files_added)},
                              {"numTargetFilesRemoved", text(out.counts.files_removed)}});
  transaction.would_read = [&](const delta::AddFile& file) {
    return keys->num_rows() > 0 && range.may_have(snapshot, file);
  };
  out.snapshot = TRY(change.commit(std::move(transaction)));
  return out;
}

Result<RowCheck> constraint_check(const delta::Snapshot& snapshot, int64_t now_us) {
  auto rules = delta::constraints(snapshot.metadata());
  if (rules.empty()) return RowCheck();
  auto check = check_of(rules, snapshot.schema(), now_us, "a row breaks the constraint");
  if (check) return check;
  Error error = std::move(check).error();
  error.code = Code::Unsupported;
  return prefixed(snapshot.root() + ": a constraint of the table", std::move(error));
}

Result<RowCheck> check_of(const std::vector<delta::Constraint>& rules, const Schema& schema,
                          int64_t now_us, const std::string& broken) {
  std::vector<std::string> conditions;
  for (const auto& rule : rules) conditions.push_back(rule.condition);
  sql::Plan plan = TRY(
      sql::analyze_conditions(conditions, schema, {.file = "constraint", .now_us = now_us}));
  std::shared_ptr<Database> database = TRY(Database::open({}));
  std::shared_ptr<Prepared> prepared =
      TRY(database->prepare({.sql = plan.duckdb_sql,
                             .output = plan.output,
                             .payload_functions = plan.payload_functions,
                             .batch_input = plan.inputs[0].id,
                             .batch_schema = schema}));
  return RowCheck([database, prepared, rules, broken](const BatchPtr& rows) -> Result<void> {
    Answer answer = TRY(prepared->run({rows}));
    for (const BatchPtr& batch : answer.batches) {
      for (size_t i = 0; i < rules.size(); ++i) {
        const auto& met =
            static_cast<const arrow::BooleanArray&>(*batch->column(static_cast<int>(i)));
        if (met.true_count() == met.length()) continue;
        return Error{Code::Invalid, fmt::format("{} `{}`: {}", broken, rules[i].name,
                                                printable(rules[i].condition))};
      }
    }
    return {};
  });
}

}  // namespace ticklake::query
