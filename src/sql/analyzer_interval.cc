// Intervals, and the arithmetic of dates and times with them.
#include "base/text.h"
#include "sql/analyzer.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

bool is_time(Kind kind) {
  return kind == Kind::Date || kind == Kind::Timestamp || kind == Kind::TimestampNtz;
}

bool is_interval(const Typed& value) { return value.type.kind == Kind::Interval; }

Typed that_may_fail(std::string sql, const Type& type) {
  return {.sql = "(" + std::move(sql) + ")", .type = type, .may_fail = true};
}

std::string huge(const std::string& sql) { return "CAST(" + sql + " AS HUGEINT)"; }

// The whole quotient, halves away from 0.
std::string rounded_quotient(const std::string& left, const std::string& right) {
  return filled(
      "CASE WHEN ({0} < 0) = ({1} < 0) THEN 1 ELSE -1 END * "
      "((2 * abs({0}) + abs({1})) // (2 * abs({1})))",
      {left, right});
}

// An interval times or divided by a number, rounded to whole months or micros.
Result<Typed> scaled(Binary::Op op, const Typed& interval, Typed number) {
  constexpr int kDigitsMax = 18;
  bool times = op == Binary::Op::Multiply;
  bool floating = number.type.kind == Kind::Float || number.type.kind == Kind::Double;
  bool decimal = number.type.kind == Kind::Decimal;
  if (decimal && number.type.precision > kDigitsMax) {
    return Error{Code::Unsupported, "an interval is scaled by " + to_sql(number.type) +
                                        ", which has over 18 digits; cast it to DOUBLE"};
  }
  bool months = is_months(interval.type);
  Type type = months ? interval_type(IntervalUnit::Year, IntervalUnit::Month) : Kind::Interval;
  std::string sql;
  if (floating) {
    sql = "round(CAST(" + interval.sql + " AS DOUBLE)" + (times ? " * " : " / ") + "CAST(" +
          number.sql + " AS DOUBLE))";
  } else if (decimal && times) {
    sql = "round(CAST(" + interval.sql + " AS DECIMAL(20,0)) * " + number.sql + ", 0)";
  } else if (times) {
    sql = huge(interval.sql) + " * " + huge(number.sql);
  } else {
    std::string power = "1" + std::string(decimal ? number.type.scale : 0, '0');
    sql = rounded_quotient("(" + huge(interval.sql) + " * " + power + ")",
                           huge("(" + number.sql + " * " + power + ")"));
  }
  Typed out = that_may_fail(cast_text(sql, type), type);
  if (times) return out;
  std::string message = "[INTERVAL_DIVIDED_BY_ZERO] Division by zero";
  out.sql = "CASE WHEN (" + number.sql + ") = 0 AND (" + interval.sql + ") IS NOT NULL THEN " +
            raising(type, quoted_text(message)) + " ELSE " + out.sql + " END";
  return out;
}

// A date or time and an interval; a DATE stays one where only whole days or months are added.
Typed moved(const Typed& time, const Typed& interval, const std::string& sign) {
  Kind kind = time.type.kind;
  if (is_months(interval.type)) {
    std::string sql = time.sql + sign + "to_months(" + interval.sql + ")";
    return that_may_fail(cast_text(sql, kind), kind);
  }
  std::string sql = "make_timestamp(epoch_us(" + time.sql + ")" + sign + interval.sql + ")";
  if (kind != Kind::Date) return that_may_fail(sql, kind);
  if (interval.type == interval_type(IntervalUnit::Day, IntervalUnit::Day)) {
    return that_may_fail("CAST(" + sql + " AS DATE)", kind);
  }
  return that_may_fail(sql, Kind::Timestamp);
}

}  // namespace

Result<Typed> Analyzer::node(const IntervalLiteral& interval, const Expression&, Scope&) {
  Type type = interval_type(interval.first, interval.last);
  int64_t value = is_months(type) ? interval.months : interval.micros;
  return Typed{.sql = cast_text(std::to_string(value), type), .type = type};
}

bool is_time_or_interval(const Type& type) {
  return is_time(type.kind) || type.kind == Kind::Interval;
}

std::string time_text(Binary::Op op, const Typed& left, const Typed& right) {
  bool add = op == Binary::Op::Add;
  bool subtract = op == Binary::Op::Subtract;
  bool swapped = add && !is_time(left.type.kind) && is_time(right.type.kind);
  const Typed& time = swapped ? right : left;
  const Typed& moved_by = swapped ? left : right;
  std::string first = swapped ? "{1}" : "{0}", second = swapped ? "{0}" : "{1}";
  bool moves = (add || subtract) && is_time(time.type.kind);
  if (moves && moved_by.type.is_integral()) {
    return (add ? "date_add(" : "date_sub(") + first + ", " + second + ")";
  }
  bool days = moved_by.type == interval_type(IntervalUnit::Day, IntervalUnit::Day);
  if (moves && days && time.type.kind == Kind::Date) {
    std::string count = "extractansiintervaldays(" + second + ")";
    return "date_add(" + first + ", " + (add ? count : "(- " + count + ")") + ")";
  }
  if (moves && is_interval(moved_by)) return first + (add ? " + " : " - ") + second;
  bool multiply = op == Binary::Op::Multiply;
  if (multiply && is_interval(right)) std::swap(first, second);
  std::string sign = add ? " + " : subtract ? " - " : multiply ? " * " : " / ";
  return "(" + first + sign + second + ")";
}

// date + 1, timestamp + interval, timestamp - timestamp, interval * 2 ..
Result<Typed> Analyzer::time_arithmetic(Binary::Op op, const Typed& left, const Typed& right,
                                        Position position) {
  Kind a = left.type.kind, b = right.type.kind;
  bool add = op == Binary::Op::Add;
  bool subtract = op == Binary::Op::Subtract;
  std::string sign = add ? " + " : " - ";
  if (add && is_time(b) && !is_time(a)) return time_arithmetic(op, right, left, position);
  if ((add || subtract) && is_interval(left) && is_interval(right)) {
    auto type = common_type(left.type, right.type);
    if (type) return that_may_fail(left.sql + sign + right.sql, *type);
  }
  if ((add || subtract) && a == Kind::Date && right.type.is_integral() && b != Kind::Long) {
    return that_may_fail(left.sql + sign + cast_text(right.sql, Kind::Integer), Kind::Date);
  }
  if ((add || subtract) && is_time(a) && is_interval(right)) return moved(left, right, sign);
  if (subtract && is_time(a) && is_time(b)) {
    bool dates = a == Kind::Date && b == Kind::Date;
    Type type = dates ? interval_type(IntervalUnit::Day, IntervalUnit::Day) : Kind::Interval;
    return that_may_fail("epoch_us(" + left.sql + ") - epoch_us(" + right.sql + ")", type);
  }
  auto is_number = [](const Type& type) { return type.is_numeric() || type.kind == Kind::Null; };
  bool multiply = op == Binary::Op::Multiply;
  if (multiply && is_interval(right) && is_number(left.type)) {
    return located(position, scaled(op, right, left));
  }
  bool scales = (multiply || op == Binary::Op::Divide) && is_number(right.type);
  if (scales && is_interval(left)) return located(position, scaled(op, left, right));
  return at(position,
            "this operator does not take " + to_sql(left.type) + " and " + to_sql(right.type));
}

}  // namespace ticklake::sql
