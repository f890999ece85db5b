// AUTO CDC as the query of a table of events and the rules that make rows of the target of them.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "sql/ast.h"
#include "sql/lexer.h"
#include "sql/walk.h"

namespace ticklake::sql {
namespace {

ExpressionPtr make(Position position, ExpressionNode node) {
  int depth = depth_of(node);
  return std::make_shared<const Expression>(Expression{position, std::move(node), depth});
}

ExpressionPtr text_literal(Position position, std::string_view text) {
  return make(position, Literal{.type = Kind::String, .text = std::string(text)});
}

ExpressionPtr column(Position position, std::string_view name) {
  return make(position, ColumnReference{{std::string(name)}});
}

ExpressionPtr either(Position position, ExpressionPtr left, ExpressionPtr right) {
  return make(position, Binary{Binary::Op::Or, std::move(left), std::move(right)});
}

bool names_a_column(const Expression& expression) {
  if (std::holds_alternative<ColumnReference>(expression.node)) return true;
  bool found = false;
  for_each_child(expression.node,
                 {[&](const Expression& child) { found = found || names_a_column(child); },
                  [](const Query&) {}});
  return found;
}

bool is_sortable(const Type& type) {
  if (type.kind == Kind::Struct) {
    return std::ranges::all_of(*type.children,
                               [](const Field& field) { return is_sortable(field.type); });
  }
  return !type.is_nested() && type.kind != Kind::Null && type.kind != Kind::Interval;
}

// The value or, in a struct, any field of it is NULL: then it orders nothing.
ExpressionPtr is_null(const ExpressionPtr& value, const Type& type) {
  ExpressionPtr out = make(value->position, IsTest{IsTest::What::Null, false, value});
  if (type.kind != Kind::Struct) return out;
  for (const Field& field : *type.children) {
    ExpressionPtr part = make(value->position, FieldAccess{value, field.name});
    out = either(value->position, out, is_null(part, field.type));
  }
  return out;
}

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> out;
  for (const Field& field : schema.fields) out.push_back(field.name);
  return out;
}

bool contains(const std::vector<std::string>& names, std::string_view wanted) {
  return std::ranges::any_of(
      names, [&](const std::string& name) { return equal_ignoring_case(name, wanted); });
}

class Changes {
 public:
  Changes(const AutoCdc& cdc, const std::string& file, const Statement& target,
          const Catalog& catalog, int64_t now_us, const ChangePlan* first)
      : cdc_(cdc),
        file_(file),
        target_(target),
        catalog_(catalog),
        now_us_(now_us),
        first_(first),
        from_(*cdc.source) {}

  Result<ChangePlan> run() {
    // A temporary view has its STREAM inside.
    const auto* table = std::get_if<TableName>(&from_.node);
    auto relation = table ? catalog_.find(table->parts) : std::nullopt;
    if (relation && relation->view) from_.streaming = false;
    source_ = TRY(rows_of({{make(cdc_.position, Star{}), ""}}));
    TRY(choose_columns());
    TRY(check_sequence());
    TRY(check_listed());
    if (first_) TRY(follow_first());
    TRY(build_events());
    if (first_) TRY(check_types());
    TRY(build_target());
    return std::move(out_);
  }

 private:
  Error at(Position position, std::string_view what) const {
    return error_at(Code::Invalid, file_, position, what);
  }
  Error at_target(Position position, std::string_view what) const {
    return error_at(Code::Invalid, target_.file, position, what);
  }

  Result<Schema> rows_of(std::vector<SelectItem> items) const {
    Statement probe = events_of(std::move(items));
    probe.file = file_;
    probe.position = cdc_.position;
    return TRY(analyze(probe, catalog_, {.file = file_, .now_us = now_us_})).output;
  }

  Statement events_of(std::vector<SelectItem> items) const {
    Select select;
    select.items = std::move(items);
    select.from = {std::make_shared<const FromItem>(from_)};
    Query query;
    query.position = cdc_.position;
    query.body = std::move(select);
    query.depth = depth_of(query);
    Statement out{};
    out.kind = Statement::Kind::StreamingTable;
    out.name = target_.name;
    out.file = target_.file;
    out.position = target_.position;
    out.query = std::make_shared<const Query>(std::move(query));
    return out;
  }

