#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "query/query.h"

namespace ticklake::query {
namespace {

using Reader = std::shared_ptr<arrow::RecordBatchReader>;

std::optional<int64_t> total_rows(const std::vector<delta::AddFile>& files) {
  int64_t total = 0;
  for (const auto& file : files) {
    auto records = file.records();
    if (!records) return std::nullopt;
    total += *records;
  }
  return total;
}

delta::Condition::Op condition_op(sql::Conjunct::Op op) {
  using From = sql::Conjunct::Op;
  using To = delta::Condition::Op;
  switch (op) {
    case From::Equal: return To::Equal;
    case From::Less: return To::Less;
    case From::LessEqual: return To::LessEqual;
    case From::Greater: return To::Greater;
    case From::GreaterEqual: return To::GreaterEqual;
    case From::IsNull: return To::IsNull;
    case From::IsNotNull: return To::IsNotNull;
  }
  return To::Equal;
}

}  // namespace

std::vector<delta::Condition> conditions(const std::vector<sql::Conjunct>& conjuncts) {
  std::vector<delta::Condition> out;
  for (const auto& one : conjuncts) out.push_back({one.column, condition_op(one.op), one.literal});
  return out;
}

Input snapshot_input(io::FileStore& files, const delta::Snapshot& snapshot,
                     std::vector<delta::Condition> conditions) {
  std::vector<delta::AddFile> kept;
  for (auto& file : snapshot.files()) {
    if (delta::may_match(snapshot, file, conditions)) kept.push_back(std::move(file));
  }
  Input input;
  input.schema = snapshot.schema();
  input.rows = total_rows(kept);
  input.parts = [&files, snapshot, kept = std::move(kept)](const std::vector<std::string>& columns)
      -> Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>> {
    std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>> parts;
    for (const auto& file : kept) {
      parts.push_back([&files, snapshot, file, columns] {
        return delta::read(files, snapshot, file, columns);
      });
    }
    return parts;
  };
  return input;
}

Input held_input(const Schema& schema, std::shared_ptr<Batches> current, int64_t rows) {
  Input out;
  out.schema = schema;
  out.rows = rows;
  out.parts = [current](const std::vector<std::string>& columns)
      -> Result<std::vector<std::function<Result<Reader>()>>> {
    std::vector<std::function<Result<Reader>()>> parts;
    for (const BatchPtr& batch : *current) {
      parts.push_back([batch, columns]() -> Result<Reader> {
        std::vector<int> places;
        for (const std::string& name : columns) {
          places.push_back(batch->schema()->GetFieldIndex(name));
        }
        BatchPtr chosen = TRY_ARROW(batch->SelectColumns(places));
        auto reader = TRY_ARROW(arrow::RecordBatchReader::Make({chosen}, chosen->schema()));
        return Reader(std::move(reader));
      });
    }
    return parts;
  };
  return out;
}

}  // namespace ticklake::query
