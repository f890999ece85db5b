// DELETE, UPDATE, MERGE.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sql/change_tree.h"
#include "sql/parser.h"

namespace ticklake::sql {

bool Parser::at_change() const {
  return at_any({"DELETE", "UPDATE", "MERGE", "INSERT"}) || at_each({"ALTER", "TABLE"});
}

Result<std::shared_ptr<const Change>> Parser::change() {
  Change out;
  if (at("INSERT")) {
    TRY(insert(out));
  } else if (at("ALTER")) {
    TRY(alter(out));
  } else if (accept("DELETE")) {
    TRY(expect("FROM", "after DELETE"));
    TRY(change_target(out));
    TRY(change_condition(out));
  } else if (accept("UPDATE")) {
    out.kind = Change::Kind::Update;
    TRY(change_target(out));
    TRY(expect("SET", "after the table of UPDATE"));
    out.assignments = TRY(assignments(out));
    TRY(change_condition(out));
  } else {
    TRY(merge(out));
  }
  return std::make_shared<const Change>(std::move(out));
}

Result<void> Parser::change_target(Change& out) {
  out.position = peek().position;
  out.target = TRY(table_name());
  if (accept("AS")) {
    out.alias = TRY(name("a name after AS"));
  } else if (at_name() && !at_any({"SET", "USING", "WHERE"}) && !at_end()) {
    out.alias = take().text;
  }
  return {};
}

Result<void> Parser::change_condition(Change& out) {
  if (!accept("WHERE")) return {};
  size_t begin = peek().begin;
  out.condition = TRY(expression());
  out.condition_text = source(begin, tokens_[next_ - 1].end);
  return {};
}

// column = value, ..
Result<std::vector<Assignment>> Parser::assignments(const Change& change) {
  std::vector<Assignment> out;
  do {
    Assignment one{.position = peek().position};
    one.column = TRY(assigned_column(change));
    TRY(expect("=", "after the column to set"));
    if (!accept("DEFAULT")) one.value = TRY(expression());
    for (const Assignment& other : out) {
      if (!equal_ignoring_case(other.column, one.column)) continue;
      return refuse(one.position, fmt::format("the column {} twice in SET", one.column),
                    "set it once");
    }
    out.push_back(std::move(one));
  } while (accept(","));
  return out;
}

// The column's name may stand behind that of the table.
Result<std::string> Parser::assigned_column(const Change& change) {
  Position position = peek().position;
  std::vector<std::string> parts = TRY(dotted_name("the column to set"));
  const std::string& table = change.alias.empty() ? change.target.back() : change.alias;
  if (parts.size() == 2 && equal_ignoring_case(parts[0], table)) parts.erase(parts.begin());
  if (parts.size() == 1) return parts[0];
  return unsupported(position, fmt::format("'{}' in SET", joined(parts, ".")),
                     fmt::format("set a whole column of {}: a field of a struct with "
                                 "named_struct(..)",
                                 table));
}

Result<void> Parser::merge(Change& out) {
  out.kind = Change::Kind::Merge;
  TRY(expect("MERGE"));
  out.evolves = accept_each({"WITH", "SCHEMA", "EVOLUTION"});
  TRY(expect("INTO", "after MERGE"));
  TRY(change_target(out));
  TRY(expect("USING", "after the table of MERGE"));
  out.source = TRY(relation_primary());
  TRY(expect("ON", "after the source of MERGE"));
  size_t begin = peek().begin;
  out.condition = TRY(expression());
  out.condition_text = source(begin, tokens_[next_ - 1].end);
  while (at("WHEN")) out.clauses.push_back(TRY(merge_clause(out)));
  if (out.clauses.empty()) return unexpected("WHEN MATCHED or WHEN NOT MATCHED", {"WHEN"});
  return check_merge_clauses(out);
}

// Of clauses for the same rows, all but the last have a condition.
Result<void> Parser::check_merge_clauses(const Change& change) const {
  for (size_t i = 0; i < change.clauses.size(); ++i) {
    const MergeClause& clause = change.clauses[i];
    bool last =
        std::none_of(change.clauses.begin() + static_cast<long>(i) + 1, change.clauses.end(),
                     [&](const MergeClause& later) { return later.when == clause.when; });
    if (clause.condition || last) continue;
    return refuse(clause.position, "a WHEN clause without a condition before others of its kind",
                  "only the last WHEN MATCHED, WHEN NOT MATCHED and WHEN NOT MATCHED BY SOURCE may "
                  "be without AND");
  }
  return {};
}

Result<MergeClause> Parser::merge_clause(const Change& change) {
  MergeClause out;
  out.position = peek().position;
  TRY(expect("WHEN"));
  bool negated = accept("NOT");
  TRY(expect("MATCHED", negated ? "after WHEN NOT" : "after WHEN"));
  if (negated) out.when = MergeClause::When::NotMatched;
  if (negated && accept("BY")) {
    if (accept("SOURCE")) {
      out.when = MergeClause::When::NotMatchedBySource;
    } else {
      TRY(expect("TARGET", "or SOURCE after BY"));
    }
  }
  if (accept("AND")) out.condition = TRY(expression());
  TRY(expect("THEN", "after the condition of WHEN"));
  if (out.when == MergeClause::When::NotMatched) {
    out.then = MergeClause::Then::Insert;
    TRY(expect("INSERT", "after WHEN NOT MATCHED .. THEN"));
    TRY(merge_insert(out));
    return out;
  }
  if (accept("DELETE")) {
    out.then = MergeClause::Then::Delete;
    return out;
  }
  TRY(expect("UPDATE", "or DELETE after THEN"));
  TRY(expect("SET", "after UPDATE"));
  bool by_source = out.when == MergeClause::When::NotMatchedBySource;
  out.all = !by_source && accept("*");
  if (!out.all) out.assignments = TRY(assignments(change));
  return out;
}

// INSERT *, INSERT (a, b) VALUES (e, f)
Result<void> Parser::merge_insert(MergeClause& out) {
  out.all = accept("*");
  if (out.all) return {};
  Position position = peek().position;
  for (std::string& column : TRY(name_list("a column to insert into"))) {
    out.assignments.push_back({std::move(column), nullptr, position});
  }
  TRY(expect("VALUES", "after the columns of INSERT"));
  TRY(expect("(", "after VALUES"));
  size_t count = 0;
  do {
    ExpressionPtr value = accept("DEFAULT") ? nullptr : TRY(expression());
    if (count < out.assignments.size()) out.assignments[count].value = std::move(value);
    ++count;
  } while (accept(","));
  TRY(expect(")", "or a comma between values"));
  if (count == out.assignments.size()) return {};
  return refuse(position, fmt::format("{} values for {} columns", count, out.assignments.size()),
                "give each column one");
}

}  // namespace ticklake::sql
