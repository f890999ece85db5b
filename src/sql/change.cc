// DELETE, UPDATE, MERGE and INSERT as queries: the statement's expressions are put into syntax
// trees of queries over the table and the source, which are then analyzed as any other.
#include "sql/change.h"

#include <algorithm>

#include "base/text.h"
#include "sql/change_tree.h"
#include "sql/parser.h"
#include "sql/walk.h"

namespace ticklake::sql {
namespace {

constexpr const char* kTarget = "__ticklake_target";
constexpr const char* kSource = "__ticklake_source_table";

using When = MergeClause::When;
using Then = MergeClause::Then;

ExpressionPtr made(Position position, ExpressionNode node) {
  int depth = depth_of(node);
  return std::make_shared<const Expression>(Expression{position, std::move(node), depth});
}
ExpressionPtr column(Position at, std::vector<std::string> parts) {
  return made(at, ColumnReference{std::move(parts)});
}
ExpressionPtr integer(Position at, int64_t value) {
  return made(at, Literal{Kind::Integer, std::to_string(value), value});
}
ExpressionPtr null_of(Position at, const Type& type) {
  return made(at, Cast{false, made(at, Literal{Kind::Null, "NULL"}), type});
}
ExpressionPtr both(Binary::Op op, const ExpressionPtr& left, const ExpressionPtr& right) {
  if (!left || !right) return left ? left : right;
  return made(left->position, Binary{op, left, right});
}
ExpressionPtr is_null(const ExpressionPtr& value, bool negated) {
  return made(value->position, IsTest{IsTest::What::Null, negated, value});
}

void split_and(const ExpressionPtr& expression, std::vector<ExpressionPtr>& out) {
  const auto* binary = std::get_if<Binary>(&expression->node);
  if (binary == nullptr || binary->op != Binary::Op::And) {
    out.push_back(expression);
    return;
  }
  split_and(binary->left, out);
  split_and(binary->right, out);
}

bool is_digit_type(const Type& type) { return type.is_numeric(); }

// Spark's ANSI rule of what may be stored into a column without CAST.
bool may_store(const Type& from, const Type& to) {
  if (from == to || from.kind == Kind::Null) return true;
  if (from.is_nested() || to.is_nested()) {
    if (from.kind != to.kind || from.children->size() != to.children->size()) return false;
    for (size_t i = 0; i < from.children->size(); ++i) {
      if (!may_store((*from.children)[i].type, (*to.children)[i].type)) return false;
    }
    return true;
  }
  if (from.kind == Kind::Interval) return false;
  if (to.kind == Kind::String) return from.kind != Kind::Binary;
  if (is_digit_type(from) && is_digit_type(to)) return true;
  auto is_time = [](const Type& type) {
    return type.kind == Kind::Date || type.kind == Kind::Timestamp ||
           type.kind == Kind::TimestampNtz;
  };
  return is_time(from) && is_time(to);
}

class ChangeAnalyzer {
 public:
  ChangeAnalyzer(const Statement& statement, const Catalog& catalog, const AnalyzeOptions& options)
      : statement_(statement), change_(*statement.change), catalog_(catalog), options_(options) {
    own_ = catalog;
    own_.find = [this](const std::vector<std::string>& name) -> std::optional<Relation> {
      if (name == std::vector<std::string>{kTarget}) return target_;
      if (name == std::vector<std::string>{kSource}) return source_;
      return catalog_.find(name);
    };
  }

  Result<EditPlan> run() {
    TRY(find_target());
    switch (change_.kind) {
      case Change::Kind::Merge: TRY(merge()); break;
      case Change::Kind::Insert: TRY(insert()); break;
      case Change::Kind::Alter:
        plan_.kind = EditPlan::Kind::Alter;
        plan_.alter = change_.alteration;
        break;
      case Change::Kind::Delete:
      case Change::Kind::Update: TRY(one_table()); break;
    }
    return std::move(plan_);
  }

 private:
  Error at(Position position, const std::string& message, Code code = Code::Invalid) const {
    return Error{code, options_.file + ":" + std::to_string(position.line) + ":" +
                           std::to_string(position.column) + ": " + message};
  }