  // The names as `among` spells them, in the order given; for EXCEPT in that of `among`.
  Result<std::vector<std::string>> resolved(const ColumnSet& set,
                                            const std::vector<std::string>& among,
                                            std::string_view where) const {
    std::vector<std::string> named;
    for (const NamedAt& one : set.names) {
      auto found = std::ranges::find_if(
          among, [&](const std::string& name) { return equal_ignoring_case(name, one.name); });
      if (found == among.end()) {
        std::string near = nearest(one.name, among);
        return at(one.position,
                  fmt::format("{} names {}, which is not there; {}", where, printable(one.name, 60),
                              near.empty() ? "there are " + joined(among, ", ")
                                           : fmt::format("did you mean {}?", near)));
      }
      named.push_back(*found);
    }
    if (!set.except) return named;
    std::vector<std::string> out;
    for (const std::string& name : among) {
      if (!contains(named, name)) out.push_back(name);
    }
    return out;
  }

  Result<void> choose_columns() {
    ChangeRules& rules = out_.rules;
    std::vector<std::string> all = names_of(source_);
    rules.keys = TRY(resolved({.names = cdc_.keys}, all, "KEYS"));
    rules.columns = all;
    if (cdc_.columns) rules.columns = TRY(resolved(*cdc_.columns, all, "COLUMNS"));
    for (size_t i = 0; i < rules.keys.size(); ++i) {
      const std::string& key = rules.keys[i];
      if (!contains(rules.columns, key)) {
        return at(cdc_.keys[i].position,
                  fmt::format("the key {} is not among COLUMNS; add it there", key));
      }
      const Type& type = source_.fields[static_cast<size_t>(source_.find(key))].type;
      if (type.is_nested()) {
        return at(cdc_.keys[i].position,
                  fmt::format("the key {} is {}; a key is of a simple type", key, to_sql(type)));
      }
    }
    for (const std::string& name : rules.columns) {
      bool reserved = lowered(name).starts_with("__cdc_") ||
                      contains({std::string(kSequenceColumn), std::string(kOperationColumn),
                                std::string(kStartColumn), std::string(kEndColumn)},
                               name);
      if (!reserved) continue;
      return at(cdc_.position,
                fmt::format("the column name {} is reserved; leave it out with COLUMNS * EXCEPT "
                            "({}), or rename it in a temporary view",
                            name, name));
    }
    rules.tracked = rules.columns;
    if (cdc_.history) {
      rules.tracked = TRY(resolved(*cdc_.history, rules.columns, "TRACK HISTORY ON"));
    }
    if (cdc_.ignore_null) {
      rules.filled = TRY(resolved(*cdc_.ignore_null, rules.columns, "IGNORE NULL UPDATES ON"));
    }
    rules.keeps_history = cdc_.keeps_history;
    rules.truncates = cdc_.truncate_when != nullptr;
    return {};
  }

  Result<void> check_sequence() {
    Position position = cdc_.sequence->position;
    if (!names_a_column(*cdc_.sequence)) {
      return at(position,
                fmt::format("SEQUENCE BY {} says nothing about the row; name a column of the "
                            "source that tells which change is the later one",
                            to_text(*cdc_.sequence)));
    }
    Schema rows = TRY(rows_of({{cdc_.sequence, std::string(kSequenceColumn)}}));
    sequence_ = rows.fields[0].type;
    if (is_sortable(sequence_)) return {};
    return at(position, fmt::format("SEQUENCE BY {} is {}, which has no order; use a number, a "
                                    "time, a text or a struct of such",
                                    to_text(*cdc_.sequence), to_sql(sequence_)));
  }

  bool is_period(std::string_view name) const {
    return cdc_.keeps_history &&
           (equal_ignoring_case(name, kStartColumn) || equal_ignoring_case(name, kEndColumn));
  }

