// Units, differences and parts of times, and time zones. Zones are those of the engine's own
// tables; what Java's rules say of a wall-clock time that a zone skips or repeats is followed.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/check.h"
#include "base/text.h"
#include "base/time.h"
#include "sql/functions.h"

namespace ticklake::sql {
namespace {

struct Unit {
  std::string_view name;
  int64_t micros;  // 0: a calendar unit
  int months = 0;
};
constexpr std::array kUnits = {
    Unit{"YEAR", 0, 12},
    Unit{"QUARTER", 0, 3},
    Unit{"MONTH", 0, 1},
    Unit{"WEEK", 7 * kMicrosPerDay},
    Unit{"DAY", kMicrosPerDay},
    Unit{"DAYOFYEAR", kMicrosPerDay},
    Unit{"HOUR", kMicrosPerHour},
    Unit{"MINUTE", kMicrosPerMinute},
    Unit{"SECOND", kMicrosPerSecond},
    Unit{"MILLISECOND", kMicrosPerMilli},
    Unit{"MICROSECOND", 1},
};

Result<Unit> unit_of(const CallContext& context, const Typed& value) {
  std::string text = uppered(TRY(literal_of(context, value, "unit")));
  auto found = std::find_if(kUnits.begin(), kUnits.end(),
                            [&](const Unit& unit) { return unit.name == text; });
  CHECK(found != kUnits.end(), "the parser takes no other unit");
  return *found;
}

// timestampadd(unit, count, time)
Result<Typed> build_add(const CallContext& context, const Arguments& arguments) {
  Unit unit = TRY(unit_of(context, arguments[0]));
  const Typed& time = arguments[2];
  if (unit.months > 0) {
    return made(filled("{0} + to_months(CAST({1} * {2} AS INTEGER))",
                       {time.sql, arguments[1].sql, std::to_string(unit.months)}),
                time.type, true);
  }
  return made(filled("make_timestamp(epoch_us({0}) + {1} * {2})",
                     {time.sql, arguments[1].sql, std::to_string(unit.micros)}),
              time.type, true);
}

// timestampdiff(unit, from, to): whole units, cut towards zero.
Result<Typed> build_difference(const CallContext& context, const Arguments& arguments) {
  Unit unit = TRY(unit_of(context, arguments[0]));
  std::vector<std::string> texts = {"epoch_us(" + arguments[1].sql + ")",
                                    "epoch_us(" + arguments[2].sql + ")"};
  if (unit.months > 0) {
    texts.push_back(std::to_string(unit.months));
    return made(filled("ticklake_whole_months({0}, {1}) // {2}", texts), Kind::Long);
  }
  texts.push_back(std::to_string(unit.micros));
  return made(filled("({1} - {0}) // {2}", texts), Kind::Long);
}

struct Part {
  std::string_view names;  // with a blank around each
  std::string_view function;
};
constexpr std::array kParts = {
    Part{" YEAR Y YEARS YR YRS ", "year"},
    Part{" YEAROFWEEK ", "isoyear"},
    Part{" QUARTER QTR ", "quarter"},
    Part{" MONTH MON MONS MONTHS ", "month"},
    Part{" WEEK W WEEKS ", "week"},
    Part{" DAY D DAYS ", "day"},
    Part{" DAYOFWEEK DOW ", "dayofweek"},
    Part{" DAYOFWEEK_ISO DOW_ISO ", "isodow"},
    Part{" DOY ", "dayofyear"},
    Part{" HOUR H HOURS HR HRS ", "hour"},
    Part{" MINUTE M MIN MINS MINUTES ", "minute"},
    Part{" SECOND S SEC SECONDS SECS ", "second"},
};

Result<Typed> build_part(const CallContext& context, const Arguments& arguments) {
  std::string field = uppered(TRY(literal_of(context, arguments[0], "field")));
  Typed time =
      TRY(coerce(arguments[1], arguments[1].type.kind == Kind::TimestampNtz ? Kind::TimestampNtz
                                                                            : Kind::Timestamp));
  for (const Part& part : kParts) {
    if (part.names.find(" " + field + " ") == std::string_view::npos) continue;
    if (part.function == "second")
      return made("strftime(" + time.sql + ", '%S.%f')", Type::decimal(8, 6));
    std::string call = std::string(part.function) + "(" + time.sql + ")";
    if (part.function == "dayofweek") call += " + 1";
    return made(call, Kind::Integer);
  }
  return Error{Code::Invalid, "'" + field + "' is not a field of " + std::string(context.name) +
                                  "(); there are YEAR, YEAROFWEEK, QUARTER, MONTH, WEEK, DAY, "
                                  "DAYOFWEEK, DAYOFWEEK_ISO, DOY, HOUR, MINUTE and SECOND"};
}

Result<Typed> build_months_between(const CallContext&, const Arguments& arguments) {
  std::string rounds = arguments.size() == 3 ? arguments[2].sql : "TRUE";
  return made(filled("ticklake_months_between(epoch_us({0}), epoch_us({1}), {2})",
                     {arguments[0].sql, arguments[1].sql, rounds}),
              Kind::Double);
}

Result<Typed> build_next_day(const CallContext&, const Arguments& arguments) {
  std::string wrong =
      raising(Kind::Integer,
              quoted_text("[ILLEGAL_DAY_OF_WEEK] not the name of a day of the week in English: ") +
                  " || " + arguments[1].sql);
  std::string day = "upper(trim(" + arguments[1].sql + "))";
  static constexpr std::array names = {"MO', 'MON', 'MONDAY",    "TU', 'TUE', 'TUESDAY",
                                       "WE', 'WED', 'WEDNESDAY", "TH', 'THU', 'THURSDAY",
                                       "FR', 'FRI', 'FRIDAY",    "SA', 'SAT', 'SATURDAY",
                                       "SU', 'SUN', 'SUNDAY"};
  std::string number = "CASE";
  for (size_t i = 0; i < names.size(); ++i) {
    number +=
        std::string(" WHEN ") + day + " IN ('" + names[i] + "') THEN " + std::to_string(i + 1);
  }
  number += " WHEN " + arguments[1].sql + " IS NOT NULL THEN " + wrong + " END";
  return made(filled("CASE WHEN {0} IS NOT NULL THEN {0} + CAST(({1} - isodow({0}) + 6) % 7 + 1 AS "
                     "INTEGER) END",
                     {arguments[0].sql, number}),
              Kind::Date, true);
}

// Minutes of "+5:30", "-08", "GMT+3", "UTC-03:00", "Z".
std::optional<int> fixed_minutes(std::string_view zone) {
  for (std::string_view start : {"UTC", "GMT", "UT"}) {
    if (!zone.starts_with(start)) continue;
    zone.remove_prefix(start.size());
    if (zone.empty()) return 0;
    break;
  }
  if (zone == "Z") return 0;
  if (zone.size() < 2 || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  auto parts = split(zone.substr(1), ':');
  if (parts.size() > 2) return std::nullopt;
  int minutes = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    bool digits = !parts[i].empty() && parts[i].size() <= 2 &&
                  parts[i].find_first_not_of("0123456789") == std::string::npos;
    if (!digits) return std::nullopt;
    minutes += std::atoi(parts[i].c_str()) * (i == 0 ? 60 : 1);
  }
  if (minutes > 18 * 60) return std::nullopt;
  return zone[0] == '-' ? -minutes : minutes;
}

std::string moved(const std::string& time, int minutes) {
  return "make_timestamp(epoch_us(" + time + ") + " + std::to_string(minutes * kMicrosPerMinute) +
         ")";
}

// The wall clock in the zone at an instant of `sql`.
std::string wall_time(const std::string& sql, const std::string& zone) {
  if (auto minutes = fixed_minutes(zone)) return moved(sql, *minutes);
  return "timezone(" + quoted_text(zone) + ", CAST(" + sql + " AS TIMESTAMPTZ))";
}

// The instant at which the wall clock in the zone shows `sql`: the first of two; where the clock
// skips that time, as if it had not.
std::string instant_of(const std::string& sql, const std::string& zone) {
  if (auto minutes = fixed_minutes(zone)) return moved(sql, -*minutes);
  auto wall = [&](const std::string& us) {
    return "epoch_us(" + wall_time("make_timestamp(" + us + ")", zone) + ")";
  };
  std::string day = std::to_string(kMicrosPerDay);
  std::string before = "c_ - " + day, after = "c_ + " + day;
  std::string choice =
      "CASE WHEN " + wall("e_") + " = l_ THEN e_ WHEN " + wall("a_") + " = l_ THEN a_ ELSE e_ END";
  choice = bound("l_ - (" + wall(after) + " - (" + after + "))", "a_", choice);
  choice = bound("l_ - (" + wall(before) + " - (" + before + "))", "e_", choice);
  choice = bound("epoch_us(timezone(" + quoted_text(zone) + ", make_timestamp(l_)))", "c_", choice);
  return "make_timestamp(" + bound("epoch_us(" + sql + ")", "l_", choice) + ")";
}

Result<Typed> build_from_utc(const CallContext& context, const Arguments& arguments) {
  std::string zone = TRY(literal_of(context, arguments[1], "time zone"));
  return made(wall_time(arguments[0].sql, zone), Kind::Timestamp, true);
}

Result<Typed> build_to_utc(const CallContext& context, const Arguments& arguments) {
  std::string zone = TRY(literal_of(context, arguments[1], "time zone"));
  return made(instant_of(arguments[0].sql, zone), Kind::Timestamp, true);
}

Result<Typed> build_convert_timezone(const CallContext& context, const Arguments& arguments) {
  bool with_source = arguments.size() == 3;
  std::string from = with_source ? TRY(literal_of(context, arguments[0], "time zone")) : "UTC";
  std::string to = TRY(literal_of(context, arguments[with_source ? 1 : 0], "time zone"));
  Typed time = TRY(coerce(arguments.back(), Kind::TimestampNtz));
  return made(wall_time(instant_of(time.sql, from), to), Kind::TimestampNtz, true);
}

Result<Typed> build_make_timestamp(const CallContext& context, const Arguments& arguments) {
  bool is_try = context.name.starts_with("try_");
  Typed seconds = TRY(cast(arguments[5], Type::decimal(16, 6)));
  std::string call = "ticklake_make_timestamp(";
  std::string tests;
  for (size_t i = 0; i < 5; ++i) {
    call += arguments[i].sql + ", ";
    tests += arguments[i].sql + " IS NOT NULL AND ";
  }
  call += "CAST(replace(CAST(" + seconds.sql + " AS VARCHAR), '.', '') AS BIGINT))";
  tests += seconds.sql + " IS NOT NULL";
  std::string wrong =
      raising(Kind::Long,
              quoted_text("[DATETIME_FIELD_OUT_OF_BOUNDS] a part of " + std::string(context.name) +
                          "() is out of its range; use try_make_timestamp to get NULL instead"));
  if (!is_try) call = "COALESCE(" + call + ", CASE WHEN " + tests + " THEN " + wrong + " END)";
  std::string sql = "make_timestamp(" + call + ")";
  bool local = context.name.ends_with("_ntz");
  if (arguments.size() == 7) {
    std::string zone = TRY(literal_of(context, arguments[6], "time zone"));
    sql = instant_of(sql, zone);
  }
  return made(sql, local ? Kind::TimestampNtz : Kind::Timestamp, !is_try);
}

Result<Typed> build_day_time_interval(const CallContext&, const Arguments& arguments) {
  constexpr int64_t units[] = {kMicrosPerDay, kMicrosPerHour, kMicrosPerMinute};
  std::string sum;
  for (size_t i = 0; i < arguments.size() && i < 3; ++i) {
    sum += (i > 0 ? " + " : "") + ("CAST(" + arguments[i].sql + " AS BIGINT) * ") +
           std::to_string(units[i]);
  }
  if (arguments.size() == 4) {
    Typed seconds = TRY(cast(arguments[3], Type::decimal(18, 6)));
    sum += " + CAST(replace(CAST(" + seconds.sql + " AS VARCHAR), '.', '') AS BIGINT)";
  }
  return made(sum, Kind::Interval, true);
}

constexpr ScalarFunction kCalendar[] = {
    {"timestampadd", "slT", "T", "", build_add},
    {"dateadd", "slT", "T", "", build_add},
    {"date_add", "slT", "T", "", build_add},
    {"timestampdiff", "sTT", "l", "", build_difference},
    {"timediff", "sTT", "l", "", build_difference},
    {"datediff", "sTT", "l", "", build_difference},
    {"date_diff", "sTT", "l", "", build_difference},
    {"date_part", "sx", "i", "", build_part},
    {"datepart", "sx", "i", "", build_part},
    {"dayname", "D", "s", "strftime({0}, '%a')"},
    {"monthname", "D", "s", "strftime({0}, '%b')"},
    {"date_from_unix_date", "i", "D", "DATE '1970-01-01' + {0}"},
    {"months_between", "TT", "d", "", build_months_between},
    {"months_between", "TTb", "d", "", build_months_between},
    {"next_day", "Ds", "D", "", build_next_day},
    {"from_utc_timestamp", "Ts", "T", "", build_from_utc},
    {"to_utc_timestamp", "Ts", "T", "", build_to_utc},
    {"convert_timezone", "sx", "T", "", build_convert_timezone},
    {"convert_timezone", "ssx", "T", "", build_convert_timezone},
    {"make_timestamp", "iiiiin", "T", "", build_make_timestamp},
    {"make_timestamp", "iiiiins", "T", "", build_make_timestamp},
    {"make_timestamp_ltz", "iiiiin", "T", "", build_make_timestamp},
    {"make_timestamp_ltz", "iiiiins", "T", "", build_make_timestamp},
    {"make_timestamp_ntz", "iiiiin", "T", "", build_make_timestamp},
    {"try_make_timestamp", "iiiiin", "T", "", build_make_timestamp},
    {"try_make_timestamp", "iiiiins", "T", "", build_make_timestamp},
    {"make_dt_interval", "i", "0", "", build_day_time_interval},
    {"make_dt_interval", "ii", "0", "", build_day_time_interval},
    {"make_dt_interval", "iii", "0", "", build_day_time_interval},
    {"make_dt_interval", "iiin", "0", "", build_day_time_interval},
};

}  // namespace

std::span<const ScalarFunction> calendar_functions() { return kCalendar; }

}  // namespace ticklake::sql
