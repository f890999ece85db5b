// ALTER TABLE: one commit of other metadata.
#include <fmt/format.h>

#include <algorithm>

#include "app/change_statement.h"
#include "base/text.h"
#include "delta/delta.h"
#include "query/query.h"

namespace ticklake::app {
namespace {

constexpr std::string_view kConstraint = "delta.constraints.";

Error refused(const delta::Snapshot& snapshot, std::string what) {
  return Error{Code::Invalid, fmt::format("{}: {}", snapshot.root(), what)};
}

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  for (const Field& field : fields) out.push_back(field.name);
  return out;
}

Error no_column(const delta::Snapshot& snapshot, const std::string& name) {
  auto names = names_of(snapshot.schema().fields);
  std::string near = nearest(name, names);
  return refused(snapshot, fmt::format("there is no column {}; {}", printable(name),
                                       near.empty() ? "it has " + joined(names, ", ")
                                                    : fmt::format("did you mean {}?", near)));
}

auto place_of(std::vector<Field>& fields, const std::string& name) {
  return std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
    return equal_ignoring_case(field.name, name);
  });
}

// The table's columns as the statement wants them.
Result<std::vector<Field>> columns_of(const delta::Snapshot& snapshot,
                                      const sql::Alteration& alteration) {
  std::vector<Field> out = snapshot.schema().fields;
  for (const auto& column : alteration.added) {
    if (place_of(out, column.field.name) != out.end()) {
      return refused(snapshot, fmt::format("column {} is there already; to change its type, write "
                                           "ALTER COLUMN {} TYPE ..",
                                           column.field.name, column.field.name));
    }
    auto place = column.first ? out.begin() : out.end();
    if (!column.after.empty()) {
      place = place_of(out, column.after);
      if (place == out.end()) return no_column(snapshot, column.after);
      ++place;
    }
    out.insert(place, column.field);
  }
  for (const Field& wanted : alteration.retyped) {
    auto place = place_of(out, wanted.name);
    if (place == out.end()) return no_column(snapshot, wanted.name);
    place->type = wanted.type;
  }
  return out;
}

Result<void> change_properties(const delta::Snapshot& snapshot, const sql::Alteration& alteration,
                               std::map<std::string, std::string>& configuration) {
  for (const auto& [name, value] : alteration.properties) {
    if (name.starts_with(kConstraint)) {
      return refused(snapshot, "a constraint is added with ADD CONSTRAINT name CHECK (condition), "
                               "which looks at the rows that are there");
    }
    configuration[name] = value;
  }
  for (const auto& name : alteration.unset) {
    if (configuration.erase(name) > 0 || alteration.if_exists) continue;
    return refused(snapshot, fmt::format("the property {} is not set; write UNSET TBLPROPERTIES IF "
                                         "EXISTS to unset it where it is",
                                         printable(name)));
  }
  return {};
}

Result<void> change_constraints(const delta::Snapshot& snapshot, const sql::Alteration& alteration,
                                std::map<std::string, std::string>& configuration) {
  for (const auto& [name, condition] : alteration.constraints) {
    std::string key = std::string(kConstraint) + lowered(name);
    if (!configuration.emplace(key, condition).second) {
      return refused(snapshot, fmt::format("the constraint {} is there already; drop it first: "
                                           "ALTER TABLE .. DROP CONSTRAINT {}",
                                           name, name));
    }
  }
  for (const auto& name : alteration.dropped) {
    bool gone = configuration.erase(std::string(kConstraint) + lowered(name)) > 0;
    if (gone || alteration.if_exists) continue;
    return refused(snapshot, fmt::format("there is no constraint {}; write DROP CONSTRAINT IF "
                                         "EXISTS where it may be gone",
                                         printable(name)));
  }
  return {};
}

// What Spark calls it in the table's history.
std::string operation_of(const sql::Alteration& alteration) {
  if (!alteration.added.empty()) return "ADD COLUMNS";
  if (!alteration.retyped.empty()) return "CHANGE COLUMN";
  if (!alteration.properties.empty()) return "SET TBLPROPERTIES";
  if (!alteration.unset.empty()) return "UNSET TBLPROPERTIES";
  return alteration.constraints.empty() ? "DROP CONSTRAINT" : "ADD CONSTRAINT";
}

// Rows that are there have to meet a new constraint, too.
Result<void> check_rows(Environment& environment, const delta::Snapshot& altered) {
  auto check = TRY(query::constraint_check(altered, environment.clock.now_us()));
  if (!check) return {};
  for (const auto& file : altered.files()) {
    auto reader = TRY(delta::read(environment.files, altered, file));
    while (true) {
      BatchPtr batch = TRY_ARROW(reader->Next());
      if (!batch) break;
      auto checked = check(batch);
      if (!checked) {
        return prefixed(altered.root() + ": the table has rows that are not as it demands",
                        checked.error());
      }
    }
  }
  return {};
}

}  // namespace

Result<delta::Snapshot> alter_table(Environment& environment, const delta::Snapshot& snapshot,
                                    const sql::Alteration& alteration) {
  auto columns = TRY(columns_of(snapshot, alteration));
  delta::Metadata metadata = TRY(delta::with_columns(snapshot, columns));
  TRY(change_properties(snapshot, alteration, metadata.configuration));
  TRY(change_constraints(snapshot, alteration, metadata.configuration));
  delta::Transaction transaction{.operation = operation_of(alteration)};
  if (!alteration.constraints.empty()) {
    TRY(check_rows(environment, delta::with_metadata(snapshot, metadata)));
    transaction.reads_table = true;
  }
  transaction.metadata = std::move(metadata);
  return delta::commit(environment.files, environment.clock, snapshot, std::move(transaction));
}

}  // namespace ticklake::app
