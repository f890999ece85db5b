#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/time.h"
#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Typed typed(std::string sql, const Type& type) { return {.sql = std::move(sql), .type = type}; }

// A string is read by the pattern; what does not fit is an error, or NULL.
Result<Typed> parsed(const CallContext& context, const Arguments& arguments, const Type& type,
                     bool is_try) {
  std::string java = TRY(literal_of(context, arguments[1], "pattern"));
  const Typed& value = arguments[0];
  if (value.type.kind != Kind::String) return cast(value, type, is_try);
  ParseFormat format = TRY(parse_format(java));
  std::string attempt =
      filled("CASE WHEN regexp_full_match({0}, {1}) THEN try_strptime({0}, {2}) END",
             {value.sql, quoted_text(format.regex), quoted_text(format.strptime)});
  Typed out = typed(attempt, Kind::Timestamp);
  if (!is_try) {
    std::string message = quoted_text("[CANNOT_PARSE_TIMESTAMP] Text '") + " || " + value.sql +
                          " || " +
                          quoted_text("' could not be parsed by the pattern '" + java +
                                      "'; use try_to_timestamp to get NULL instead");
    out.sql = "COALESCE(" + attempt + ", CASE WHEN " + value.sql + " IS NOT NULL THEN " +
              raising(Kind::Timestamp, message) + " END)";
    out.may_fail = true;
  }
  return cast(out, type);
}

template <Kind kind, bool is_try>
Result<Typed> build_parse(const CallContext& context, const Arguments& arguments) {
  if (arguments.size() == 2) return parsed(context, arguments, kind, is_try);
  bool time =
      arguments[0].type.kind >= Kind::String && arguments[0].type.kind <= Kind::TimestampNtz;
  if (!time && arguments[0].type.kind != Kind::Null) {
    return Error{Code::Invalid, std::string(context.name) +
                                    "() expects a STRING, DATE or TIMESTAMP but got " +
                                    to_sql(arguments[0].type)};
  }
  return cast(arguments[0], kind, is_try);
}

struct Unit {
  std::string_view name;
  std::string_view duckdb;
  int64_t micros;  // 0: a calendar unit
};
constexpr std::array kUnits = {
    Unit{"YEAR", "year", 0},
    Unit{"YYYY", "year", 0},
    Unit{"YY", "year", 0},
    Unit{"QUARTER", "quarter", 0},
    Unit{"MONTH", "month", 0},
    Unit{"MM", "month", 0},
    Unit{"MON", "month", 0},
    Unit{"WEEK", "week", 0},
    Unit{"DAY", "day", kMicrosPerDay},
    Unit{"DD", "day", kMicrosPerDay},
    Unit{"HOUR", "hour", kMicrosPerHour},
    Unit{"MINUTE", "minute", kMicrosPerMinute},
    Unit{"SECOND", "second", kMicrosPerSecond},
    Unit{"MILLISECOND", "millisecond", kMicrosPerMilli},
    Unit{"MICROSECOND", "microsecond", 1},
};

// Nothing where there is no such unit, of which Spark makes NULL.
Result<std::optional<Unit>> unit_of(const CallContext& context, const Typed& value) {
  std::string text = uppered(TRY(literal_of(context, value, "unit")));
  for (const Unit& unit : kUnits) {
    if (unit.name == text) return std::optional<Unit>(unit);
  }
  return std::optional<Unit>();
}

// Multiples of a day and less by integer arithmetic: calendar functions are slower.
std::string floored(const std::string& sql, int64_t step) {
  std::string us = std::to_string(step);
  return filled("make_timestamp(epoch_us({0}) - ((epoch_us({0}) % {1}) + {1}) % {1})", {sql, us});
}

Result<Typed> build_date_trunc(const CallContext& context, const Arguments& arguments) {
  auto known = TRY(unit_of(context, arguments[0]));
  if (!known) return typed(typed_null(Kind::Timestamp), Kind::Timestamp);
  const Unit& unit = *known;
  const std::string& value = arguments[1].sql;
  if (unit.micros > 0) return typed(floored(value, unit.micros), Kind::Timestamp);
  return typed("CAST(date_trunc('" + std::string(unit.duckdb) + "', " + value + ") AS TIMESTAMP)",
              Kind::Timestamp);
}

