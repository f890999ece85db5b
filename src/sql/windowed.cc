// An aggregation over time windows in three statements: see Windowed in sql.h.
//
//   input rows --partial--> (window_end, rows, k1.., p0_0..) --merge--> the same --final--> (k0,
//   k1.., a0..) --> output
//
// Where an aggregate does not decompose, the partial rows are the input rows with the aggregates'
// arguments as "x0_0..", merge keeps them, and final aggregates. Sliding windows: rows become
// partial rows by the last window that they are in, which then stand in each window. Sessions: each
// row begins its own, and merge joins those that touch.
#include "base/time.h"
#include "sql/analyzer.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

constexpr const char* kPartialRows = "ticklake_input('partial')";

std::string numbered(const std::string& prefix, size_t a) { return prefix + std::to_string(a); }
std::string numbered(const std::string& prefix, size_t a, size_t b) {
  return prefix + std::to_string(a) + "_" + std::to_string(b);
}

std::string joined_to(const std::vector<std::string>& items) {
  return items.empty() ? "" : ", " + listed(items);
}

// An interval is kept as the number that it is.
Type stored(const Type& type) {
  if (type.kind != Kind::Interval) return type;
  return is_months(type) ? Kind::Integer : Kind::Long;
}

struct Printer {
  const Grouping& grouping;
  const TimeWindow& window;
  Windowed out;
  std::vector<std::string> keys;    // names of the other keys, quoted
  std::vector<std::string> values;  // of the rest of a partial row, quoted
  std::vector<std::string> merges;  // what becomes of them in merge
  std::vector<std::string> results;  // of final

