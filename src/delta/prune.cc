// Which files cannot hold a row that meets the conditions. Whatever is not known for sure keeps the
// file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "base/text.h"
#include "base/time.h"
#include "delta/delta.h"
#include "delta/json.h"
#include "delta/values.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kLostMicros = 999;  // statistics of timestamps end at milliseconds

// The leaves of one file's statistics by section and column, as the text of the JSON: numbers keep
// all their digits.
class Statistics final : public nlohmann::json_sax<Json> {
 public:
  std::optional<std::string> find(const std::string& section, const std::string& column) const {
    auto found = values_.find({section, column});
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }

  bool null() override { return true; }
  bool boolean(bool value) override { return note(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return note(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return note(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return note(text); }
  bool string(string_t& value) override { return note(value); }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override {
    path_.emplace_back();
    return true;
  }
  bool key(string_t& name) override {
    if (!path_.empty()) path_.back() = name;
    return true;
  }
  bool end_object() override {
    path_.pop_back();
    return true;
  }
  bool start_array(size_t) override {
    path_.emplace_back();
    return true;
  }
  bool end_array() override {
    path_.pop_back();
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    values_.clear();
    return false;
  }

 private:
  bool note(const std::string& value) {
    if (path_.size() == 2) values_[{path_[0], path_[1]}] = value;
    if (path_.size() == 1) values_[{path_[0], ""}] = value;
    return true;
  }

  std::vector<std::string> path_;
  std::map<std::pair<std::string, std::string>, std::string> values_;
};

// A decimal number of any length: compares exactly.
struct Number {
  bool negative = false;
  std::string whole;     // without leading zeros
  std::string fraction;  // without trailing zeros
};

std::optional<Number> parse_number(std::string_view text) {
  constexpr int64_t kExponentMax = 400;
  Number out;
  out.negative = text.starts_with('-');
  if (out.negative || text.starts_with('+')) text.remove_prefix(1);
  int64_t exponent = 0;
  if (size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    auto power =
        parse_float(text.substr(text[std::min(e + 1, text.size() - 1)] == '+' ? e + 2 : e + 1));
    if (!power || !(std::abs(*power) <= static_cast<double>(kExponentMax))) return std::nullopt;
    exponent = static_cast<int64_t>(*power);
    text = text.substr(0, e);
  }
  size_t point = std::min(text.find('.'), text.size());
  out.whole = text.substr(0, point);
  if (point < text.size()) out.fraction = text.substr(point + 1);
  std::string all = out.whole + out.fraction;
  if (all.empty() || all.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  int64_t place = static_cast<int64_t>(out.whole.size()) + exponent;
  if (place < 0) all.insert(0, static_cast<size_t>(-place), '0');
  auto digits_whole = static_cast<size_t>(std::max<int64_t>(place, 0));
  if (all.size() < digits_whole) all.append(digits_whole - all.size(), '0');
  out.whole = all.substr(0, digits_whole);
  out.fraction = all.substr(digits_whole);
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  if (out.whole.empty() && out.fraction.empty()) out.negative = false;
  return out;
}

int compared(const Number& a, const Number& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int order = a.whole.size() != b.whole.size() ? (a.whole.size() < b.whole.size() ? -1 : 1)
                                               : a.whole.compare(b.whole);
  if (order == 0) order = a.fraction.compare(b.fraction);
  return a.negative ? -order : order;
}

// A value of a column in a form that compares as Spark does.
using Value = std::variant<int64_t, double, std::string, Number>;

std::optional<Value> parse_value(const std::string& text, const Type& type) {
  auto made = [](auto parsed) -> std::optional<Value> {
    if (!parsed) return std::nullopt;
    return Value(*std::move(parsed));
  };
  switch (type.kind) {
    case Kind::Boolean:
      if (equal_ignoring_case(text, "true")) return Value(int64_t{1});
      if (equal_ignoring_case(text, "false")) return Value(int64_t{0});
      return std::nullopt;
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer:
    case Kind::Long:
    case Kind::Decimal: return made(parse_number(text));
    case Kind::Float:
    case Kind::Double: return made(parse_float(text));
    case Kind::String: return Value(text);
    case Kind::Date: {
      auto days = parse_date(text);
      return days ? std::optional(Value(int64_t{*days})) : std::nullopt;
    }
    case Kind::Timestamp:
    case Kind::TimestampNtz: {
      auto time = parse_timestamp(text);
      return time ? std::optional(Value(time->micros)) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

bool is_nan(const Value& value) {
  const double* number = std::get_if<double>(&value);
  return number && std::isnan(*number);
}

// Both of one type. NaN equals itself and is above all numbers, as in Spark.
int compared(const Value& a, const Value& b) {
  if (const Number* number = std::get_if<Number>(&a)) return compared(*number, std::get<Number>(b));
  if (const auto* text = std::get_if<std::string>(&a)) {
    return text->compare(std::get<std::string>(b));
  }
  if (const double* number = std::get_if<double>(&a)) {
    if (is_nan(a) || is_nan(b)) return static_cast<int>(is_nan(a)) - static_cast<int>(is_nan(b));
    double other = std::get<double>(b);
    return *number < other ? -1 : *number > other ? 1 : 0;
  }
  int64_t left = std::get<int64_t>(a);
  int64_t right = std::get<int64_t>(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

using Op = Condition::Op;

// What a literal's text may stand for on a FLOAT column is a double or that double rounded to
// float; statistics and partition values are floats, whose text another writer may have rounded its
// own way. Bounds one float further out hold for all of these.
struct Range {
  std::optional<Value> min;
  std::optional<Value> max;
};

Range widened(Range range, const Field& field) {
  if (field.type.kind != Kind::Float) return range;
  auto moved = [](std::optional<Value>& bound, float towards) {
    if (!bound || is_nan(*bound)) return;
    auto nearest = static_cast<float>(std::get<double>(*bound));
    bound = Value(static_cast<double>(std::nextafter(nearest, towards)));
  };
  moved(range.min, -std::numeric_limits<float>::infinity());
  moved(range.max, std::numeric_limits<float>::infinity());
  return range;
}

// Whether a value in the range may stand in this relation to the literal. A bound that is not known
// rules nothing out.
bool range_may_match(const Range& range, Op op, const Value& literal) {
  bool below = range.min && compared(literal, *range.min) < 0;
  bool above = range.max && compared(literal, *range.max) > 0;
  bool at_min = range.min && compared(literal, *range.min) == 0;
  bool at_max = range.max && compared(literal, *range.max) == 0;
  switch (op) {
    case Op::Equal: return !below && !above;
    case Op::Less: return !below && !at_min;
    case Op::LessEqual: return !below;
    case Op::Greater: return !above && !at_max;
    case Op::GreaterEqual: return !above;
    default: return true;
  }
}

bool partition_may_match(const AddFile& file, const Field& field, const Condition& condition) {
  auto found = file.partition_values.find(field.name);
  if (found == file.partition_values.end()) return true;
  bool null = !found->second || found->second->empty();
  if (condition.op == Op::IsNull) return null;
  if (null) return false;
  if (condition.op == Op::IsNotNull) return true;
  auto value = parse_value(*found->second, field.type);
  auto literal = parse_value(condition.literal, field.type);
  if (!value || !literal) return true;
  return range_may_match(widened({value, value}, field), condition.op, *literal);
}

std::optional<int64_t> count_of(const Statistics& statistics, const std::string& section,
                                const std::string& column) {
  auto text = statistics.find(section, column);
  if (!text) return std::nullopt;
  auto value = parse_float(*text);
  return value ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
}

std::optional<Value> bound_of(const Statistics& statistics, const char* section,
                              const Field& field) {
  auto text = statistics.find(section, field.name);
  auto value = text ? parse_value(*text, field.type) : std::nullopt;
  return value && !is_nan(*value) ? value : std::nullopt;
}

bool bounds_may_match(const Statistics& statistics, const Field& field,
                      const Condition& condition) {
  auto literal = parse_value(condition.literal, field.type);
  if (!literal || is_nan(*literal)) return true;
  Range range{bound_of(statistics, "minValues", field), bound_of(statistics, "maxValues", field)};
  bool is_time = field.type.kind == Kind::Timestamp || field.type.kind == Kind::TimestampNtz;
  if (range.max && is_time) std::get<int64_t>(*range.max) += kLostMicros;
  // Other writers leave NaN out of the maximum, yet NaN is greater than the literal.
  bool nan_possible = field.type.kind == Kind::Float || field.type.kind == Kind::Double;
  if (nan_possible) range.max = condition.op == Op::Equal ? range.max : std::nullopt;
  return range_may_match(widened(range, field), condition.op, *literal);
}

bool statistics_may_match(const Statistics& statistics, const Field& field,
                          const Condition& condition) {
  auto rows = count_of(statistics, "numRecords", "");
  auto nulls = count_of(statistics, "nullCount", field.name);
  if (condition.op == Op::IsNull) return !nulls || *nulls > 0;
  if (rows && nulls && *nulls >= *rows) return false;
  return condition.op == Op::IsNotNull || bounds_may_match(statistics, field, condition);
}

}  // namespace

bool may_match(const Snapshot& snapshot, const AddFile& file,
               const std::vector<Condition>& conditions) {
  std::optional<Statistics> statistics;
  const auto& partitions = snapshot.metadata().partition_columns;
  for (const Condition& condition : conditions) {
    int at = snapshot.schema().find(condition.column);
    if (at < 0) continue;
    const Field& field = snapshot.schema().fields[static_cast<size_t>(at)];
    if (std::find(partitions.begin(), partitions.end(), field.name) != partitions.end()) {
      if (!partition_may_match(file, field, condition)) return false;
      continue;
    }
    if (field.type.is_nested() || file.stats.empty()) continue;
    if (!statistics) {
      statistics.emplace();
      (void)Json::sax_parse(file.stats, &*statistics);
    }
    if (!statistics_may_match(*statistics, field, condition)) return false;
  }
  return true;
}

}  // namespace ticklake::delta
