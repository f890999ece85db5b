#include "change_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/text.h"

namespace ticklake::engine {
namespace {

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

bool contains(const std::vector<std::string>& names, const std::string& wanted) {
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return equal_ignoring_case(name, wanted); });
}

using Form = std::function<std::string(const std::string& quoted_name)>;

std::string each(
    const std::vector<std::string>& names, std::string_view between,
    const Form& form = [](const auto& name) { return name; }) {
  std::vector<std::string> out;
  for (const auto& name : names) out.push_back(form(quoted(name)));
  return joined(out, between);
}

std::string same(std::string_view a, std::string_view b, const std::vector<std::string>& names) {
  return each(names, " AND ", [&](const auto& name) {
    return fmt::format("{}.{} IS NOT DISTINCT FROM {}.{}", a, name, b, name);
  });
}

// The rows of an input whose key is to be looked at.
std::string of_keys(std::string_view input, const sql::ChangeRules& rules, bool all_keys) {
  std::string out = fmt::format("SELECT r.* FROM ticklake_input('{}') AS r", input);
  if (all_keys) return out;
  return out + fmt::format(" SEMI JOIN ticklake_input('{}') AS k ON {}", kKeysInput,
                           same("r", "k", rules.keys));
}

// The statement as steps, each a named query over the ones before.
class Steps {
 public:
  explicit Steps(const sql::ChangeRules& rules)
      : rules_(rules), by_key_("PARTITION BY " + each(rules.keys, ", ")) {}

  std::string text(bool all_keys) {
    add("cdc_came", of_keys(kEventsInput, rules_, all_keys));
    if (rules_.truncates) add_truncates();
    add_rows();
    add("cdc_stored", of_keys(kTargetInput, rules_, all_keys));
    return "WITH " + joined(steps_, ", ") + difference();
  }

  std::string fold_text(int64_t part, int64_t parts) {
    std::string columns = each(rules_.columns, ", ") + ", __sequence, __operation";
    std::string of_part =
        fmt::format("hash({}) % {} = {}", each(rules_.keys, ", "), parts, part);
    add("cdc_bounds",
        fmt::format("SELECT {0}, first(__sequence ORDER BY __sequence ASC) AS __cdc_bound FROM "
                    "ticklake_input('{1}') WHERE __operation <> 'truncate' AND {2} GROUP BY {0}",
                    each(rules_.keys, ", "), kRecentInput, of_part));
    add("cdc_old", fmt::format("SELECT {} FROM ticklake_input('{}') WHERE {}", columns,
                               kEventsInput, of_part));
    add("cdc_came",
        fmt::format("SELECT r.*, coalesce(r.__sequence < k.__cdc_bound, true) AS __cdc_settled "
                    "FROM cdc_old AS r LEFT JOIN cdc_bounds AS k ON {}",
                    same("r", "k", rules_.keys)));
    if (rules_.truncates) add_truncates();
    std::string out = fmt::format("SELECT {} FROM {} WHERE NOT __cdc_settled", columns, last_);
    add("cdc_settled", fmt::format("SELECT * FROM {} WHERE __cdc_settled", last_));
    add_rows();
    out += fmt::format(" UNION ALL SELECT {}, {} AS __sequence, __operation FROM cdc_last",
                       each(rules_.columns, ", "),
                       rules_.keeps_history ? "__cdc_start" : "__sequence");
    if (rules_.truncates) {
      out += fmt::format(" UNION ALL (SELECT {} FROM cdc_old WHERE __operation = 'truncate' "
                         "ORDER BY __sequence DESC LIMIT 1)",
                         columns);
    }
    return "WITH " + joined(steps_, ", ") + " " + out;
  }

 private:
  void add_rows() {
    add_order();
    if (!rules_.filled.empty()) add_filled();
    rules_.keeps_history ? add_intervals() : add_newest();
  }

  // The step's rows are what the next one reads.
  void add(std::string_view name, std::string_view query) {
    steps_.push_back(fmt::format("{} AS ({})", name, query));
    last_ = name;
  }

  void add_truncates() {
    add("cdc_standing",
        fmt::format("SELECT * FROM cdc_came WHERE __operation <> 'truncate' AND "
                    "coalesce(__sequence > (SELECT __sequence FROM ticklake_input('{}') "
                    "WHERE __operation = 'truncate' ORDER BY __sequence DESC LIMIT 1), true)",
                    kTruncatesInput));
  }

  void add_order() {
    std::string values = each(rules_.columns, "", [](const auto& name) {
      return fmt::format(", {} ASC NULLS FIRST", name);
    });
    add("cdc_sorted", fmt::format("SELECT *, row_number() OVER ({} ORDER BY __sequence ASC, "
                                  "__operation = 'delete' ASC{}) AS __cdc_n FROM {}",
                                  by_key_, values, last_));
  }