  explicit Printer(const Grouping& groups) : grouping(groups), window(*groups.window) {
    out.window_us = window.length_us;
    out.slide_us = window.slide_us;
    out.partial_schema.fields = {{"window_end", Kind::Timestamp}, {"rows", Kind::Long}};
    if (window.session()) out.partial_schema.fields.push_back({"window_start", Kind::Timestamp});
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      if (i == window.key) continue;
      keys.push_back(quoted_name(numbered("k", i)));
      out.partial_schema.fields.push_back(
          {numbered("k", i), stored(grouping.keys[i].value.type)});
    }
  }

  bool decomposes() const {
    for (const AggregateSlot& slot : grouping.slots) {
      if (!slot.made.decomposes()) return false;
    }
    return true;
  }

  // Some rows are in one window less than the others.
  int64_t rest_us() const { return window.slides() ? window.length_us % window.slide_us : 0; }

  // ---- which windows a row is in

  // The columns of `inner` in spread() that tell it.
  std::vector<std::string> row_window() const {
    std::vector<std::string> items = {window.start_sql + " AS \"__start\""};
    std::string start = "(" + window.start_sql + ")";
    if (window.session()) items.push_back(window.end_sql + " AS \"__end\"");
    if (rest_us() > 0) {
      items.push_back("epoch_us(" + window.event_time.sql + ") - " + start + " < " +
                      std::to_string(rest_us()) + " AS \"__first\"");
    }
    return items;
  }

  std::vector<std::string> row_keys() const {
    std::vector<std::string> items;
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      if (i != window.key)
        items.push_back(grouping.keys[i].row_sql + " AS " + quoted_name(numbered("k", i)));
    }
    return items;
  }

  // The rows of `inner`, "w", once for each window that they are in.
  std::string spread(const std::string& inner, bool start, std::vector<std::string> items) const {
    std::string from = "\"w\".\"__start\"";
    if (window.slides()) from += " - \"s\".\"i\" * " + std::to_string(window.slide_us);
    std::string to = window.session() ? "\"w\".\"__end\""
                                      : from + " + " + std::to_string(window.length_us);
    std::string text = "SELECT make_timestamp(" + to + ") AS \"window_end\", " + items[0];
    if (start) text += ", make_timestamp(" + from + ") AS \"window_start\"";
    items.erase(items.begin());
    text += joined_to(items) + " FROM (" + inner + ") AS \"w\"";
    if (!window.slides()) return text;
    int64_t most = (window.length_us + window.slide_us - 1) / window.slide_us;
    text += ", range(" + std::to_string(most) + ") AS \"s\"(\"i\")";
    if (rest_us() > 0) {
      text += " WHERE \"w\".\"__first\" OR \"s\".\"i\" < " + std::to_string(most - 1);
    }
    return text;
  }

  // ---- partial

  std::string partial_rows(const std::string& inner) const {
    std::vector<std::string> items = {"\"rows\""};
    items.insert(items.end(), keys.begin(), keys.end());
    items.insert(items.end(), values.begin(), values.end());
    return spread(inner, window.session(), std::move(items));
  }

  void decompose(const std::string& from_where) {
    std::vector<std::string> inner = row_window();
    std::string groups = "1";
    for (size_t i = 2; i <= inner.size() + keys.size(); ++i) groups += ", " + std::to_string(i);
    for (std::string& key : row_keys()) inner.push_back(std::move(key));
    inner.emplace_back("count(*) AS \"rows\"");
    for (size_t i = 0; i < grouping.slots.size(); ++i) {
      const Aggregate& made = grouping.slots[i].made;
      std::vector<std::string> names;
      for (size_t j = 0; j < made.parts.size(); ++j)
        names.push_back(quoted_name(numbered("p", i, j)));
      for (size_t j = 0; j < made.parts.size(); ++j) {
        const AggregatePart& part = made.parts[j];
        inner.push_back(cast_text(part.partial, part.type) + " AS " + names[j]);
        values.push_back(names[j]);
        merges.push_back(cast_text(filled(part.merge, names), part.type) + " AS " + names[j]);
        out.partial_schema.fields.push_back({numbered("p", i, j), stored(part.type)});
      }
      results.push_back(cast_text(filled(made.final, names), made.type) + " AS " +
                        quoted_name(numbered("a", i)));
    }
    out.partial_sql =
        partial_rows("SELECT " + listed(inner) + from_where + " GROUP BY " + groups);
  }

  Result<void> keep(const std::string& from_where) {
    std::vector<std::string> inner = row_window();
    for (std::string& key : row_keys()) inner.push_back(std::move(key));
    inner.emplace_back("CAST(1 AS BIGINT) AS \"rows\"");
    auto take = [&](const std::string& name, const std::string& sql, const Type& type) {
      inner.push_back(sql + " AS " + quoted_name(name));
      values.push_back(quoted_name(name));
      out.partial_schema.fields.push_back({name, stored(type)});
    };
    for (size_t i = 0; i < grouping.slots.size(); ++i) {
      const AggregateSlot& slot = grouping.slots[i];
      Arguments arguments;
      for (size_t j = 0; j < slot.arguments.size(); ++j) {
        Typed argument = slot.arguments[j];
        if (!argument.literal) {
          take(numbered("x", i, j), argument.sql, argument.type);
          argument.sql = values.back();
          argument.parts.reset();
        }
        arguments.push_back(argument);
      }
      AggregateOptions options = slot.options;
      if (!options.filter.empty()) {
        take(numbered("f", i), options.filter, Kind::Boolean);
        options.filter = values.back();
      }
      Aggregate made = TRY(slot.function->build(arguments, options));
      std::vector<std::string> parts;
      for (const AggregatePart& part : made.parts)
        parts.push_back(cast_text(part.partial, part.type));
      results.push_back(cast_text(filled(made.final, parts), made.type) + " AS " +
                        quoted_name(numbered("a", i)));
    }
    out.partial_sql = partial_rows("SELECT " + listed(inner) + from_where);
    return {};
  }

  // ---- merge

  // The rows with "__session", which numbers the sessions of their keys.
  std::string sessions(const std::string& rows) const {
    std::string over = "(" + std::string(keys.empty() ? "" : "PARTITION BY " + listed(keys)) +
                       " ORDER BY \"window_start\", \"window_end\" ROWS ";
    return "(SELECT *, sum(\"__new\") OVER " + over +
           "UNBOUNDED PRECEDING) AS \"__session\" FROM (SELECT *, CASE WHEN \"window_start\" <= "
           "max(\"window_end\") OVER " +
           over + "BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS \"__new\" "
                  "FROM " +
           rows + ") AS \"r\") AS \"r\"";
  }

  std::string merged(const std::string& rows, bool decomposed) const {
    std::string of_keys = joined_to(keys);
    if (!window.session()) {
      if (!decomposed) {
        return "SELECT \"window_end\", \"rows\"" + of_keys + joined_to(values) + " FROM " + rows;
      }
      return "SELECT \"window_end\", CAST(sum(\"rows\") AS BIGINT) AS \"rows\"" + of_keys +
             joined_to(merges) + " FROM " + rows + " GROUP BY \"window_end\"" + of_keys;
    }
    if (decomposed) {
      return "SELECT max(\"window_end\") AS \"window_end\", CAST(sum(\"rows\") AS BIGINT) AS "
             "\"rows\", min(\"window_start\") AS \"window_start\"" +
             of_keys + joined_to(merges) + " FROM " + sessions(rows) + " GROUP BY \"__session\"" +
             of_keys;
    }
    std::string over = " OVER (PARTITION BY \"__session\"" + of_keys + ")";
    return "SELECT max(\"window_end\")" + over + " AS \"window_end\", \"rows\", " +
           "min(\"window_start\")" + over + " AS \"window_start\"" + of_keys + joined_to(values) +
           " FROM " + sessions(rows);
  }

  // ---- final

  // Groups as Analyzer knows them.
  std::string groups(const std::string& rows, bool decomposed) const {
    std::vector<std::string> items;
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      std::string name = numbered("k", i);
      std::string start = window.session() ? "epoch_us(\"window_start\")"
                                           : "epoch_us(\"window_end\") - " +
                                                 std::to_string(window.length_us);
      items.push_back(i == window.key ? start + " AS " + quoted_name(name) : quoted_name(name));
      if (i == window.key && window.session())
        items.push_back("epoch_us(\"window_end\") AS " + quoted_name(name + "_end"));
    }
    items.insert(items.end(), results.begin(), results.end());
    std::string text = "SELECT " + listed(items) + " FROM " + rows;
    if (decomposed) return text;
    return text + " GROUP BY \"window_end\"" + (window.session() ? ", \"window_start\"" : "") +
           joined_to(keys);
  }

  // All but the final statement.
  Result<void> print(const std::string& from_where) {
    if (!decomposes()) return keep(from_where);
    decompose(from_where);
    return {};
  }
};

