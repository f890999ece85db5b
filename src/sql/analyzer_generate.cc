// What makes several rows of one: explode(..) and its kin, in the select list, in LATERAL VIEW and
// in FROM.
//
// Invariant: over one source, the rows of the result are in the order of the source's rows: its
// select makes them, without a join. Streaming tables rely on it.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

constexpr std::array<std::string_view, 7> kGenerators = {
    "explode", "explode_outer", "inline", "inline_outer", "posexplode", "posexplode_outer",
    "stack"};

std::string unnested(const std::string& list) { return "unnest(" + list + ")"; }

// Without elements, an outer one gives one row of NULLs.
std::string kept(const std::string& list, const std::string& size, bool outer) {
  if (!outer) return list;
  return "CASE WHEN " + size + " > 0 THEN " + list + " ELSE [NULL] END";
}

Generated exploded(const Typed& value, bool outer, bool with_position) {
  Generated out;
  bool map = value.type.kind == Kind::Map;
  std::string size = (map ? "cardinality(" : "len(") + value.sql + ")";
  if (with_position) {
    std::string positions = "CAST(range(" + size + ") AS INTEGER[])";
    out.values.push_back({"pos", Kind::Integer, unnested(kept(positions, size, outer))});
  }
  const auto& children = *value.type.children;
  if (!map) {
    out.values.push_back({"col", children[0].type, unnested(kept(value.sql, size, outer))});
    return out;
  }
  std::string keys = "map_keys(" + value.sql + ")", values = "map_values(" + value.sql + ")";
  out.values.push_back({"key", children[0].type, unnested(kept(keys, size, outer))});
  out.values.push_back({"value", children[1].type, unnested(kept(values, size, outer))});
  return out;
}

Generated inlined(const Typed& value, bool outer) {
  Generated out;
  std::string rows = unnested(kept(value.sql, "len(" + value.sql + ")", outer));
  for (const Field& field : *value.type.children->front().type.children) {
    out.values.push_back(
        {field.name, field.type, "struct_extract(" + rows + ", " + quoted_text(field.name) + ")"});
  }
  return out;
}

Result<Generated> stacked(const Arguments& arguments) {
  if (arguments.size() < 2 || !arguments[0].literal || !arguments[0].type.is_integral() ||
      arguments[0].literal->value < 1) {
    return Error{Code::Invalid, "stack() takes a number of rows, then their values"};
  }
  auto rows = static_cast<size_t>(arguments[0].literal->value);
  size_t columns = (arguments.size() - 2) / rows + 1;
  Generated out;
  for (size_t column = 0; column < columns; ++column) {
    Arguments values;
    for (size_t i = column + 1; i < arguments.size(); i += columns) values.push_back(arguments[i]);
    auto type = common_type(values);
    bool same = type && std::ranges::all_of(values, [&](const Typed& one) {
      return one.type == *type || one.type.kind == Kind::Null;
    });
    if (!same) {
      return Error{Code::Invalid, "column " + std::to_string(column) +
                                      " of stack() holds values of several types; cast them"};
    }
    std::vector<std::string> texts;
    for (const Typed& one : values) {
      Typed value = TRY(cast(one, *type));
      texts.push_back(value.sql);
    }
    std::string list = "[" + listed(texts) + "]";
    if (texts.size() < rows) list = "list_resize(" + list + ", " + std::to_string(rows) + ")";
    out.values.push_back({"col" + std::to_string(column), *type, unnested(list)});
  }
  return out;
}

const Call* generator_of(const Expression& expression) {
  const auto* call = std::get_if<Call>(&expression.node);
  return call != nullptr && !call->over && is_generator(lowered(call->name)) ? call : nullptr;
}

}  // namespace

bool is_generator(std::string_view name) {
  return std::ranges::find(kGenerators, name) != kGenerators.end();
}

Result<Generated> Analyzer::generated(const Call& call, const Expression& whole, bool outer,
                                      Scope& scope) {
  std::string name = lowered(call.name);
  Position position = whole.position;
  std::string before = std::exchange(scope.no_aggregate, name + "()");
  Arguments values = TRY(arguments(call, scope));
  scope.no_aggregate = before;
  if (name == "stack") return located(position, stacked(values));
  if (values.size() != 1) {
    return at(position, name + "() takes one argument but got " + std::to_string(values.size()));
  }
  const Type& type = values[0].type;
  outer |= name.ends_with("_outer");
  if (name.starts_with("inline")) {
    bool rows = type.kind == Kind::Array && type.children->front().type.kind == Kind::Struct;
    if (!rows) return at(position, name + "() takes an ARRAY of STRUCT but got " + to_sql(type));
    return inlined(values[0], outer);
  }
  if (type.kind != Kind::Array && type.kind != Kind::Map) {
    return at(position, name + "() takes an ARRAY or a MAP but got " + to_sql(type));
  }
  return exploded(values[0], outer, name.starts_with("pos"));
}