  void add_filled() {
    add("cdc_lives",
        fmt::format("SELECT *, count(*) FILTER (WHERE __operation = 'delete') OVER ({} "
                    "ORDER BY __cdc_n ROWS UNBOUNDED PRECEDING) AS __cdc_life FROM {}",
                    by_key_, last_));
    std::vector<std::string> items;
    for (const auto& column : rules_.columns) {
      std::string name = quoted(column);
      bool filled = contains(rules_.filled, column) && !contains(rules_.keys, column);
      items.push_back(filled ? fmt::format("last_value(CASE WHEN __operation = 'upsert' THEN {0} "
                                           "END IGNORE NULLS) OVER ({1}, __cdc_life ORDER BY "
                                           "__cdc_n ROWS UNBOUNDED PRECEDING) AS {0}",
                                           name, by_key_)
                             : name);
    }
    add("cdc_full", fmt::format("SELECT {}, __sequence, __operation, __cdc_n FROM {}",
                                joined(items, ", "), last_));
  }

  void add_newest() {
    add("cdc_nexts", fmt::format("SELECT *, lead(__cdc_n) OVER ({} ORDER BY __cdc_n) AS __cdc_next "
                                 "FROM {}",
                                 by_key_, last_));
    add("cdc_last", fmt::format("SELECT * FROM {} WHERE __cdc_next IS NULL AND "
                                "__operation = 'upsert'",
                                last_));
    add("cdc_wanted", fmt::format("SELECT {} FROM cdc_last", each(rules_.columns, ", ")));
  }

  void add_intervals() {
    std::string ordered = by_key_ + " ORDER BY __cdc_n";
    // Of events with the same sequence the last one stands.
    add("cdc_laters",
        fmt::format("SELECT *, lead(__sequence) OVER ({}) AS __cdc_later FROM {}", ordered, last_));
    add("cdc_moments",
        fmt::format("SELECT * FROM {} WHERE __cdc_later IS DISTINCT FROM __sequence", last_));
    std::string changed = each(rules_.tracked, "", [&](const auto& name) {
      return fmt::format(" OR lag({0}) OVER ({1}) IS DISTINCT FROM {0}", name, ordered);
    });
    add("cdc_marks",
        fmt::format("SELECT *, (lag(__operation) OVER ({0}) IS DISTINCT FROM __operation OR "
                    "(__operation = 'upsert' AND (false{1}))) AS __cdc_new FROM {2}",
                    ordered, changed, last_));
    add("cdc_rows_of",
        fmt::format("SELECT *, sum(CAST(__cdc_new AS INTEGER)) OVER ({} ROWS UNBOUNDED "
                    "PRECEDING) AS __cdc_row FROM {}",
                    ordered, last_));
    add("cdc_ends", fmt::format("SELECT *, lead(__cdc_row) OVER ({0}) AS __cdc_next, "
                                "lead(__sequence) OVER ({0}) AS __cdc_end, first_value(__sequence) "
                                "OVER ({1}, __cdc_row ORDER BY __cdc_n) AS __cdc_start FROM {2}",
                                ordered, by_key_, last_));
    // Of each row, and each time without one that follows a row, its last event.
    add("cdc_last",
        fmt::format("SELECT * FROM {} WHERE __cdc_next IS DISTINCT FROM __cdc_row AND "
                    "(__operation = 'upsert' OR __cdc_row > 1)",
                    last_));
    add("cdc_wanted",
        fmt::format("SELECT {}, __cdc_start AS {}, __cdc_end AS {} FROM cdc_last WHERE "
                    "__operation = 'upsert'",
                    each(rules_.columns, ", "), quoted(sql::kStartColumn),
                    quoted(sql::kEndColumn)));
  }

  // Rows that stay as they are do not come up.
  std::string difference() const {
    std::vector<std::string> identity = rules_.keys, columns = change_columns(rules_);
    if (rules_.keeps_history) identity.emplace_back(sql::kStartColumn);
    std::string differs = each(columns, "", [](const auto& name) {
      return fmt::format(" OR s.{0} IS DISTINCT FROM w.{0}", name);
    });
    return fmt::format(
        " SELECT s.{0} AS {0}, s.{1} AS {1}, w.{2} AS {2}, {3} FROM cdc_stored AS s FULL JOIN "
        "(SELECT *, true AS {2} FROM cdc_wanted) AS w ON {4} WHERE s.{0} IS NULL OR w.{2} IS "
        "NULL{5} "
        "ORDER BY {6}",
        kFileColumn, kPlaceColumn, kHereColumn,
        each(columns, ", ", [](const auto& name) { return fmt::format("w.{0} AS {0}", name); }),
        same("s", "w", identity), differs,
        each(identity, ", ", [](const auto& name) { return "w." + name + " ASC NULLS FIRST"; }));
  }

  const sql::ChangeRules& rules_;
  std::string by_key_;
  std::vector<std::string> steps_;
  std::string last_;
};

}  // namespace

std::vector<std::string> change_columns(const sql::ChangeRules& rules) {
  std::vector<std::string> out = rules.columns;
  if (!rules.keeps_history) return out;
  out.emplace_back(sql::kStartColumn);
  out.emplace_back(sql::kEndColumn);
  return out;
}

std::string change_sql(const sql::ChangeRules& rules, bool all_keys) {
  return Steps(rules).text(all_keys);
}

std::string fold_sql(const sql::ChangeRules& rules, int64_t part, int64_t parts) {
  return Steps(rules).fold_text(part, parts);
}

std::vector<delta::Condition> truncate_conditions() {
  return {{std::string(sql::kOperationColumn), delta::Condition::Op::Equal, "truncate"}};
}

}  // namespace ticklake::engine
