#include <algorithm>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

// parts[0..count) name the source: they are the end of its qualifier.
bool qualifies(const Source& source, const std::vector<std::string>& parts, size_t count) {
  if (count > source.qualifier.size()) return false;
  size_t skipped = source.qualifier.size() - count;
  for (size_t i = 0; i < count; ++i) {
    if (!equal_ignoring_case(parts[i], source.qualifier[skipped + i])) return false;
  }
  return true;
}

struct Match {
  const Source* source;
  const Column* column;
};

std::vector<Match> matches(const Scope& scope, const std::vector<std::string>& parts,
                           size_t qualifier) {
  std::vector<Match> out;
  for (const Source& source : scope.sources) {
    if (!qualifies(source, parts, qualifier)) continue;
    for (const Column& column : source.columns) {
      if (equal_ignoring_case(column.name, parts[qualifier])) out.push_back({&source, &column});
    }
  }
  return out;
}

}  // namespace

Typed Analyzer::column_value(const Source& source, const Column& column) {
  if (column.origin) {
    auto& used = plan_.inputs[column.origin->input].columns;
    if (std::ranges::find(used, column.origin->column) == used.end())
      used.push_back(column.origin->column);
  }
  return {.sql = quoted_name(source.id) + "." + quoted_name(column.sql_name),
          .type = column.type,
          .origin = column.origin,
          .delay_us = column.delay_us};
}

Result<Typed> Analyzer::field(Typed value, const std::string& name, Position position) const {
  if (value.type.kind == Kind::Map && value.type.children->front().type.kind == Kind::String) {
    auto function = TRY(find_scalar("element_at", 2));
    Typed key = {.sql = quoted_text(name), .type = Kind::String};
    return located(position, sql::call(*function, {"element_at", options_.now_us}, {value, key}));
  }
  bool is_list = value.type.kind == Kind::Array &&
                 value.type.children->front().type.kind == Kind::Struct;
  if (is_list) {  // the field of each element
    Typed element = {.sql = "of_", .type = value.type.children->front().type};
    Typed part = TRY(field(std::move(element), name, position));
    return Typed{.sql = "list_transform(" + value.sql + ", lambda of_: " + part.sql + ")",
                 .type = Type::array(part.type),
                 .may_fail = value.may_fail};
  }
  if (value.type.kind != Kind::Struct) {
    return at(position, "field " + name + " is asked of a value of type " + to_sql(value.type) +
                            ", which has no fields");
  }
  std::vector<std::string> names;
  const Field* found = nullptr;
  for (const Field& candidate : *value.type.children) {
    names.push_back(candidate.name);
    if (!equal_ignoring_case(candidate.name, name)) continue;
    if (found != nullptr)
      return at(position, "field " + name + " is ambiguous: two fields differ by case only");
    found = &candidate;
  }
  if (found == nullptr) {
    std::string near = nearest(name, names);
    std::string advice =
        near.empty() ? "its fields are " + listed(names) : "did you mean " + near + "?";
    return at(position, "there is no field " + name + " in " + to_sql(value.type) + "; " + advice);
  }
  if (value.parts)
    return Typed((*value.parts)[static_cast<size_t>(found - value.type.children->data())]);
  value.sql = "struct_extract(" + value.sql + ", " + quoted_text(found->name) + ")";
  value.type = found->type;
  value.origin.reset();
  value.delay_us.reset();
  value.literal.reset();
  return value;
}

Result<std::optional<Typed>> Analyzer::find_column(const std::vector<std::string>& parts,
                                                   Position position, Scope& scope,
                                                   size_t* qualifiers) {
  for (size_t qualifier = std::min<size_t>(3, parts.size() - 1) + 1; qualifier-- > 0;) {
    std::optional<Typed> value;
    if (qualifier == 0) {
      for (const MergedColumn& merged : scope.merged) {
        if (equal_ignoring_case(merged.name, parts[0])) value = merged.value;
      }
    }
    if (!value) {
      auto found = matches(scope, parts, qualifier);
      if (found.empty()) continue;
      if (found.size() > 1) {
        std::vector<std::string> places;
        for (const Match& match : found) places.push_back(joined(match.source->qualifier, "."));
        return at(position, "column " + joined(parts, ".") + " is ambiguous: it is in " +
                                joined(places, " and in ") +
                                "; write the table's name or alias before it");
      }
      value = column_value(*found[0].source, *found[0].column);
    }
    for (size_t i = qualifier + 1; i < parts.size(); ++i)
      value = TRY(field(*value, parts[i], position));
    if (qualifiers != nullptr) *qualifiers = qualifier;
    return value;
  }
  return std::optional<Typed>();
}

