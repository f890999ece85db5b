#include "query/query.h"

namespace ticklake::query {
namespace {

std::optional<int64_t> total_rows(const std::vector<delta::AddFile>& files) {
  int64_t total = 0;
  for (const auto& file : files) {
    auto records = file.records();
    if (!records) return std::nullopt;
    total += *records;
  }
  return total;
}

}  // namespace

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

}  // namespace ticklake::query
