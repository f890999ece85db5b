#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "sql/analyzer.h"
#include "sql/join_condition.h"
#include "sql/stream_options.h"

namespace ticklake::sql {
namespace {

constexpr int kViewDepthMax = 50;

std::string_view join_word(Join::Kind kind) {
  switch (kind) {
    case Join::Kind::Inner: return "INNER JOIN";
    case Join::Kind::Left: return "LEFT JOIN";
    case Join::Kind::Right: return "RIGHT JOIN";
    case Join::Kind::Full: return "FULL JOIN";
    case Join::Kind::Cross: return "CROSS JOIN";
    case Join::Kind::LeftSemi: return "SEMI JOIN";
    case Join::Kind::LeftAnti: return "ANTI JOIN";
  }
  return "";
}

// Of NATURAL JOIN; hidden columns are none.
std::vector<std::string> common_columns(const Scope& scope, size_t first, size_t middle) {
  std::vector<std::string> names;
  for (size_t i = first; i < middle; ++i) {
    for (const Column& left : scope.sources[i].columns) {
      if (left.hidden) continue;
      auto same = [&](const Column& right) {
        return !right.hidden && equal_ignoring_case(left.name, right.name);
      };
      bool found = false;
      for (size_t j = middle; j < scope.sources.size(); ++j) {
        found |= std::ranges::any_of(scope.sources[j].columns, same);
      }
      if (found) names.push_back(left.name);
    }
  }
  return names;
}

// Why the sources from `first` and from `middle` on cannot be joined so; "": they can. No join may
// have to know that a row of a stream will never come.
std::string join_problem(const Join& join, const Scope& scope, size_t first, size_t middle) {
  auto streams = [&](size_t begin, size_t end) {
    auto from = scope.sources.begin();
    return std::any_of(from + static_cast<ptrdiff_t>(begin), from + static_cast<ptrdiff_t>(end),
                       [](const Source& source) { return source.streaming; });
  };
  bool left = streams(first, middle);
  bool right = streams(middle, scope.sources.size());
  if (!left && !right) return "";
  if (left && right) return std::string(kTwoStreams);
  bool semi = join.kind == Join::Kind::LeftSemi || join.kind == Join::Kind::LeftAnti;
  bool inner = join.kind == Join::Kind::Inner || join.kind == Join::Kind::Cross;
  bool keeps_left = semi || join.kind == Join::Kind::Left;
  bool keeps_right = join.kind == Join::Kind::Right;
  if (inner || (keeps_left && left) || (keeps_right && right)) return "";
  std::string word(join_word(join.kind));
  if (semi) {
    return "LEFT " + word + " with the stream on the right asks which rows of the table it will "
           "ever match, and a stream has no end; put STREAM on the left, or join in a "
           "materialized view";
  }
  return word + " keeps the rows of the table that the stream never matches, and a stream has no "
         "end; keep those of the stream, as in " +
         (left ? "STREAM s LEFT JOIN t" : "t RIGHT JOIN STREAM s") + ", or write INNER JOIN";
}

}  // namespace

const Source* stream_of(const Scope& scope) {
  auto found = std::ranges::find_if(scope.sources, &Source::streaming);
  return found == scope.sources.end() ? nullptr : &*found;
}

std::unique_ptr<JoinTree> joined_trees(std::string word, std::unique_ptr<JoinTree> left,
                                       std::unique_ptr<JoinTree> right) {
  auto tree = std::make_unique<JoinTree>();
  tree->word = std::move(word);
  tree->left = std::move(left);
  tree->right = std::move(right);
  return tree;
}

Result<void> Analyzer::from(const Select& select, Scope& scope, const Environment* environment,
                            Scope* outer) {
  for (const FromItemPtr& item : select.from) {
    auto tree = TRY(from_item(*item, scope, environment, outer));
    scope.tree = scope.tree ? joined_trees("CROSS JOIN", std::move(scope.tree), std::move(tree))
                            : std::move(tree);
  }
  if (stream_of(scope) != nullptr) TRY(keep_sides(scope));
  for (const LateralView& view : select.views) TRY(lateral_view(view, scope));
  return {};
}

// What a stream is joined with is read by inputs of their own, so that it can be worked out once
// and kept while its tables do not change.
Result<void> Analyzer::keep_sides(Scope& scope) {
  for (Source& source : scope.sources) {
    if (source.streaming || source.generated) continue;
    if (source.lateral) {
      return at(source.position,
                "LATERAL (SELECT ..) beside a stream is not supported; join the table itself",
                Code::Unsupported);
    }
    if (!source.hoisted.empty()) return at(source.position, std::string(kDecodedSide));
    if (source.sql.starts_with("ticklake_input(")) continue;
    PlanInput side;
    side.position = source.position;
    std::vector<std::string> items;
    for (const Column& column : source.columns) {
      if (holds_null_or_interval(column.type)) {
        return at(source.position, "column " + column.name +
                                       " of what the stream is joined with is an interval or "
                                       "always NULL; cast it to another type");
      }
      items.push_back(quoted_name(column.sql_name));
      side.schema.fields.push_back({column.sql_name, column.type});
      side.columns.push_back(column.sql_name);
    }
    side.query = "SELECT " + listed(items) + " FROM " + source.sql + " AS " +
                 quoted_name(source.id);
    Source scan = scanned(std::move(side));
    for (size_t i = source.first_input; i < source.last_input; ++i) {
      if (plan_.inputs[i].within.empty()) plan_.inputs[i].within = plan_.inputs.back().id;
    }
    source.sql = scan.sql;
    for (Column& column : source.columns) column.origin.reset();
  }
  return {};
}

Result<std::unique_ptr<JoinTree>> Analyzer::from_item(const FromItem& item, Scope& scope,
                                                      const Environment* environment,
                                                      Scope* outer) {
  if (const auto* both = std::get_if<Join>(&item.node))
    return join(*both, item, scope, environment, outer);
  size_t inputs = plan_.inputs.size();
  Source one = TRY(source(item, environment, item.lateral ? &scope : outer));
  one.first_input = inputs;
  one.last_input = plan_.inputs.size();
  one.lateral = item.lateral;
  one.position = item.position;
  if (!item.alias.empty()) one.qualifier = {item.alias};
  if (!item.column_aliases.empty()) {
    auto hidden = std::ranges::count_if(one.columns, [](const Column& c) { return c.hidden; });
    size_t count = one.columns.size() - static_cast<size_t>(hidden);
    if (item.column_aliases.size() != count) {
      return at(item.position, item.alias + " names " + std::to_string(item.column_aliases.size()) +
                                   " columns but has " + std::to_string(count));
    }
    for (size_t i = 0; i < count; ++i) one.columns[i].name = item.column_aliases[i];
  }
  if (item.watermark) TRY(watermark(*item.watermark, one));
  auto tree = std::make_unique<JoinTree>();
  tree->source = scope.sources.size();
  scope.sources.push_back(std::move(one));
  return tree;
}

Result<std::unique_ptr<JoinTree>> Analyzer::join(const Join& join, const FromItem& item,
                                                 Scope& scope, const Environment* environment,
                                                 Scope* outer) {
  size_t first = scope.sources.size();
  auto left = TRY(from_item(*join.left, scope, environment, outer));
  size_t middle = scope.sources.size();
  auto right = TRY(from_item(*join.right, scope, environment, outer));
  std::string problem = join_problem(join, scope, first, middle);
  if (!problem.empty()) return at(item.position, problem, Code::Unsupported);
  auto tree = joined_trees(std::string(join_word(join.kind)), std::move(left), std::move(right));
  bool semi = join.kind == Join::Kind::LeftSemi || join.kind == Join::Kind::LeftAnti;
  std::vector<std::string> using_columns = join.using_columns;
  if (join.natural) using_columns = common_columns(scope, first, middle);
  if (!using_columns.empty()) {
    TRY(merge_using(join, using_columns, item, scope, *tree, first, middle));
  } else if (join.on != nullptr) {
    bool inner = join.kind == Join::Kind::Inner || join.kind == Join::Kind::Cross;
    if (!inner && has_subquery(*join.on)) {
      return at(join.on->position,
                "a subquery in ON of a " + std::string(join_word(join.kind)) +
                    " is not supported; put it in WHERE of a joined (SELECT ..)",
                Code::Unsupported);
    }
    std::string before = scope.no_aggregate;
    scope.no_aggregate = "ON";
    tree->on = TRY(join_condition(
        *join.on, {.value = [&](const Expression& part) { return expression(part, scope); },
                   .condition = [&](const Expression& part) {
                     return condition(part, scope, "ON");
                   }}));
    scope.no_aggregate = before;
    if (join.kind == Join::Kind::Cross) tree->word = "INNER JOIN";
  } else if (join.kind == Join::Kind::Inner) {
    tree->word = "CROSS JOIN";
  } else if (join.kind != Join::Kind::Cross) {
    tree->on = "TRUE";
  }
  if (semi) {
    if (stream_of(scope) != nullptr) TRY(keep_sides(scope));
    for (size_t i = middle; i < scope.sources.size(); ++i) scope.sources[i].columns.clear();
  }
  // What an outer join adds is not in the input: its columns rule out no files.
  bool keeps_left = join.kind != Join::Kind::Right && join.kind != Join::Kind::Full;
  bool keeps_right = join.kind == Join::Kind::Inner || join.kind == Join::Kind::Cross;
  for (size_t i = first; i < scope.sources.size(); ++i) {
    if (i < middle ? keeps_left : keeps_right) continue;
    for (Column& column : scope.sources[i].columns) {
      if (column.origin) column.origin->padded = true;
    }
  }
  return tree;
}

Result<void> Analyzer::merge_using(const Join& join,
                                   const std::vector<std::string>& columns,
                                   const FromItem& item, Scope& scope, JoinTree& tree,
                                   size_t first, size_t middle) {
  std::vector<std::string> equal;
  for (const std::string& name : columns) {
    auto find = [&](size_t begin, size_t end) -> std::optional<Typed> {
      for (const MergedColumn& merged : scope.merged) {
        bool within = merged.first >= begin && merged.first < end;
        if (within && equal_ignoring_case(merged.name, name)) return merged.value;
      }
      for (size_t i = begin; i < end; ++i) {
        for (const Column& column : scope.sources[i].columns) {
          if (equal_ignoring_case(column.name, name)) return column_value(scope.sources[i], column);
        }
      }
      return std::nullopt;
    };
    auto left = find(first, middle);
    auto right = find(middle, scope.sources.size());
    if (!left || !right)
      return at(item.position, "USING names " + name + ", which is not a column of both sides");
    Typed same = TRY(compared(Binary::Op::Equal, *left, *right, item.position));
    equal.push_back(same.sql);
    Typed value = join.kind == Join::Kind::Right ? *right : *left;
    if (join.kind == Join::Kind::Full) {
      Typed values[] = {*left, *right};
      value.type = *common_type(values);
      Typed a = TRY(located(item.position, cast(*left, value.type)));
      Typed b = TRY(located(item.position, cast(*right, value.type)));
      value.sql = "COALESCE(" + a.sql + ", " + b.sql + ")";
    }
    value.origin.reset();
    std::erase_if(scope.merged,
                  [&](const MergedColumn& one) { return equal_ignoring_case(one.name, name); });
    scope.merged.push_back({name, value, first});
  }
  tree.on = listed(equal, " AND ");
  return {};
}

Result<Source> Analyzer::source(const FromItem& item, const Environment* environment,
                                Scope* outer) {
  if (const auto* name = std::get_if<TableName>(&item.node)) return table(*name, item, environment);
  if (const auto* function = std::get_if<TableFunction>(&item.node)) {
    if (!is_generator(lowered(function->name))) return table_function(*function, item);
    Scope alone;
    return table_generator(*function, item, item.lateral ? *outer : alone);
  }
  if (const auto* pivoted = std::get_if<Pivot>(&item.node))
    return pivot(*pivoted, item, environment, outer);
  if (const auto* unpivoted = std::get_if<Unpivot>(&item.node))
    return unpivot(*unpivoted, item, environment, outer);
  const auto& subquery = std::get<DerivedTable>(item.node);
  Rows rows = TRY(query(*subquery.query, environment, outer));
  return derived(std::move(rows));
}

Source Analyzer::derived(Rows rows) {
  Source out;
  out.id = new_id("t");
  out.sql = "(" + rows.sql + ")";
  out.columns = std::move(rows.columns);
  out.row = rows.row;
  out.streaming = rows.streaming;
  out.aggregated = rows.aggregated;
  return out;
}

Source Analyzer::scanned(PlanInput input) {
  Source out;
  size_t index = plan_.inputs.size();
  input.id = "i" + std::to_string(index);
  out.id = new_id("t");
  out.sql = "ticklake_input('" + input.id + "')";
  out.streaming = out.row = input.streaming;
  for (const Field& field : input.schema.fields) {
    out.columns.push_back({field.name, field.name, field.type, Origin{index, field.name}});
  }
  plan_.inputs.push_back(std::move(input));
  return out;
}

Result<Source> Analyzer::table(const TableName& name, const FromItem& item,
                               const Environment* environment) {
  if (name.parts.size() == 1) {
    for (; environment != nullptr; environment = environment->outer) {
      const CommonTable& table = *environment->table;
      if (!equal_ignoring_case(table.name, name.parts[0])) continue;
      if (item.streaming)
        return at(item.position,
                  "STREAM of " + table.name + ", which is a WITH query: write STREAM in it");
      Rows rows = TRY(query(*table.query, environment->outer, nullptr));
      if (!table.columns.empty() && table.columns.size() != rows.columns.size()) {
        return at(table.position, table.name + " names " + std::to_string(table.columns.size()) +
                                      " columns but has " + std::to_string(rows.columns.size()));
      }
      for (size_t i = 0; i < table.columns.size(); ++i) rows.columns[i].name = table.columns[i];
      Source out = derived(std::move(rows));
      out.qualifier = {table.name};
      return out;
    }
  }
  std::string text = joined(name.parts, ".");
  auto relation = catalog_.find(name.parts);
  if (!relation) {
    std::string near = nearest(text, catalog_.candidates);
    if (near.empty()) near = nearest(name.parts.back(), catalog_.candidates);
    return at(item.position,
              "unknown table " + text + (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  if (relation->view && !name.options.empty()) {
    return at(item.position,
              "the option " + name.options.begin()->first + " of the view " + text +
                  "; write it behind STREAM in the view's own query",
              Code::Unsupported);
  }
  if (relation->view) return view(*relation, item);
  PlanInput input;
  if (!name.options.empty()) {
    auto options = table_stream(name.options, item.streaming, text);
    if (!options) return at(item.position, options.error().message, options.error().code);
    input.stream = *options;
  }
  input.streaming = item.streaming;
  input.table = relation->name;
  input.schema = relation->schema;
  if (input.stream.change_feed) {
    for (const Field& field : change_feed_columns()) input.schema.fields.push_back(field);
  }
  input.version = name.version;
  input.position = item.position;
  if (name.timestamp != nullptr) {
    const auto* literal = std::get_if<Literal>(&name.timestamp->node);
    if (literal == nullptr)
      return at(item.position, "TIMESTAMP AS OF takes a literal such as '2026-01-05 14:30:00'",
                Code::Unsupported);
    input.timestamp = literal->text;
  }
  Source out = scanned(std::move(input));
  out.qualifier = split(relation->name, '.');
  return out;
}

Result<Source> Analyzer::view(const Relation& relation, const FromItem& item) {
  bool open = std::ranges::find(open_views_, relation.name) != open_views_.end();
  if (open || open_views_.size() >= kViewDepthMax) {
    return at(item.position, "the view " + relation.name + " reads itself");
  }
  if (relation.view->query == nullptr)
    return at(item.position, "the view " + relation.name + " has no query");
  open_views_.push_back(relation.name);
  std::string before = std::exchange(file_, relation.view->file);
  auto rows = query(*relation.view->query, nullptr, nullptr);
  Result<Rows> listed_rows = rows ? with_column_list(*relation.view, *rows) : rows;
  file_ = before;
  open_views_.pop_back();
  Source out = derived(TRY(std::move(listed_rows)));
  if (item.streaming && !out.streaming) {
    return at(item.position,
              "STREAM of the view " + relation.name + "; write STREAM in the view's own query",
              Code::Unsupported);
  }
  out.qualifier = split(relation.name, '.');
  return out;
}

Result<void> Analyzer::watermark(const Watermark& watermark, Source& source) {
  if (!source.streaming) {
    return at(watermark.position, "WATERMARK is for streams: write FROM STREAM ..");
  }
  if (source.aggregated) {
    return at(watermark.position,
              "WATERMARK over an aggregation is not supported; write it behind the stream that is "
              "aggregated",
              Code::Unsupported);
  }
  Scope scope;
  scope.no_aggregate = "WATERMARK";
  scope.sources.push_back(source);
  Typed value = TRY(expression(*watermark.expression, scope));
  if (value.type.kind != Kind::Timestamp && value.type.kind != Kind::TimestampNtz) {
    return at(watermark.position, "WATERMARK needs a TIMESTAMP but got " + to_sql(value.type));
  }
  auto same = [&](const Column& column) {
    return quoted_name(source.id) + "." + quoted_name(column.sql_name) == value.sql;
  };
  auto column = std::ranges::find_if(source.columns, same);
  scope.tree = std::make_unique<JoinTree>();
  watermark_sql_ = "SELECT max(" + value.sql + ") AS \"event_time\"" + from_where(scope, {});
  if (column != source.columns.end()) {
    column->delay_us = watermark.delay_us;
    if (watermark.name.empty()) return {};
  }
  if (watermark.name.empty()) {
    return at(watermark.position,
              "the expression of WATERMARK needs a name: WATERMARK .. AS name DELAY OF ..");
  }
  std::vector<std::string> items;
  for (const Column& one : source.columns) items.push_back(column_value(source, one).sql);
  items.push_back(value.sql + " AS " + quoted_name("__event_time"));
  if (source.row) items.push_back(quoted_name(source.id) + ".\"__row\"");
  source.sql = "(SELECT " + listed(items) + from_where(scope, {}) + ")";
  source.columns.push_back(
      {watermark.name, "__event_time", value.type, value.origin, watermark.delay_us});
  return {};
}

std::string Analyzer::tree_text(const JoinTree& tree, const Scope& scope,
                                const std::vector<std::string>& pushed) const {
  if (tree.left != nullptr) {
    std::string out = "(" + tree_text(*tree.left, scope, {}) + " " + tree.word + " " +
                      tree_text(*tree.right, scope, {});
    if (!tree.on.empty()) out += " ON " + tree.on;
    return out + ")";
  }
  const Source& source = scope.sources[tree.source];
  std::string plain = source.sql + " AS " + quoted_name(source.id);
  if (source.hoisted.size() == source.hoisted_within) return plain;
  std::string items = quoted_name(source.id) + ".*";
  for (const auto& [text, name] : std::span(source.hoisted).subspan(source.hoisted_within))
    items += ", " + text + " AS " + quoted_name(name);
  std::string out = "(SELECT " + items + " FROM " + plain;
  if (!pushed.empty()) out += " WHERE (" + listed(pushed, ") AND (") + ")";
  return out + ") AS " + quoted_name(source.id);
}

std::string Analyzer::from_where(const Scope& scope, const std::vector<std::string>& where) const {
  if (scope.tree == nullptr)
    return where.empty() ? "" : " WHERE (" + listed(where, ") AND (") + ")";
  const Source& first = scope.sources[0];
  bool hoists = scope.tree->left == nullptr && first.hoisted.size() > first.hoisted_within;
  std::vector<std::string> pushed, kept;
  for (const std::string& condition : where) {
    bool needs_hoisted = condition.find("\"__json") != std::string::npos;
    (hoists && !needs_hoisted ? pushed : kept).push_back(condition);
  }
  std::string out = " FROM " + tree_text(*scope.tree, scope, pushed);
  if (!kept.empty()) out += " WHERE (" + listed(kept, ") AND (") + ")";
  return out;
}

}  // namespace ticklake::sql