Result<Typed> build_trunc(const CallContext& context, const Arguments& arguments) {
  auto unit = TRY(unit_of(context, arguments[1]));
  if (!unit || unit->micros > 0) return typed(typed_null(Kind::Date), Kind::Date);
  return typed(
      "CAST(date_trunc('" + std::string(unit->duckdb) + "', " + arguments[0].sql + ") AS DATE)",
      Kind::Date);
}

Result<Typed> build_date_format(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_of(context, arguments[1], "pattern"));
  std::string format = TRY(strftime_format(java));
  return typed("strftime(" + arguments[0].sql + ", " + quoted_text(format) + ")", Kind::String);
}

Result<Typed> build_from_unixtime(const CallContext& context, const Arguments& arguments) {
  std::string java = "yyyy-MM-dd HH:mm:ss";
  if (arguments.size() == 2) java = TRY(literal_of(context, arguments[1], "pattern"));
  std::string format = TRY(strftime_format(java));
  return typed(
      "strftime(make_timestamp(" + arguments[0].sql + " * 1000000), " + quoted_text(format) + ")",
      Kind::String);
}

Result<Typed> build_timestamp_seconds(const CallContext&, const Arguments& arguments) {
  const Typed& value = arguments[0];
  if (value.type.kind == Kind::Decimal) {
    if (value.type.scale > 6) {
      return Error{Code::Unsupported,
                   "timestamp_seconds() of DECIMAL takes at most 6 digits behind the point"};
    }
    Typed micros = TRY(cast(value, Type::decimal(38, 6)));
    return typed(
        "make_timestamp(CAST(replace(CAST(" + micros.sql + " AS VARCHAR), '.', '') AS BIGINT))",
        Kind::Timestamp);
  }
  return cast(value, Kind::Timestamp);
}

Result<Typed> build_now(const CallContext& context, const Arguments&) {
  return typed("make_timestamp(" + std::to_string(context.now_us) + ")", Kind::Timestamp);
}

Result<Typed> build_localtimestamp(const CallContext& context, const Arguments&) {
  return typed("make_timestamp(" + std::to_string(context.now_us) + ")", Kind::TimestampNtz);
}

Result<Typed> build_today(const CallContext& context, const Arguments&) {
  return typed("CAST(make_timestamp(" + std::to_string(floor_to(context.now_us, kMicrosPerDay)) +
                  ") AS DATE)",
              Kind::Date);
}

Result<Typed> build_zone(const CallContext&, const Arguments&) {
  return typed("'UTC'", Kind::String);
}

// As Spark, cut towards zero: an instant just before 1970 is second 0 (unix_seconds rounds down).
Typed whole_seconds(const Typed& instant) {
  return typed("(epoch_us(" + instant.sql + ") // 1000000)", Kind::Long);
}

Result<Typed> build_to_unix(const CallContext& context, const Arguments& arguments) {
  if (arguments.empty()) {
    return typed("CAST(" +
                    std::to_string(floor_to(context.now_us, kMicrosPerSecond) / kMicrosPerSecond) +
                    " AS BIGINT)",
                Kind::Long);
  }
  if (arguments.size() == 1 && arguments[0].type.kind == Kind::String) {
    Typed pattern = {.sql = "''", .type = Kind::String};
    pattern.literal = Literal{Kind::String, "yyyy-MM-dd HH:mm:ss"};
    Typed value = TRY(parsed(context, {arguments[0], pattern}, Kind::Timestamp, false));
    return whole_seconds(value);
  }
  Typed value = arguments[0];
  if (arguments.size() == 2) value = TRY(parsed(context, arguments, Kind::Timestamp, false));
  Typed instant = TRY(coerce(value, Kind::Timestamp));
  return whole_seconds(instant);
}

// Whole units of micros, rounded down.
constexpr std::string_view kMillis =
    "(epoch_us({0}) - ((epoch_us({0}) % 1000) + 1000) % 1000) // 1000";
constexpr std::string_view kSeconds =
    "(epoch_us({0}) - ((epoch_us({0}) % 1000000) + 1000000) % 1000000) // 1000000";