  Result<void> find_target() {
    auto relation = catalog_.find(change_.target);
    std::string written = joined(change_.target, ".");
    if (!relation) {
      std::string near = nearest(written, catalog_.candidates);
      return at(change_.position,
                "unknown table " + written + (near.empty() ? "" : "; did you mean " + near + "?"));
    }
    if (relation->view) {
      return at(change_.position, written + " is a view, whose rows cannot be changed",
                Code::Unsupported);
    }
    plan_.target = relation->name;
    plan_.schema = relation->schema;
    plan_.text = change_.condition_text;
    target_ = *relation;
    target_->schema.fields.push_back({kTargetRow, Kind::Long});
    target_->schema.fields.push_back({kTargetClause, Kind::Integer});
    target_->schema.fields.push_back({kTargetPlace, Kind::Long});
    return {};
  }

  FromItemPtr target_item() const {
    FromItem item;
    item.position = change_.position;
    item.node = TableName{{kTarget}, {}, nullptr, {}};
    item.alias = change_.alias;
    return std::make_shared<const FromItem>(std::move(item));
  }
  FromItemPtr source_item() const {
    FromItem item;
    item.position = change_.source->position;
    item.node = TableName{{kSource}, {}, nullptr, {}};
    item.alias = source_alias_;
    return std::make_shared<const FromItem>(std::move(item));
  }

  // Output columns `columns`, where there are any, say the types.
  Result<Plan> analyzed(Select select, const std::vector<Field>& columns = {}) const {
    Query query;
    query.position = statement_.position;
    query.body = std::move(select);
    Statement out;
    out.kind = Statement::Kind::Query;
    out.file = statement_.file;
    out.position = statement_.position;
    out.query = std::make_shared<const Query>(std::move(query));
    for (const Field& field : columns) {
      ColumnDefinition definition;
      definition.name = field.name;
      definition.type = field.type;
      definition.position = statement_.position;
      out.columns.push_back(std::move(definition));
    }
    return analyze(out, own_, options_);
  }

  static Select select_of(std::vector<ExpressionPtr> items, std::vector<FromItemPtr> from,
                          ExpressionPtr where) {
    Select out;
    for (size_t i = 0; i < items.size(); ++i) {
      out.items.push_back({std::move(items[i]), "c" + std::to_string(i)});
    }
    out.from = std::move(from);
    out.where = std::move(where);
    return out;
  }

  // SELECT .. AS <the table's columns>, and one more.
  Result<Plan> rows_plan(std::vector<ExpressionPtr> values, std::vector<FromItemPtr> from,
                         ExpressionPtr where, bool with_place) const {
    std::vector<Field> columns = plan_.schema.fields;
    if (with_place) {
      columns.push_back({kTargetPlace, Kind::Long});
      values.push_back(column(statement_.position, {kTargetPlace}));
    }
    Select select;
    for (size_t i = 0; i < values.size(); ++i) {
      select.items.push_back({std::move(values[i]), columns[i].name});
    }
    select.from = std::move(from);
    select.where = std::move(where);
    return analyzed(std::move(select), columns);
  }

  // The value of each column that is assigned, by the column's index, checked and of its type.
  using Assigned = std::vector<ExpressionPtr>;
  Result<Assigned> assigned(const std::vector<Assignment>& assignments,
                            const std::vector<FromItemPtr>& from) const {
    Assigned out(plan_.schema.fields.size());
    for (const Assignment& one : assignments) {
      int index = plan_.schema.find(one.column);
      if (index < 0) return unknown_column(one);
      const Field& field = plan_.schema.fields[static_cast<size_t>(index)];
      ExpressionPtr& place = out[static_cast<size_t>(index)];
      if (place) return at(one.position, "column " + field.name + " is given twice");
      if (!one.value) {
        place = null_of(one.position, field.type);
        continue;
      }
      Plan alone = TRY(analyzed(select_of({one.value}, from, nullptr)));
      if (alone.inputs.size() > from.size()) {
        return at(one.value->position, "a subquery cannot stand in a value to set",
                  Code::Unsupported);
      }
      const Type& type = alone.output.fields[0].type;
      if (!may_store(type, field.type)) {
        return at(one.value->position, "column " + field.name + " is " + to_sql(field.type) +
                                           " and the value " + to_sql(type) +
                                           "; write CAST(.. AS " + to_sql(field.type) + ")");
      }
      place = made(one.value->position, Cast{false, one.value, field.type});
    }
    return out;
  }

