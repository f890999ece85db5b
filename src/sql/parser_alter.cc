// ALTER TABLE.
#include <fmt/format.h>

#include "base/text.h"
#include "sql/change_tree.h"
#include "sql/parser.h"

namespace ticklake::sql {

Result<void> Parser::alter(Change& out) {
  constexpr std::string_view kWhat =
      "ALTER TABLE takes ADD COLUMNS (..), ALTER COLUMN .. TYPE .., SET and UNSET TBLPROPERTIES, "
      "ADD CONSTRAINT .. CHECK (..) and DROP CONSTRAINT";
  out.kind = Change::Kind::Alter;
  TRY(expect("ALTER"));
  TRY(expect("TABLE", "after ALTER"));
  out.position = peek().position;
  out.target = TRY(table_name());
  Alteration& alteration = out.alteration;
  Position position = peek().position;
  if (accept_each({"ADD", "CONSTRAINT"})) return added_constraint(alteration);
  if (accept("ADD")) return added_columns(alteration);
  if (accept_each({"SET", "TBLPROPERTIES"})) {
    alteration.properties = TRY(properties());
    return {};
  }
  if (accept_each({"UNSET", "TBLPROPERTIES"})) return unset_properties(alteration);
  if (accept_each({"DROP", "CONSTRAINT"})) {
    alteration.if_exists = accept_each({"IF", "EXISTS"});
    alteration.dropped.push_back(TRY(name("the name of a constraint")));
    return {};
  }
  if (at_any({"DROP", "RENAME"})) {
    return unsupported(position, "ALTER TABLE .. " + peek().upper,
                       "it takes column mapping, which ticklake does not write; leave the column "
                       "out of queries, or copy the rows into another table");
  }
  bool column = at("ALTER") || at("CHANGE");
  if (column) {
    take();
    accept("COLUMN");
    return altered_column(alteration);
  }
  return unsupported(position, "ALTER TABLE .. " + std::string(quoted(peek())), kWhat);
}

// COLUMN[S] [(] name type [COMMENT text] [FIRST | AFTER column], .. [)]
Result<void> Parser::added_columns(Alteration& out) {
  if (!accept("COLUMNS") && !accept("COLUMN")) {
    return unexpected("COLUMN, COLUMNS or CONSTRAINT after ADD", {"COLUMN", "COLUMNS"});
  }
  bool listed = accept("(");
  do {
    Position position = peek().position;
    Alteration::Column column;
    std::vector<std::string> parts = TRY(dotted_name("the name of a column"));
    if (parts.size() != 1) {
      return unsupported(position, fmt::format("the field {} in ADD COLUMNS", joined(parts, ".")),
                         "add a whole column");
    }
    column.field.name = parts[0];
    column.field.type = TRY(type());
    while (!at_any({",", ")"}) && !at_end()) {
      if (accept("COMMENT")) {
        column.field.comment = TRY(string("the comment"));
      } else if (accept("FIRST")) {
        column.first = true;
      } else if (accept("AFTER")) {
        column.after = TRY(name("the column after which it comes"));
      } else if (at_each({"NOT", "NULL"})) {
        return refuse(peek().position, "NOT NULL of a new column",
                      "leave it out: rows that are there have NULL in it");
      } else {
        return unsupported(peek().position, fmt::format("{} at a new column", quoted(peek())),
                           "a new column takes COMMENT '..', FIRST and AFTER column");
      }
    }
    out.added.push_back(std::move(column));
  } while (accept(","));
  return listed ? expect(")", "or a comma between columns") : Result<void>();
}

// name TYPE type
Result<void> Parser::altered_column(Alteration& out) {
  Position position = peek().position;
  std::vector<std::string> parts = TRY(dotted_name("the name of a column"));
  if (parts.size() != 1) {
    return unsupported(position, fmt::format("the field {} in ALTER COLUMN", joined(parts, ".")),
                       "change the type of a whole column");
  }
  if (!accept("TYPE")) {
    return unsupported(peek().position, fmt::format("{} of a column", quoted(peek())),
                       "ALTER COLUMN takes TYPE type");
  }
  out.retyped.push_back({parts[0], TRY(type())});
  return {};
}

// name CHECK (condition)
Result<void> Parser::added_constraint(Alteration& out) {
  std::string constraint = TRY(name("the name of the constraint"));
  TRY(expect("CHECK", "after the name of the constraint"));
  TRY(expect("(", "before the condition of CHECK"));
  size_t begin = peek().begin;
  TRY(expression());
  out.constraints[constraint] = source(begin, tokens_[next_ - 1].end);
  return expect(")", "behind the condition of CHECK");
}

Result<void> Parser::unset_properties(Alteration& out) {
  out.if_exists = accept_each({"IF", "EXISTS"});
  TRY(expect("(", "before the names of properties"));
  do {
    bool text = peek().kind == Token::Kind::String;
    std::vector<std::string> parts;
    if (!text) parts = TRY(dotted_name("the name of a property"));
    out.unset.push_back(text ? take().text : joined(parts, "."));
  } while (accept(","));
  return expect(")", "or a comma between properties");
}

}  // namespace ticklake::sql
