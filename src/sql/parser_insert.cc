// INSERT.
#include <fmt/format.h>

#include "base/text.h"
#include "sql/change_tree.h"
#include "sql/parser.h"

namespace ticklake::sql {

Result<void> Parser::insert(Change& out) {
  out.kind = Change::Kind::Insert;
  TRY(expect("INSERT"));
  out.overwrites = accept("OVERWRITE");
  if (!out.overwrites) TRY(expect("INTO", "or OVERWRITE after INSERT"));
  accept("TABLE");
  out.position = peek().position;
  out.target = TRY(table_name());
  if (at_each({"WITH", "("})) TRY(insert_options(out));
  if (at_each({"PARTITION", "("})) TRY(partition_values(out));
  if (at_each({"IF", "NOT", "EXISTS"})) {
    return unsupported(peek().position, "IF NOT EXISTS behind PARTITION",
                       "remove it: the partition is overwritten whether it is there or not");
  }
  if (accept_each({"BY", "NAME"})) {
    out.by_name = true;
  } else if (at("(") && !at_query(1)) {
    out.columns = TRY(name_list("a column to insert into"));
  }
  if (at("REPLACE")) TRY(insert_replace(out));
  bool follows = at_query() || (at("(") && at_query(1));
  if (!follows) {
    return unexpected("a query or VALUES to insert", {"SELECT", "VALUES", "WITH", "TABLE"});
  }
  out.query = TRY(query());
  return {};
}

// REPLACE WHERE condition
Result<void> Parser::insert_replace(Change& out) {
  Position position = take().position;
  if (at_any({"USING", "ON"})) {
    return unsupported(position, "REPLACE " + peek().upper,
                       "write REPLACE WHERE condition, or MERGE INTO");
  }
  if (out.overwrites || !out.partition.empty()) {
    return refuse(position, "REPLACE WHERE beside OVERWRITE or PARTITION",
                  "write INSERT INTO table REPLACE WHERE condition SELECT ..");
  }
  out.overwrites = true;
  if (!at("WHERE")) return unexpected("WHERE after REPLACE", {"WHERE"});
  return change_condition(out);
}

Result<void> Parser::insert_options(Change& out) {
  Position position = take().position;
  for (const auto& [name, value] : TRY(properties())) {
    bool known = equal_ignoring_case(name, "partitionOverwriteMode");
    bool dynamic = equal_ignoring_case(value, "dynamic");
    if (!known || !(dynamic || equal_ignoring_case(value, "static"))) {
      return unsupported(position,
                         fmt::format("the option '{}' = '{}'", printable(name, 60),
                                     printable(value, 60)),
                         "INSERT OVERWRITE takes 'partitionOverwriteMode' = 'dynamic' or 'static'");
    }
    out.dynamic = dynamic;
  }
  if (out.overwrites || !out.dynamic) return {};
  return refuse(position, "partitionOverwriteMode of INSERT INTO", "write INSERT OVERWRITE");
}

// (column [= value], ..)
Result<void> Parser::partition_values(Change& out) {
  take();
  TRY(expect("("));
  do {
    Assignment one{.column = "", .value = nullptr, .position = peek().position};
    one.column = TRY(name("a column of the partition"));
    if (accept("=")) one.value = TRY(value());
    for (const Assignment& other : out.partition) {
      if (!equal_ignoring_case(other.column, one.column)) continue;
      return refuse(one.position, fmt::format("the column {} twice in PARTITION", one.column),
                    "name it once");
    }
    out.partition.push_back(std::move(one));
  } while (accept(","));
  return expect(")", "or a comma in PARTITION (..)");
}

}  // namespace ticklake::sql