  // The columns that CREATE STREAMING TABLE lists, if it does, are those that the changes give.
  Result<void> check_listed() {
    if (target_.columns.empty()) return {};
    std::vector<std::string> listed, wanted = out_.rules.columns;
    for (const ColumnDefinition& one : target_.columns) {
      if (is_period(one.name)) {
        if (!one.type || *one.type == sequence_) continue;
        return at_target(one.position, fmt::format("{} is {}, as SEQUENCE BY is; declare it so",
                                                   one.name, to_sql(sequence_)));
      }
      if (!contains(wanted, one.name)) {
        return at_target(one.position,
                         fmt::format("column {} is not one of AUTO CDC, which gives {}", one.name,
                                     joined(wanted, ", ")));
      }
      listed.push_back(one.name);
    }
    if (cdc_.keeps_history) {
      wanted.emplace_back(kStartColumn);
      wanted.emplace_back(kEndColumn);
    }
    for (const std::string& name : wanted) {
      bool there = std::ranges::any_of(target_.columns, [&](const ColumnDefinition& one) {
        return equal_ignoring_case(one.name, name);
      });
      if (there) continue;
      return at_target(target_.columns[0].position,
                       fmt::format("the column list lacks {}; {}", name,
                                   is_period(name) ? "declare it with the type of SEQUENCE BY, " +
                                                         to_sql(sequence_)
                                                   : "add it, or leave it out with COLUMNS"));
    }
    out_.rules.columns = std::move(listed);
    return {};
  }

  // One order of the columns, one spelling, and the rules by which rows are made of all events.
  Result<void> follow_first() {
    const ChangeRules& theirs = first_->rules;
    ChangeRules& rules = out_.rules;
    using Names = std::vector<std::string>;
    auto agree = [&](std::string_view clause, const Names& ours, const Names& others) {
      Names here = lowered_and_sorted(ours), there = lowered_and_sorted(others);
      return here == there ? Result<void>()
                           : at(cdc_.position, fmt::format("{} is ({}), and of another flow into "
                                                           "{} ({}); all flows into a table say "
                                                           "the same, in a temporary view rename "
                                                           "columns and add what is missing as "
                                                           "NULL",
                                                           clause, joined(ours, ", "),
                                                           joined(target_.name, "."),
                                                           joined(others, ", ")));
    };
    if (rules.keeps_history != theirs.keeps_history) {
      return at(cdc_.position,
                fmt::format("STORED AS SCD TYPE {} here, and {} in another flow into {}; all flows "
                            "into a table say the same",
                            rules.keeps_history ? 2 : 1, theirs.keeps_history ? 2 : 1,
                            joined(target_.name, ".")));
    }
    TRY(agree("KEYS", rules.keys, theirs.keys));
    TRY(agree("COLUMNS", rules.columns, theirs.columns));
    TRY(agree("TRACK HISTORY ON", rules.tracked, theirs.tracked));
    TRY(agree("IGNORE NULL UPDATES", rules.filled, theirs.filled));
    bool truncates = rules.truncates || theirs.truncates;
    rules = theirs;
    rules.truncates = truncates;
    return {};
  }

  static std::vector<std::string> lowered_and_sorted(std::vector<std::string> names) {
    for (std::string& name : names) name = lowered(name);
    std::ranges::sort(names);
    return names;
  }

  Result<void> check_types() const {
    const Schema& ours = out_.events_plan.output;
    const Schema& theirs = first_->events_plan.output;
    for (size_t i = 0; i < ours.fields.size(); ++i) {
      const Field& field = ours.fields[i];
      if (field.type == theirs.fields[i].type) continue;
      bool sequence = field.name == kSequenceColumn;
      return at(sequence ? cdc_.sequence->position : cdc_.position,
                fmt::format("{} is {}, and in another flow into {} {}; cast it {}",
                            sequence ? "SEQUENCE BY" : field.name, to_sql(field.type),
                            joined(target_.name, "."), to_sql(theirs.fields[i].type),
                            sequence ? "there or here"
                                     : "in a temporary view, or write its type in the table's "
                                       "list of columns"));
    }
    return {};
  }

