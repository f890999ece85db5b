// A streaming aggregation in three statements: see Windowed in sql.h.
//
//   input rows --partial--> (window_end, rows, k1.., p0_0..) --merge--> the same --final--> (k0,
//   k1.., a0..) --> output
//
// Where an aggregate does not decompose, the partial rows are the input rows with the aggregates'
// arguments as "x0_0..", merge keeps them, and final aggregates.
#include "base/time.h"
#include "sql/analyzer.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

std::string numbered(const std::string& prefix, size_t a) { return prefix + std::to_string(a); }
std::string numbered(const std::string& prefix, size_t a, size_t b) {
  return prefix + std::to_string(a) + "_" + std::to_string(b);
}

// An interval is kept as the number that it is.
Type stored(const Type& type) {
  if (type.kind != Kind::Interval) return type;
  return is_months(type) ? Kind::Integer : Kind::Long;
}

struct Printer {
  const Grouping& grouping;
  Windowed out;
  size_t window = 0;              // index of the window's key
  std::vector<std::string> keys;  // names of the other keys

  explicit Printer(const Grouping& groups) : grouping(groups) {
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      if (grouping.keys[i].window_us > 0) {
        window = i;
        out.window_us = grouping.keys[i].window_us;
      }
    }
    out.partial_schema.fields = {{"window_end", Kind::Timestamp}, {"rows", Kind::Long}};
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      if (i == window) continue;
      keys.push_back(numbered("k", i));
      out.partial_schema.fields.push_back({keys.back(), stored(grouping.keys[i].value.type)});
    }
  }

  bool decomposes() const {
    for (const AggregateSlot& slot : grouping.slots) {
      if (!slot.made.decomposes()) return false;
    }
    return true;
  }

  std::vector<std::string> row_keys() const {
    std::vector<std::string> items;
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      if (i != window)
        items.push_back(grouping.keys[i].row_sql + " AS " + quoted_name(numbered("k", i)));
    }
    return items;
  }

  std::string end_of(const std::string& start) const {
    return "make_timestamp(" + start + " + " + std::to_string(out.window_us) +
           ") AS \"window_end\"";
  }

  // The columns of `final` that stand for the keys.
  std::vector<std::string> final_keys() const {
    std::vector<std::string> items;
    for (size_t i = 0; i < grouping.keys.size(); ++i) {
      std::string name = quoted_name(numbered("k", i));
      items.push_back(i == window ? "epoch_us(\"window_end\") - " + std::to_string(out.window_us) +
                                        " AS " + name
                                  : name);
    }
    return items;
  }

  std::string quoted_keys(const std::string& first) const {
    std::string text = first;
    for (const std::string& key : keys) text += ", " + quoted_name(key);
    return text;
  }

  std::string decomposed(const std::string& from_where) {
    std::vector<std::string> partial, outer, merge, final = final_keys();
    partial = row_keys();
    std::string groups = "1";
    for (size_t i = 0; i < keys.size(); ++i) groups += ", " + std::to_string(i + 3);
    for (size_t i = 0; i < grouping.slots.size(); ++i) {
      const Aggregate& made = grouping.slots[i].made;
      std::vector<std::string> names;
      for (size_t j = 0; j < made.parts.size(); ++j)
        names.push_back(quoted_name(numbered("p", i, j)));
      for (size_t j = 0; j < made.parts.size(); ++j) {
        const AggregatePart& part = made.parts[j];
        partial.push_back(cast_text(part.partial, part.type) + " AS " + names[j]);
        outer.push_back(names[j]);
        merge.push_back(cast_text(filled(part.merge, names), part.type) + " AS " + names[j]);
        out.partial_schema.fields.push_back({numbered("p", i, j), stored(part.type)});
      }
      final.push_back(cast_text(filled(made.final, names), made.type) + " AS " +
                      quoted_name(numbered("a", i)));
    }
    std::string items = partial.empty() ? "" : ", " + listed(partial);
    std::string rest = outer.empty() ? "" : ", " + listed(outer);
    std::string merged = merge.empty() ? "" : ", " + listed(merge);
    out.partial_sql = "SELECT " + end_of("\"w\".\"__start\"") + ", " + quoted_keys("\"rows\"") +
                      rest + " FROM (SELECT " + grouping.keys[window].row_sql +
                      " AS \"__start\", count(*) AS \"rows\"" + items + from_where + " GROUP BY " +
                      groups + ") AS \"w\"";
    out.merge_sql =
        "SELECT " + quoted_keys("\"window_end\", CAST(sum(\"rows\") AS BIGINT) AS \"rows\"") +
        merged + " FROM ticklake_input('partial') GROUP BY " + quoted_keys("\"window_end\"");
    return "SELECT " + listed(final) + " FROM ticklake_input('partial')";
  }

  Result<std::string> kept(const std::string& from_where) {
    std::vector<std::string> items = row_keys(), final = final_keys();
    items.insert(items.begin(), "CAST(1 AS BIGINT) AS \"rows\"");
    items.insert(items.begin(), end_of("(" + grouping.keys[window].row_sql + ")"));
    for (size_t i = 0; i < grouping.slots.size(); ++i) {
      const AggregateSlot& slot = grouping.slots[i];
      Arguments arguments;
      for (size_t j = 0; j < slot.arguments.size(); ++j) {
        Typed argument = slot.arguments[j];
        if (!argument.literal) {
          std::string name = numbered("x", i, j);
          items.push_back(argument.sql + " AS " + quoted_name(name));
          out.partial_schema.fields.push_back({name, stored(argument.type)});
          argument.sql = quoted_name(name);
          argument.parts.reset();
        }
        arguments.push_back(argument);
      }
      Aggregate made = TRY(slot.function->build(arguments, slot.options));
      std::vector<std::string> parts;
      for (const AggregatePart& part : made.parts)
        parts.push_back(cast_text(part.partial, part.type));
      final.push_back(cast_text(filled(made.final, parts), made.type) + " AS " +
                      quoted_name(numbered("a", i)));
    }
    out.partial_sql = "SELECT " + listed(items) + from_where;
    // by name, for the input has a hidden column too
    std::vector<std::string> columns;
    for (const Field& field : out.partial_schema.fields) columns.push_back(quoted_name(field.name));
    out.merge_sql = "SELECT " + listed(columns) + " FROM ticklake_input('partial')";
    return "SELECT " + listed(final) + " FROM ticklake_input('partial') GROUP BY " +
           quoted_keys("\"window_end\"");
  }
};

}  // namespace