  Error unknown_column(const Assignment& one) const {
    std::vector<std::string> names;
    for (const Field& field : plan_.schema.fields) names.push_back(field.name);
    std::string near = nearest(one.column, names);
    return at(one.position, "there is no column " + one.column + " in " + plan_.target +
                                (near.empty() ? "; it has " + joined(names, ", ")
                                              : "; did you mean " + near + "?"));
  }

  ExpressionPtr target_column(const std::string& name) const {
    std::vector<std::string> parts = {name};
    if (change_.kind == Change::Kind::Merge) parts.insert(parts.begin(), target_qualifier());
    return column(statement_.position, std::move(parts));
  }
  std::string target_qualifier() const {
    return change_.alias.empty() ? change_.target.back() : change_.alias;
  }

  // ---- DELETE, UPDATE

  Result<void> one_table() {
    bool deletes = change_.kind == Change::Kind::Delete;
    plan_.kind = deletes ? EditPlan::Kind::Delete : EditPlan::Kind::Update;
    TRY(find_rows(change_.condition, deletes));
    if (deletes) return {};
    Assigned values = TRY(assigned(change_.assignments, {target_item()}));
    for (size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) values[i] = target_column(plan_.schema.fields[i].name);
    }
    plan_.replace = TRY(rows_plan(std::move(values), {target_item()}, nullptr, true));
    return {};
  }

  Result<void> find_rows(const ExpressionPtr& condition, bool deletes) {
    plan_.clauses = {{deletes, false}};
    Position here = statement_.position;
    ExpressionPtr none = null_of(here, Kind::Long);
    plan_.find = TRY(analyzed(select_of({column(here, {kTargetRow}), none, integer(here, 0)},
                                        {target_item()}, condition)));
    note_whether_conjuncts_are_all(condition);
    return {};
  }

  void note_whether_conjuncts_are_all(const ExpressionPtr& condition) {
    std::vector<ExpressionPtr> parts;
    if (condition) split_and(condition, parts);
    bool simple = std::all_of(parts.begin(), parts.end(), [](const ExpressionPtr& part) {
      return std::holds_alternative<Binary>(part->node) ||
             std::holds_alternative<IsTest>(part->node);
    });
    plan_.conjuncts_are_all = simple && plan_.find.inputs.size() == 1 &&
                              plan_.find.inputs[0].conjuncts.size() == parts.size();
  }

  // ---- INSERT

  Result<void> insert() {
    plan_.kind = EditPlan::Kind::Insert;
    for (const Assignment& one : change_.partition) {
      if (plan_.schema.find(one.column) < 0) return unknown_column(one);
    }
    plan_.insert = TRY(new_rows(statement_, plan_.schema, catalog_, options_));
    if (!change_.overwrites) return {};
    ExpressionPtr condition = change_.condition;
    plan_.promised = change_.condition_text;
    for (const Assignment* one : fixed_columns(change_)) {
      ExpressionPtr own = column(one->position, {one->column});
      const auto* literal = std::get_if<Literal>(&one->value->node);
      bool null = literal != nullptr && literal->type.kind == Kind::Null;
      ExpressionPtr same =
          null ? is_null(own, false)
               : made(one->position, Binary{Binary::Op::Equal, own, one->value});
      condition = both(Binary::Op::And, condition, same);
    }
    plan_.overwrite = condition         ? EditPlan::Overwrite::Found
                      : change_.dynamic ? EditPlan::Overwrite::Partitions
                                        : EditPlan::Overwrite::All;
    return condition ? find_rows(condition, true) : Result<void>();
  }