constexpr ScalarFunction kTime[] = {
    {"to_date", "x", "D", "", build_parse<Kind::Date, false>},
    {"to_date", "xs", "D", "", build_parse<Kind::Date, false>},
    {"date", "x", "D", "", build_parse<Kind::Date, false>},
    {"try_to_date", "x", "D", "", build_parse<Kind::Date, true>},
    {"try_to_date", "xs", "D", "", build_parse<Kind::Date, true>},
    {"to_timestamp", "x", "T", "", build_parse<Kind::Timestamp, false>},
    {"to_timestamp", "xs", "T", "", build_parse<Kind::Timestamp, false>},
    {"timestamp", "x", "T", "", build_parse<Kind::Timestamp, false>},
    {"try_to_timestamp", "x", "T", "", build_parse<Kind::Timestamp, true>},
    {"try_to_timestamp", "xs", "T", "", build_parse<Kind::Timestamp, true>},
    {"to_timestamp_ltz", "x", "T", "", build_parse<Kind::Timestamp, false>},
    {"to_timestamp_ltz", "xs", "T", "", build_parse<Kind::Timestamp, false>},
    {"to_timestamp_ntz", "x", "T", "", build_parse<Kind::TimestampNtz, false>},
    {"date_trunc", "sT", "T", "", build_date_trunc},
    {"trunc", "Ds", "D", "", build_trunc},
    {"year", "D", "i", "year({0})"},
    {"quarter", "D", "i", "quarter({0})"},
    {"month", "D", "i", "month({0})"},
    {"day", "D", "i", "day({0})"},
    {"dayofmonth", "D", "i", "day({0})"},
    {"dayofweek", "D", "i", "dayofweek({0}) + 1"},
    {"weekday", "D", "i", "isodow({0}) - 1"},
    {"dayofyear", "D", "i", "dayofyear({0})"},
    {"weekofyear", "D", "i", "week({0})"},
    {"hour", "T", "i", "hour({0})"},
    {"minute", "T", "i", "minute({0})"},
    {"second", "T", "i", "second({0})"},
    {"date_add", "Di", "D", "{0} + {1}", nullptr, true},
    {"dateadd", "Di", "D", "{0} + {1}", nullptr, true},
    {"date_sub", "Di", "D", "{0} - {1}", nullptr, true},
    {"datediff", "DD", "i", "{0} - {1}"},
    {"date_diff", "DD", "i", "{0} - {1}"},
    {"add_months", "Di", "D", "{0} + to_months({1})", nullptr, true},
    {"last_day", "D", "D", "last_day({0})"},
    {"make_date", "iii", "D", "make_date({0}, {1}, {2})", nullptr, true},
    {"date_format", "Ts", "s", "", build_date_format},
    {"from_unixtime", "l", "s", "", build_from_unixtime},
    {"from_unixtime", "ls", "s", "", build_from_unixtime},
    {"unix_timestamp", "", "l", "", build_to_unix},
    {"unix_timestamp", "x", "l", "", build_to_unix},
    {"unix_timestamp", "xs", "l", "", build_to_unix},
    {"to_unix_timestamp", "x", "l", "", build_to_unix},
    {"to_unix_timestamp", "xs", "l", "", build_to_unix},
    {"timestamp_seconds", "n", "T", "", build_timestamp_seconds, true},
    {"timestamp_millis", "I", "T", "make_timestamp(CAST({0} AS BIGINT) * 1000)", nullptr, true},
    {"timestamp_micros", "I", "T", "make_timestamp(CAST({0} AS BIGINT))"},
    {"unix_seconds", "T", "l", kSeconds},
    {"unix_millis", "T", "l", kMillis},
    {"unix_micros", "T", "l", "epoch_us({0})"},
    {"unix_date", "D", "i", "{0} - DATE '1970-01-01'"},
    {"current_timestamp", "", "T", "", build_now},
    {"now", "", "T", "", build_now},
    {"localtimestamp", "", "T", "", build_localtimestamp},
    {"current_date", "", "D", "", build_today},
    {"curdate", "", "D", "", build_today},
    {"current_timezone", "", "s", "", build_zone},
};

}  // namespace

std::span<const ScalarFunction> time_functions() { return kTime; }

}  // namespace ticklake::sql