// Adds the generator's columns as one more source; the index of it. What `where` rules out is not
// generated from.
Result<size_t> Analyzer::generate(const Call& call, const Expression& whole, bool outer,
                                  Scope& scope, const std::vector<std::string>& where) {
  Generated made = TRY(generated(call, whole, outer, scope));
  Source source;
  source.generated = true;
  std::vector<std::string> items;
  std::string id = new_id("g");
  for (size_t i = 0; i < made.values.size(); ++i) {
    const Generated::Value& value = made.values[i];
    source.columns.push_back({value.name, id + "_" + std::to_string(i), value.type});
    items.push_back(value.sql + " AS " + quoted_name(source.columns.back().sql_name));
  }
  auto leaf = std::make_unique<JoinTree>();
  leaf->source = scope.sources.size();
  bool single = scope.tree != nullptr && scope.tree->left == nullptr;
  if (single) {
    Source& below = scope.sources[scope.tree->source];
    source.id = below.id;
    below.sql = "(SELECT " + quoted_name(below.id) + ".*, " + listed(items) +
                from_where(scope, where) + ")";
    below.hoisted_within = below.hoisted.size();
  } else {
    source.id = id;
    std::string tail = where.empty() ? "" : " WHERE (" + listed(where, ") AND (") + ")";
    source.sql = "(SELECT " + listed(items) + tail + ")";
    scope.tree = scope.tree ? joined_trees("CROSS JOIN", std::move(scope.tree), std::move(leaf))
                            : std::move(leaf);
  }
  scope.sources.push_back(std::move(source));
  return scope.sources.size() - 1;
}

Result<void> Analyzer::lateral_view(const LateralView& view, Scope& scope) {
  const Call* call = generator_of(*view.call);
  if (call == nullptr) {
    return at(view.position, "LATERAL VIEW takes " + listed(std::vector<std::string>(
                                 kGenerators.begin(), kGenerators.end())) + " of values");
  }
  size_t index = TRY(generate(*call, *view.call, view.outer, scope, {}));
  Source& source = scope.sources[index];
  if (!view.alias.empty()) source.qualifier = {view.alias};
  if (view.columns.empty()) return {};
  if (view.columns.size() != source.columns.size()) {
    return at(view.position, call->name + "() makes " + std::to_string(source.columns.size()) +
                                 " columns but AS names " + std::to_string(view.columns.size()));
  }
  for (size_t i = 0; i < view.columns.size(); ++i) source.columns[i].name = view.columns[i];
  return {};
}

// A generator in the select list: its columns take its place.
Result<void> Analyzer::generate_items(const Select& select, std::vector<SelectedItem>& items,
                                      Scope& scope, std::vector<std::string>& where) {
  auto makes = [](const SelectedItem& item) {
    return item.expression != nullptr && generator_of(*item.expression) != nullptr;
  };
  auto found = std::ranges::find_if(items, makes);
  if (found == items.end()) return {};
  Position position = found->expression->position;
  const Call& call = *generator_of(*found->expression);
  if (std::find_if(found + 1, items.end(), makes) != items.end()) {
    return at(position, "a select list takes one generator such as " + call.name +
                            "(); put the other in LATERAL VIEW");
  }
  bool grouped = !select.group_by.empty() || select.group_by_all || select.having != nullptr;
  for (const SelectedItem& item : items) {
    grouped |= item.expression != nullptr && has_aggregate(*item.expression);
  }
  if (grouped) {
    return at(position, call.name + "() beside aggregates is not supported; aggregate in a "
                                    "subquery, or use LATERAL VIEW",
              Code::Unsupported);
  }
  size_t index = TRY(generate(call, *found->expression, false, scope, where));
  where.clear();
  const Source& source = scope.sources[index];
  std::vector<std::string> names;
  if (found->aliases != nullptr) names = *found->aliases;
  if (!found->unnamed && names.empty()) names = {found->name};
  if (!names.empty() && names.size() != source.columns.size()) {
    return at(position, call.name + "() makes " + std::to_string(source.columns.size()) +
                            " columns but AS names " + std::to_string(names.size()));
  }
  std::vector<SelectedItem> made;
  for (size_t i = 0; i < source.columns.size(); ++i) {
    const Column& column = source.columns[i];
    made.push_back(
        {names.empty() ? column.name : names[i], nullptr, column_value(source, column), position});
  }
  auto place = items.erase(found);
  items.insert(place, made.begin(), made.end());
  return {};
}

// explode(..) in FROM; `scope` has what it may name.
Result<Source> Analyzer::table_generator(const TableFunction& function, const FromItem& item,
                                         Scope& scope) {
  if (item.streaming) return at(item.position, "STREAM of " + function.name + "(): remove STREAM");
  Expression whole{item.position, Call{function.name, function.arguments}};
  Generated made = TRY(generated(std::get<Call>(whole.node), whole, false, scope));
  Source source;
  source.id = new_id("t");
  source.generated = true;
  std::vector<std::string> items;
  for (size_t i = 0; i < made.values.size(); ++i) {
    const Generated::Value& value = made.values[i];
    source.columns.push_back({value.name, "g" + std::to_string(i), value.type});
    items.push_back(value.sql + " AS " + quoted_name(source.columns.back().sql_name));
  }
  source.sql = "(SELECT " + listed(items) + ")";
  return source;
}

}  // namespace ticklake::sql