  // ---- MERGE

  // Columns of the source that the table gains by WITH SCHEMA EVOLUTION: those that a clause with
  // * or by name puts into it.
  void gain_columns() {
    bool all = std::any_of(change_.clauses.begin(), change_.clauses.end(),
                           [](const MergeClause& clause) { return clause.all; });
    for (const Field& field : plan_.source->output.fields) {
      if (plan_.schema.find(field.name) >= 0) continue;
      bool named = std::any_of(
          change_.clauses.begin(), change_.clauses.end(), [&](const MergeClause& clause) {
            return std::any_of(clause.assignments.begin(), clause.assignments.end(),
                               [&](const Assignment& one) {
                                 return equal_ignoring_case(one.column, field.name);
                               });
          });
      if (!all && !named) continue;
      Field gained{field.name, field.type};
      plan_.gained.push_back(gained);
      plan_.schema.fields.push_back(gained);
      auto& columns = target_->schema.fields;
      columns.insert(columns.end() - 3, gained);
    }
  }

  Result<void> merge() {
    plan_.kind = EditPlan::Kind::Merge;
    TRY(find_source());
    if (change_.evolves) gain_columns();
    std::vector<const MergeClause*> touching;
    std::vector<const MergeClause*> inserting;
    for (const MergeClause& clause : change_.clauses) {
      (clause.when == When::NotMatched ? inserting : touching).push_back(&clause);
    }
    for (const MergeClause* clause : touching) {
      bool by_source = clause->when == When::NotMatchedBySource;
      plan_.clauses.push_back({clause->then == Then::Delete, by_source});
      if (by_source) plan_.keeps_unmatched = false;
    }
    auto matched = std::count_if(touching.begin(), touching.end(), [](const MergeClause* clause) {
      return clause->when == When::Matched;
    });
    plan_.may_match_often =
        matched == 1 && std::any_of(touching.begin(), touching.end(), [](const MergeClause* one) {
          return one->when == When::Matched && one->then == Then::Delete && !one->condition;
        });
    TRY(find_pairs(touching));
    TRY(replace_rows(touching));
    if (!inserting.empty()) TRY(insert_rows(inserting));
    note_keys();
    return {};
  }

  Result<void> find_source() {
    Select all;
    all.items.push_back({made(change_.source->position, Star{}), ""});
    all.from = {change_.source};
    plan_.source = TRY(analyzed(std::move(all)));
    source_alias_ = change_.source->alias;
    const auto* table = std::get_if<TableName>(&change_.source->node);
    bool by_path = table != nullptr && equal_ignoring_case(table->parts[0], "delta") &&
                   table->parts.back().find('/') != std::string::npos;
    if (source_alias_.empty()) {
      source_alias_ = table != nullptr && !by_path ? table->parts.back() : "__ticklake_s";
    }
    Relation relation;
    relation.name = kSource;
    relation.schema = plan_.source->output;
    relation.schema.fields.push_back({kSourceRow, Kind::Long});
    relation.schema.fields.push_back({kSourcePlace, Kind::Long});
    source_ = std::move(relation);
    return {};
  }

  // The number of the clause that touches a pair, or -1.
  ExpressionPtr clause_number(const std::vector<const MergeClause*>& touching) const {
    Case out;
    ExpressionPtr source_row = column(statement_.position, {kSourceRow});
    for (size_t i = 0; i < touching.size(); ++i) {
      bool by_source = touching[i]->when == When::NotMatchedBySource;
      ExpressionPtr condition = is_null(source_row, !by_source);
      condition = both(Binary::Op::And, condition, touching[i]->condition);
      out.whens.push_back({condition, integer(touching[i]->position, static_cast<int64_t>(i))});
    }
    out.otherwise = integer(statement_.position, -1);
    if (out.whens.empty()) return out.otherwise;
    return made(statement_.position, std::move(out));
  }

