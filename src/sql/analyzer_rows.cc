// Windows over what is more than a stored stream: the query is cut in two. Its FROM and WHERE give
// rows that a table of their own stores, as any streaming table's; the windows are over STREAM of
// that. The names in the rest of the query mean what they meant: each source in FROM keeps its
// columns, which now are the stored ones.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

// A column's name as Delta takes it.
std::string storable(std::string name) {
  constexpr std::string_view kRefused = " ,;{}()\n\t=";
  for (char& c : name) {
    if (kRefused.find(c) != std::string_view::npos) c = '_';
  }
  return name;
}

std::string text_of(const Source& source, const Column& column) {
  return quoted_name(source.id) + "." + quoted_name(column.sql_name);
}

// Those of the sources, in their order, then what USING made of several.
std::vector<StoredRows::Item> all_columns(const Scope& scope) {
  std::vector<StoredRows::Item> out;
  std::set<std::string> used = {"__row"};
  auto add = [&](StoredRows::Item item, const std::string& wanted, const std::string& of) {
    std::string name = storable(wanted);
    if (used.contains(lowered(name)) && !of.empty()) name = storable(of) + "_" + name;
    item.name = name;
    for (int n = 2; !used.insert(lowered(item.name)).second; ++n) {
      item.name = name + "_" + std::to_string(n);
    }
    out.push_back(std::move(item));
  };
  for (const Source& source : scope.sources) {
    std::string of = source.qualifier.empty() ? "" : source.qualifier.back();
    for (const Column& column : source.columns) {
      add({text_of(source, column), "", column.type, column.origin}, column.name, of);
    }
  }
  for (const MergedColumn& merged : scope.merged) {
    if (std::ranges::find(out, merged.value.sql, &StoredRows::Item::sql) != out.end()) continue;
    add({merged.value.sql, "", merged.value.type, std::nullopt}, merged.name, "");
  }
  return out;
}

}  // namespace

// A stored table's own rows need no other table.
bool Analyzer::stores_rows(const Scope& scope, size_t first_input) const {
  return first_input == 0 && stream_of(scope) != nullptr && plan_.inputs.size() > 1;
}

void Analyzer::store_rows(Scope& scope, const std::vector<std::string>& where) {
  StoredRows out;
  out.from_where = from_where(scope, where);
  out.row_sql = quoted_name(stream_of(scope)->id) + ".\"__row\"";
  out.input = plan_.inputs.size();
  out.items = all_columns(scope);
  PlanInput input;
  input.streaming = true;
  input.position = stream_of(scope)->position;
  for (const auto& item : out.items) input.schema.fields.push_back({item.name, item.type});
  Source scan = scanned(std::move(input));
  for (size_t i = 0; i < out.input; ++i) {
    if (plan_.inputs[i].within.empty()) plan_.inputs[i].within = plan_.inputs[out.input].id;
  }
  for (MergedColumn& merged : scope.merged) {
    auto item = std::ranges::find(out.items, merged.value.sql, &StoredRows::Item::sql);
    CHECK(item != out.items.end(), "all columns in sight are items");
    merged.value.sql = quoted_name(scan.id) + "." + quoted_name(item->name);
    merged.value.origin = Origin{out.input, item->name};
    plan_.inputs[out.input].columns.push_back(item->name);  // who names it does not say so
  }
  size_t next = 0;
  for (Source& source : scope.sources) {
    source.id = scan.id;
    source.sql = scan.sql;
    source.hoisted.clear();
    source.hoisted_within = 0;
    source.streaming = source.row = &source == &scope.sources.front();
    source.generated = source.lateral = false;
    for (Column& column : source.columns) {
      column.sql_name = out.items[next++].name;
      column.origin = Origin{out.input, column.sql_name};
      if (!column.delay_us) continue;
      watermark_sql_ = "SELECT max(" + text_of(source, column) + ") AS \"event_time\" FROM " +
                       scan.sql + " AS " + quoted_name(scan.id);
    }
  }
  scope.tree = std::make_unique<JoinTree>();
  stored_rows_ = std::move(out);
}

// The stored rows have the columns in use.
Result<void> Analyzer::finish_rows() {
  PlanInput& scan = plan_.inputs[stored_rows_->input];
  std::vector<std::string> items;
  scan.schema.fields.clear();
  for (const StoredRows::Item& item : stored_rows_->items) {
    if (std::ranges::find(scan.columns, item.name) == scan.columns.end()) continue;
    if (holds_null_or_interval(item.type)) {
      return at(scan.position, "column " + item.name +
                                   " of what is joined is an interval or always NULL, which cannot "
                                   "be stored; cast it to another type");
    }
    items.push_back(cast_text(item.sql, item.type) + " AS " + quoted_name(item.name));
    scan.schema.fields.push_back({item.name, item.type});
    if (!item.origin) continue;
    auto& columns = plan_.inputs[item.origin->input].columns;
    bool known = std::ranges::find(columns, item.origin->column) != columns.end();
    if (!known) columns.push_back(item.origin->column);
  }
  items.push_back(stored_rows_->row_sql + " AS \"__row\"");
  scan.query = "SELECT " + listed(items) + stored_rows_->from_where + " ORDER BY \"__row\"";
  return {};
}

}  // namespace ticklake::sql