// Which rows have a window.
void add_window_conditions(const TimeWindow& window, std::vector<std::string>& where) {
  where.push_back(window.event_time.sql + " IS NOT NULL");
  if (!window.condition.empty()) where.push_back(window.condition);
}

}  // namespace

Result<std::string> Analyzer::windowed_text(Scope& scope, std::vector<std::string> where) {
  const Grouping& grouping = *scope.grouping;
  Position position = grouping.window ? grouping.window->position
                                      : scope.select->items[0].expression->position;
  std::string form =
      "FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS .. GROUP BY window(ts, '1 minute')";
  if (!grouping.window && grouping.distinct) {
    return at(position,
              "DISTINCT over a stream needs the column that has the WATERMARK among its columns, "
              "or whether a row is new would take all rows before it: SELECT DISTINCT symbol, ts "
              "FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS; or do it in a materialized "
              "view",
              Code::Unsupported);
  }
  if (!grouping.window) {
    return at(position,
              "an aggregation over a stream needs a time window: " + form +
                  "; or aggregate in a materialized view",
              Code::Unsupported);
  }
  const TimeWindow& window = *grouping.window;
  if (!window.event_time.delay_us) {
    std::string which = watermark_sql_.empty() ? "needs a WATERMARK"
                                               : "must be over the column that has the WATERMARK";
    return at(position, "a window over a stream " + which + ": " + form);
  }
  add_window_conditions(window, where);
  Printer printer(grouping);
  std::string text = from_where(scope, where);
  TRY(printer.print(text));
  Windowed& out = printer.out;
  bool decomposed = printer.decomposes();
  out.merge_sql = printer.merged(kPartialRows, decomposed);
  const Source& source = scope.sources[0];
  if (source.row) {
    std::vector<std::string> items = printer.row_window();
    items.push_back(quoted_name(source.id) + ".\"__row\" AS \"row\"");
    out.late_sql = printer.spread("SELECT DISTINCT " + listed(items) + text, true, {"\"row\""});
  }
  out.delay_us = *window.event_time.delay_us;
  out.watermark_sql = watermark_sql_;
  if (window.event_time.origin) out.event_time_column = window.event_time.origin->column;
  plan_.windowed = std::move(out);
  return printer.groups(kPartialRows, decomposed);
}

// The same over stored rows, in one statement.
Result<std::string> Analyzer::spread_groups_text(Scope& scope, std::vector<std::string> where) {
  add_window_conditions(*scope.grouping->window, where);
  Printer printer(*scope.grouping);
  TRY(printer.print(from_where(scope, where)));
  bool decomposed = printer.decomposes();
  std::string merged = printer.merged("(" + printer.out.partial_sql + ") AS \"p\"", decomposed);
  return printer.groups("(" + merged + ") AS \"m\"", decomposed);
}

}  // namespace ticklake::sql