  Result<void> find_pairs(const std::vector<const MergeClause*>& touching) {
    Position here = statement_.position;
    std::vector<ExpressionPtr> items = {column(here, {kTargetRow}), column(here, {kSourceRow}),
                                        clause_number(touching)};
    std::vector<FromItemPtr> from = {target_item(), source_item()};
    ExpressionPtr where = change_.condition;
    if (!plan_.keeps_unmatched) {
      FromItem item;
      item.position = here;
      item.node = Join{Join::Kind::Left, from[0], from[1], change_.condition, {}};
      item.depth = depth_of(item);
      from = {std::make_shared<const FromItem>(std::move(item))};
      where = nullptr;
    }
    plan_.find = TRY(analyzed(select_of(std::move(items), std::move(from), std::move(where))));
    return {};
  }

  // Table and source side by side, by their places.
  FromItemPtr pairs() const {
    Position here = statement_.position;
    ExpressionPtr same = made(here, Binary{Binary::Op::Equal, column(here, {kTargetPlace}),
                                           column(here, {kSourcePlace})});
    FromItem item;
    item.position = here;
    item.node = Join{Join::Kind::Left, target_item(), source_item(), same, {}};
    item.depth = depth_of(item);
    return std::make_shared<const FromItem>(std::move(item));
  }

  std::vector<Assignment> all_of_source(Position position) const {
    std::vector<Assignment> out;
    for (const Field& field : plan_.schema.fields) {
      bool there = plan_.source->output.find(field.name) >= 0;
      if (!there && change_.evolves) continue;  // it stays as it is, and is NULL in new rows
      out.push_back({field.name, column(position, {source_alias_, field.name}), position});
    }
    return out;
  }

  Result<void> check_all_of_source(const MergeClause& clause) const {
    if (!clause.all || change_.evolves) return {};
    for (const Field& field : plan_.schema.fields) {
      if (plan_.source->output.find(field.name) >= 0) continue;
      return at(clause.position, "* needs a column " + field.name +
                                     " in the source, as in the table; name the columns to set");
    }
    return {};
  }

  Result<void> replace_rows(const std::vector<const MergeClause*>& touching) {
    std::vector<Case> cases(plan_.schema.fields.size());
    bool any = false;
    for (size_t i = 0; i < touching.size(); ++i) {
      const MergeClause& clause = *touching[i];
      if (clause.then != Then::Update) continue;
      any = true;
      TRY(check_all_of_source(clause));
      auto list = clause.all ? all_of_source(clause.position) : clause.assignments;
      std::vector<FromItemPtr> from = {target_item(), source_item()};
      if (clause.when == When::NotMatchedBySource) from = {target_item()};
      Assigned values = TRY(assigned(list, from));
      for (size_t c = 0; c < values.size(); ++c) {
        if (!values[c]) continue;
        ExpressionPtr number = integer(clause.position, static_cast<int64_t>(i));
        ExpressionPtr mine =
            made(clause.position,
                 Binary{Binary::Op::Equal, column(clause.position, {kTargetClause}), number});
        cases[c].whens.push_back({mine, values[c]});
      }
    }
    if (!any) return {};
    std::vector<ExpressionPtr> values;
    for (size_t c = 0; c < cases.size(); ++c) {
      ExpressionPtr own = target_column(plan_.schema.fields[c].name);
      cases[c].otherwise = own;
      values.push_back(cases[c].whens.empty() ? own
                                              : made(statement_.position, std::move(cases[c])));
    }
    plan_.replace = TRY(rows_plan(std::move(values), {pairs()}, nullptr, true));
    return {};
  }

  Result<void> insert_rows(const std::vector<const MergeClause*>& inserting) {
    std::vector<Case> cases(plan_.schema.fields.size());
    ExpressionPtr where;
    bool always = false;
    for (const MergeClause* clause : inserting) {
      TRY(check_all_of_source(*clause));
      auto list = clause->all ? all_of_source(clause->position) : clause->assignments;
      Assigned values = TRY(assigned(list, {source_item()}));
      for (size_t c = 0; c < values.size(); ++c) {
        if (!values[c]) values[c] = null_of(clause->position, plan_.schema.fields[c].type);
        if (clause->condition) {
          cases[c].whens.push_back({clause->condition, values[c]});
        } else {
          cases[c].otherwise = values[c];
        }
      }
      always = always || !clause->condition;
      where = both(Binary::Op::Or, where, clause->condition);
    }
    std::vector<ExpressionPtr> values;
    for (Case& one : cases) {
      values.push_back(one.whens.empty() ? one.otherwise
                                         : made(statement_.position, std::move(one)));
    }
    plan_.insert =
        TRY(rows_plan(std::move(values), {source_item()}, always ? nullptr : where, false));
    return {};
  }

