#include "picked_rows.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace ticklake::engine {
namespace {

// The column as `type`, or nullptr.
Result<std::shared_ptr<arrow::Array>> shown_as(const std::shared_ptr<arrow::Array>& column,
                                               const std::shared_ptr<arrow::DataType>& type) {
  if (column == nullptr) return std::shared_ptr<arrow::Array>();
  if (column->type()->Equals(*type)) return column;
  bool text = column->type_id() == arrow::Type::BINARY && type->id() == arrow::Type::STRING;
  if (!text) return std::shared_ptr<arrow::Array>();
  std::shared_ptr<arrow::Array> out = TRY_ARROW(column->View(type));
  bool good = static_cast<const arrow::StringArray&>(*out).ValidateUTF8().ok();
  return good ? out : nullptr;
}

}  // namespace

Result<std::optional<std::vector<Piece>>> picked_rows(const sql::Plan& plan,
                                                      const std::vector<FeedPiece>& pieces) {
  if (plan.picked.empty()) return std::optional<std::vector<Piece>>();
  auto schema = to_arrow(plan.output);
  std::vector<Piece> out;
  for (const auto& piece : pieces) {
    arrow::ArrayVector columns;
    for (size_t i = 0; i < plan.picked.size(); ++i) {
      auto column = TRY(shown_as(piece.rows->GetColumnByName(plan.picked[i]),
                                 schema->field(static_cast<int>(i))->type()));
      if (column == nullptr) return std::optional<std::vector<Piece>>();
      columns.push_back(std::move(column));
    }
    auto rows = arrow::RecordBatch::Make(schema, piece.rows->num_rows(), std::move(columns));
    if (rows->num_rows() > 0) out.push_back({piece.partition, std::move(rows)});
  }
  return std::optional(std::move(out));
}

}  // namespace ticklake::engine
