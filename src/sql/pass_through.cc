#include "base/text.h"
#include "sql/analyzer.h"
#include "sql/ast.h"

namespace ticklake::sql {
namespace {

// The select of `SELECT .. FROM STREAM x` and nothing more, or nullptr.
const Select* bare_select(const Query& query) {
  const auto* select = std::get_if<Select>(&query.body);
  bool bare = select != nullptr && query.ctes.empty() && query.order_by.empty() &&
              !query.order_by_all && !query.limit && !query.offset && !select->distinct &&
              !select->where && select->group_by.empty() && !select->group_by_all &&
              !select->having && !select->qualify && select->windows.empty() &&
              select->from.size() == 1;
  if (!bare) return nullptr;
  const FromItem& from = *select->from[0];
  bool stored = std::holds_alternative<TableName>(from.node) ||
                std::holds_alternative<TableFunction>(from.node);
  return stored && from.column_aliases.empty() && !from.watermark ? select : nullptr;
}

// The input's column whose values the expression gives, unchanged but for bytes read as text.
const Field* picked_field(const Expression& expression, const Schema& input, const Type& output) {
  const auto* cast = std::get_if<Cast>(&expression.node);
  const Expression& inner = cast != nullptr ? *cast->operand : expression;
  const auto* column = std::get_if<ColumnReference>(&inner.node);
  int index = column != nullptr && column->parts.size() == 1 ? input.find(column->parts[0]) : -1;
  if (index < 0) return nullptr;
  const Field& field = input.fields[static_cast<size_t>(index)];
  bool as_text = cast != nullptr && !cast->is_try && field.type.kind == Kind::Binary &&
                 output.kind == Kind::String;
  return field.type == output || as_text ? &field : nullptr;
}

// A view's columns are not those of the input below it.
bool reads_view(const Select& select, const Catalog& catalog) {
  const auto* table = std::get_if<TableName>(&select.from[0]->node);
  if (table == nullptr) return false;
  auto relation = catalog.find(table->parts);
  return !relation || relation->view != nullptr;
}

// A list of columns takes those of the query by name where all of its names are there.
bool is_reordered(const Statement& statement, const Select& select) {
  for (size_t i = 0; i < statement.columns.size(); ++i) {
    for (size_t j = 0; j < select.items.size(); ++j) {
      const SelectItem& item = select.items[j];
      std::string name = item.alias.empty() ? default_name(*item.expression) : item.alias;
      if (i != j && equal_ignoring_case(statement.columns[i].name, name)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> picked_columns(const Statement& statement, const Plan& plan,
                                        const Catalog& catalog) {
  bool fitted = statement.fitting.united || statement.fitting.table;
  bool plain = plan.has_row && plan.expectations == 0 && !plan.windowed &&
               plan.inputs.size() == 1 && !fitted;
  const Select* select = plain ? bare_select(*statement.query) : nullptr;
  if (select == nullptr || select->items.size() != plan.output.fields.size()) return {};
  if (reads_view(*select, catalog) || is_reordered(statement, *select)) return {};
  std::vector<std::string> out;
  for (size_t i = 0; i < select->items.size(); ++i) {
    const Field* field = picked_field(*select->items[i].expression, plan.inputs[0].schema,
                                      plan.output.fields[i].type);
    if (field == nullptr) return {};
    out.push_back(field->name);
  }
  return out;
}

}  // namespace ticklake::sql