  // Which side a name is of, where only one side has it: the column's name there.
  std::optional<std::string> column_of(const ColumnReference& name, const std::string& qualifier,
                                       const Schema& own, const Schema& other) const {
    if (name.parts.size() > 2) return std::nullopt;
    if (name.parts.size() == 2 && !equal_ignoring_case(name.parts[0], qualifier)) return {};
    int at = own.find(name.parts.back());
    bool ambiguous = name.parts.size() == 1 && other.find(name.parts.back()) >= 0;
    if (at < 0 || ambiguous) return std::nullopt;
    return own.fields[static_cast<size_t>(at)].name;
  }

  void note_keys() {
    std::vector<ExpressionPtr> parts;
    split_and(change_.condition, parts);
    const Schema& source = plan_.source->output;
    for (const ExpressionPtr& part : parts) {
      const auto* binary = std::get_if<Binary>(&part->node);
      if (binary == nullptr || binary->op != Binary::Op::Equal) continue;
      const auto* left = std::get_if<ColumnReference>(&binary->left->node);
      const auto* right = std::get_if<ColumnReference>(&binary->right->node);
      if (left == nullptr || right == nullptr) continue;
      for (bool swapped : {false, true}) {
        const ColumnReference& one = swapped ? *right : *left;
        const ColumnReference& two = swapped ? *left : *right;
        auto ours = column_of(one, target_qualifier(), plan_.schema, source);
        auto theirs = column_of(two, source_alias_, source, plan_.schema);
        if (!ours || !theirs) continue;
        const Type& type = plan_.schema.fields[static_cast<size_t>(plan_.schema.find(*ours))].type;
        if (type == source.fields[static_cast<size_t>(source.find(*theirs))].type) {
          plan_.keys.emplace_back(*ours, *theirs);
        }
      }
    }
  }

  const Statement& statement_;
  const Change& change_;
  const Catalog& catalog_;
  const AnalyzeOptions& options_;
  Catalog own_;
  std::optional<Relation> target_;
  std::optional<Relation> source_;
  std::string source_alias_;
  EditPlan plan_;
};

}  // namespace

Result<EditPlan> analyze_change(const Statement& statement, const Catalog& catalog,
                                  const AnalyzeOptions& options) {
  return ChangeAnalyzer(statement, catalog, options).run();
}

Result<Plan> analyze_conditions(const std::vector<std::string>& conditions, const Schema& schema,
                                const AnalyzeOptions& options) {
  Catalog catalog;
  catalog.find = [&](const std::vector<std::string>&) {
    return Relation{kTarget, schema, nullptr};
  };
  std::string items;
  for (size_t i = 0; i < conditions.size(); ++i) {
    auto alone = Parser(conditions[i], conditions[i], TRY(tokenize(conditions[i], conditions[i])));
    TRY(alone.whole_expression());
    items += (i == 0 ? "" : ", ") + ("(" + conditions[i] + "\n)") + " AS c" + std::to_string(i);
  }
  std::string text = "SELECT " + items + " FROM " + kTarget;
  auto statements = TRY(parse(text, options.file));
  Plan plan = TRY(analyze(statements[0], catalog, options));
  for (size_t i = 0; i < conditions.size(); ++i) {
    bool good = plan.output.fields[i].type.kind == Kind::Boolean && plan.inputs.size() == 1;
    if (good) continue;
    return Error{Code::Unsupported,
                 options.file + ": '" + conditions[i] +
                     "' is no condition over the row's own columns: write one such as price > 0"};
  }
  return plan;
}

}  // namespace ticklake::sql