Result<std::string> Analyzer::windowed_text(Scope& scope, std::vector<std::string> where) {
  const Grouping& grouping = *scope.grouping;
  Position position =
      grouping.event_time ? grouping.window_position : scope.select->items[0].expression->position;
  std::string form =
      "FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS .. GROUP BY window(ts, '1 minute')";
  if (!grouping.event_time) {
    return at(position,
              "an aggregation over a stream needs a time window: " + form +
                  "; or aggregate in a materialized view",
              Code::Unsupported);
  }
  if (!grouping.event_time->delay_us) {
    std::string which = watermark_sql_.empty() ? "needs a WATERMARK"
                                               : "must be over the column that has the WATERMARK";
    return at(position, "window() over a stream " + which + ": " + form);
  }
  where.push_back(grouping.event_time->sql + " IS NOT NULL");
  Printer printer(grouping);
  std::string text = from_where(scope, where);
  std::string groups = printer.decomposes() ? printer.decomposed(text) : TRY(printer.kept(text));
  Windowed& out = printer.out;
  out.delay_us = *grouping.event_time->delay_us;
  out.watermark_sql = watermark_sql_;
  if (grouping.event_time->origin) out.event_time_column = grouping.event_time->origin->column;
  plan_.windowed = std::move(out);
  return groups;
}

}  // namespace ticklake::sql