Error Analyzer::unknown_column(const std::vector<std::string>& parts, Position position,
                               const Scope& scope) const {
  std::string text = joined(parts, ".");
  std::vector<std::string> names;
  for (const Source& source : scope.sources) {
    for (const Column& column : source.columns) {
      names.push_back(column.name);
      if (!source.qualifier.empty()) names.push_back(source.qualifier.back() + "." + column.name);
    }
  }
  std::string message = "unknown column " + text;
  std::string near = nearest(text, names);
  if (near.empty()) near = nearest(parts.back(), names);
  if (!near.empty()) return at(position, message + "; did you mean " + near + "?");
  std::vector<std::string> columns;
  for (const Source& source : scope.sources) {
    for (const Column& column : source.columns) columns.push_back(column.name);
  }
  if (columns.empty()) return at(position, message + "; there is no FROM");
  return at(position, message + "; there are " + listed(columns));
}

Result<Typed> Analyzer::resolve(const std::vector<std::string>& parts, const Expression& whole,
                                Scope& scope) {
  Position position = whole.position;
  size_t qualifiers = 0;
  auto found = TRY(find_column(parts, position, scope, &qualifiers));
  if (found) {
    std::vector<std::string> path(parts.begin() + static_cast<long>(qualifiers), parts.end());
    texts_.patterns[&whole] = joined(path, ".");
    return *found;
  }
  for (auto alias = scope.aliases.rbegin(); alias != scope.aliases.rend(); ++alias) {
    if (!equal_ignoring_case(alias->first, parts[0])) continue;
    Typed value = alias->second;
    value.origin.reset();
    texts_.patterns[&whole] = "lateralAliasReference(" + joined(parts, ".") + ")";
    for (size_t i = 1; i < parts.size(); ++i) value = TRY(field(value, parts[i], position));
    return value;
  }
  return correlated(parts, whole, scope);
}

// The columns of the scope that a subquery of it named, listed once; for its text.
std::string Analyzer::correlations(const Scope& scope) {
  std::vector<std::string> names;
  for (const auto& [outer, name] : correlations_) {
    bool known = std::ranges::find(names, name) != names.end();
    if (outer == &scope && !known) names.push_back(name);
  }
  std::erase_if(correlations_, [&](const auto& one) { return one.first == &scope; });
  return listed(names);
}

// A column of the query around this one.
Result<Typed> Analyzer::correlated(const std::vector<std::string>& parts, const Expression& whole,
                                   Scope& scope) {
  Position position = whole.position;
  for (Scope* outer = scope.outer; outer != nullptr; outer = outer->outer) {
    size_t qualifiers = 0;
    auto found = TRY(find_column(parts, position, *outer, &qualifiers));
    if (!found) continue;
    Typed value = {.sql = found->sql, .type = found->type};
    if (outer->over_groups) {
      auto key = std::ranges::find(outer->grouping->keys, found->sql, &GroupKey::match);
      if (key == outer->grouping->keys.end()) {
        return at(position, "column " + joined(parts, ".") +
                                " of the outer query is neither grouped nor aggregated there");
      }
      value = {.sql = key->value.sql, .type = key->value.type};
    }
    std::vector<std::string> path(parts.begin() + static_cast<long>(qualifiers), parts.end());
    texts_.patterns[&whole] = "outer(" + joined(path, ".") + ")";
    correlations_.emplace_back(outer, joined(path, "."));
    return value;
  }
  return unknown_column(parts, position, scope);
}

}  // namespace ticklake::sql