  // Also where a change without a sequence is refused.
  ExpressionPtr operation() const {
    Position position = cdc_.sequence->position;
    ExpressionPtr reason = text_literal(
        position, fmt::format("SEQUENCE BY {} is NULL, so the change has no place in the order of "
                              "its key",
                              to_text(*cdc_.sequence)));
    Call refused{.name = "raise_error", .arguments = {{"", std::move(reason), position}}};
    Case chosen{.operand = nullptr,
                .whens = {{is_null(cdc_.sequence, sequence_), make(position, std::move(refused))}},
                .otherwise = text_literal(cdc_.position, "upsert")};
    auto add = [&](const ExpressionPtr& condition, std::string_view name) {
      if (condition) chosen.whens.push_back({condition, text_literal(condition->position, name)});
    };
    add(cdc_.truncate_when, "truncate");
    add(cdc_.delete_when, "delete");
    return make(cdc_.position, std::move(chosen));
  }

  Result<void> build_events() {
    std::vector<SelectItem> items;
    for (const std::string& name : out_.rules.columns) {
      items.push_back({column(cdc_.position, name), name});
    }
    items.push_back({cdc_.sequence, std::string(kSequenceColumn)});
    items.push_back({operation(), std::string(kOperationColumn)});
    // Once without what stands in the statement of the target, which may be in another file.
    TRY(rows_of(items));
    Statement events = events_of(std::move(items));
    events.comment = "Changes of " + joined(target_.name, ".");
    for (const ColumnDefinition& one : target_.columns) {
      if (is_period(one.name)) continue;
      events.columns.push_back(one);
      events.columns.back().nullable = true;  // of a deleted row often only the key is told
    }
    if (!events.columns.empty()) {
      events.columns.push_back({.name = std::string(kSequenceColumn)});
      events.columns.push_back({.name = std::string(kOperationColumn)});
    }
    for (const auto& [name, value] : target_.properties) {
      if (name.starts_with("ticklake.")) events.properties[name] = value;
    }
    for (Expectation expectation : target_.expectations) {
      Position position = expectation.position;
      ExpressionPtr other =
          make(position, Binary{Binary::Op::NotEqual, column(position, kOperationColumn),
                                text_literal(position, "upsert")});
      expectation.condition = either(position, std::move(other), expectation.condition);
      events.expectations.push_back(std::move(expectation));
    }
    out_.events_plan = TRY(analyze(events, catalog_, {.file = events.file, .now_us = now_us_}));
    out_.events = std::move(events);
    return {};
  }

  Result<void> build_target() {
    const Schema& events = out_.events_plan.output;
    for (std::string& key : out_.rules.keys) {
      key = events.fields[static_cast<size_t>(events.find(key))].name;
    }
    for (const std::string& name : out_.rules.columns) {
      out_.target.fields.push_back(events.fields[static_cast<size_t>(events.find(name))]);
    }
    if (cdc_.keeps_history) {
      out_.target.fields.push_back({std::string(kStartColumn), sequence_});
      out_.target.fields.push_back({std::string(kEndColumn), sequence_});
    }
    for (const ColumnDefinition& one : target_.columns) {
      Field& field = out_.target.fields[static_cast<size_t>(out_.target.find(one.name))];
      field.nullable = one.nullable;
      field.comment = one.comment;
    }
    for (const std::string& name : target_.partition_columns) {
      if (out_.target.find(name) >= 0) continue;
      return at_target(target_.position,
                       fmt::format("PARTITIONED BY names {}, which is not a column; there are {}",
                                   name, joined(names_of(out_.target), ", ")));
    }
    return {};
  }

  const AutoCdc& cdc_;
  const std::string& file_;
  const Statement& target_;
  const Catalog& catalog_;
  int64_t now_us_;
  const ChangePlan* first_;
  FromItem from_;
  Schema source_;
  Type sequence_;
  ChangePlan out_{};
};

}  // namespace

Result<ChangePlan> analyze_changes(const AutoCdc& cdc, const std::string& file,
                                   const Statement& target, const Catalog& catalog, int64_t now_us,
                                   const ChangePlan* first) {
  return Changes(cdc, file, target, catalog, now_us, first).run();
}

}  // namespace ticklake::sql
