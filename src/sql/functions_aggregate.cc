#include <algorithm>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Type sum_type(const Type& type) {
  if (type.is_integral()) return Kind::Long;
  if (type.kind == Kind::Decimal)
    return Type::decimal(std::min(38, type.precision + 10), type.scale);
  return Kind::Double;
}

Aggregate one_part(std::string partial, std::string merge, const Type& type) {
  Aggregate out;
  out.type = type;
  out.parts.push_back({std::move(partial), std::move(merge), type});
  return out;
}

Result<Aggregate> build_count(const Arguments& arguments, const AggregateOptions& options) {
  std::string value = arguments[0].sql;
  if (arguments.size() > 1) {
    std::vector<std::string> tests, fields;
    for (const Typed& argument : arguments) {
      tests.push_back(argument.sql + " IS NOT NULL");
      fields.push_back("f" + std::to_string(fields.size()) + " := " + argument.sql);
    }
    value = "CASE WHEN " + listed(tests, " AND ") + " THEN struct_pack(" + listed(fields) + ") END";
  }
  if (options.distinct) return one_part("count(DISTINCT " + value + ")", "", Kind::Long);
  if (arguments.size() == 1 && arguments[0].literal && arguments[0].type.kind != Kind::Null)
    value = "*";
  return one_part("count(" + value + ")", "sum({0})", Kind::Long);
}

Result<Aggregate> build_sum(const Arguments& arguments, const AggregateOptions& options) {
  const Typed& value = arguments[0];
  Type type = sum_type(value.type);
  std::string distinct = options.distinct ? "DISTINCT " : "";
  std::string text =
      value.type.kind == Kind::Float ? cast_text(value.sql, Kind::Double) : value.sql;
  return one_part("sum(" + distinct + text + ")", options.distinct ? "" : "sum({0})", type);
}

Result<Aggregate> build_avg(const Arguments& arguments, const AggregateOptions& options) {
  const Typed& value = arguments[0];
  std::string distinct = options.distinct ? "DISTINCT " : "";
  std::string merge = options.distinct ? "" : "sum({0})";
  std::string merge_count = options.distinct ? "" : "sum({1})";
  bool decimal = value.type.kind == Kind::Decimal;
  Type type = decimal ? sum_type(value.type) : Type(Kind::Double);
  std::string text = decimal ? value.sql : cast_text(value.sql, Kind::Double);
  Aggregate out;
  out.parts = {{"sum(" + distinct + text + ")", merge, type},
               {"count(" + distinct + value.sql + ")", merge_count, Kind::Long}};
  out.type = Kind::Double;
  out.final = "CASE WHEN {1} > 0 THEN {0} / CAST({1} AS DOUBLE) END";
  if (!decimal) return out;
  out.type =
      Type::decimal(std::min(38, value.type.precision + 4), std::min(38, value.type.scale + 4));
  Typed count = {.sql = "CAST({1} AS DECIMAL(20,0))", .type = Type::decimal(20, 0)};
  Typed quotient = TRY(arithmetic(Arithmetic::Divide, {.sql = "{0}", .type = type}, count, true));
  Typed final = TRY(cast(quotient, out.type));
  out.final = final.sql;
  return out;
}

Result<Aggregate> extreme(const Arguments& arguments, const std::string& name) {
  const Typed& value = arguments[0];
  if (value.type.kind != Kind::Struct && !value.type.is_nested()) {
    return one_part(name + "(" + value.sql + ")", name + "({0})", value.type);
  }
  Typed key = TRY(order_key(value));
  Typed part = {.sql = "{0}", .type = value.type};
  Typed part_key = TRY(order_key(part));
  std::string by = "arg_" + name + "_null(";
  return one_part(by + value.sql + ", " + key.sql + ")", by + "{0}, " + part_key.sql + ")",
                  value.type);
}

Result<Aggregate> build_min(const Arguments& arguments, const AggregateOptions&) {
  return extreme(arguments, "min");
}

Result<Aggregate> build_max(const Arguments& arguments, const AggregateOptions&) {
  return extreme(arguments, "max");
}

// A whole number that is ordered as the value is, a missing one before all; "" where none is made.
std::string whole_number(const Typed& value) {
  switch (value.type.kind) {
    case Kind::Timestamp:
    case Kind::TimestampNtz:  // the times that DuckDB calls infinite have no epoch_us()
      return "coalesce(epoch_us(" + value.sql + "), CASE WHEN " + value.sql +
             " > make_timestamp(0) THEN 9223372036854775807 WHEN " + value.sql +
             " IS NOT NULL THEN -9223372022400000001 ELSE -9223372022400000002 END)";
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer: return "coalesce(CAST(" + value.sql + " AS BIGINT), -2147483649)";
    default: return "";
  }
}

// One number that is ordered as struct(a, b) is, "" where the parts do not fit: DuckDB compares
// numbers, while of each struct it makes a text first. The factor is how many second parts there
// are, 2^64 + 1; 128 bits hold it as no first part comes near the least BIGINT.
std::string packed_key(const Typed& value) {
  if (!value.parts || value.parts->size() != 2) return "";
  const Typed& last = (*value.parts)[1];
  std::string first = whole_number((*value.parts)[0]);
  std::string second = last.type.kind == Kind::Long
                           ? "coalesce(CAST(" + last.sql + " AS HUGEINT), -9223372036854775809)"
                           : whole_number(last);
  if (first.empty() || second.empty()) return "";
  return "(CAST(" + first + " AS HUGEINT) * 18446744073709551617 + " + second + ")";
}

// In parts, the key is two halves of 64 bits, for no type of a table holds it whole.
Aggregate extreme_by_number(const Typed& value, const std::string& key, const std::string& name) {
  std::string by = "arg_" + name + "_null(", extreme = name + "(";
  std::string whole =
      "(CAST({1} AS HUGEINT) * 18446744073709551616 + CAST({2} AS HUGEINT) + 9223372036854775808)";
  auto high = [&](const std::string& of) { return extreme + of + ") >> 64"; };
  auto low = [&](const std::string& of) {
    return "(" + extreme + of + ") & 18446744073709551615) - 9223372036854775808";
  };
  Aggregate out;
  out.type = value.type;
  out.parts = {{by + value.sql + ", " + key + ")", by + "{0}, " + whole + ")", value.type},
               {high(key), high(whole), Kind::Long},
               {low(key), low(whole), Kind::Long}};
  return out;
}

Result<Aggregate> extreme_by(const Arguments& arguments, const std::string& name) {
  std::string packed = packed_key(arguments[1]);
  if (!packed.empty()) return extreme_by_number(arguments[0], packed, name);
  Typed key = TRY(order_key(arguments[1]));
  Aggregate out;
  out.type = arguments[0].type;
  std::string by = "arg_" + name + "_null(";
  out.parts = {{by + arguments[0].sql + ", " + key.sql + ")", by + "{0}, {1})", out.type},
               {name + "(" + key.sql + ")", name + "({1})", key.type}};
  return out;
}

Result<Aggregate> build_min_by(const Arguments& arguments, const AggregateOptions&) {
  return extreme_by(arguments, "min");
}

Result<Aggregate> build_max_by(const Arguments& arguments, const AggregateOptions&) {
  return extreme_by(arguments, "max");
}

Result<Aggregate> build_count_if(const Arguments& arguments, const AggregateOptions&) {
  return one_part("count(CASE WHEN " + arguments[0].sql + " THEN 1 END)", "sum({0})", Kind::Long);
}

Result<Aggregate> build_and(const Arguments& arguments, const AggregateOptions&) {
  return one_part("bool_and(" + arguments[0].sql + ")", "bool_and({0})", Kind::Boolean);
}

Result<Aggregate> build_or(const Arguments& arguments, const AggregateOptions&) {
  return one_part("bool_or(" + arguments[0].sql + ")", "bool_or({0})", Kind::Boolean);
}

Result<Aggregate> positional(const Arguments& arguments, const AggregateOptions& options,
                             const std::string& name) {
  bool ignore = options.ignore_nulls;
  if (arguments.size() == 2) {
    if (!arguments[1].literal)
      return Error{Code::Invalid, "the second argument of " + name + "() must be true or false"};
    ignore |= arguments[1].literal->value != 0;
  }
  std::string text = name + "(" + arguments[0].sql + ")";
  std::vector<std::string> tests;
  if (ignore) tests.push_back(arguments[0].sql + " IS NOT NULL");
  if (!options.filter.empty()) tests.push_back("(" + options.filter + ")");
  if (!tests.empty()) text += " FILTER (WHERE " + listed(tests, " AND ") + ")";
  return one_part(std::move(text), "", arguments[0].type);
}

Result<Aggregate> build_first(const Arguments& arguments, const AggregateOptions& options) {
  return positional(arguments, options, "first");
}

Result<Aggregate> build_last(const Arguments& arguments, const AggregateOptions& options) {
  return positional(arguments, options, "last");
}

Result<Aggregate> build_stddev(const Arguments& arguments, const AggregateOptions&) {
  return one_part("stddev_samp(" + arguments[0].sql + ")", "", Kind::Double);
}

Result<Aggregate> build_stddev_pop(const Arguments& arguments, const AggregateOptions&) {
  return one_part("stddev_pop(" + arguments[0].sql + ")", "", Kind::Double);
}

Result<Aggregate> build_variance(const Arguments& arguments, const AggregateOptions&) {
  return one_part("var_samp(" + arguments[0].sql + ")", "", Kind::Double);
}

Result<Aggregate> build_variance_pop(const Arguments& arguments, const AggregateOptions&) {
  return one_part("var_pop(" + arguments[0].sql + ")", "", Kind::Double);
}

template <auto& name>
Result<Aggregate> build_bits(const Arguments& arguments, const AggregateOptions&) {
  std::string function = name;
  return one_part(function + "(" + arguments[0].sql + ")", function + "({0})", arguments[0].type);
}
constexpr char kBitAnd[] = "bit_and";
constexpr char kBitOr[] = "bit_or";
constexpr char kBitXor[] = "bit_xor";

// A sum too large for its type is NULL.
Result<Aggregate> build_try_sum(const Arguments& arguments, const AggregateOptions& options) {
  Aggregate sum = TRY(build_sum(arguments, options));
  if (!arguments[0].type.is_integral() && arguments[0].type.kind != Kind::Decimal) return sum;
  sum.parts[0].type = Type::decimal(38, arguments[0].type.scale);
  sum.final = "TRY_CAST({0} AS " + duckdb_type(sum.type) + ")";
  return sum;
}

Result<Aggregate> collected(const Arguments& arguments, const std::string& distinct) {
  const std::string& value = arguments[0].sql;
  Type type = Type::array(arguments[0].type, false);
  Aggregate out =
      one_part("list(" + distinct + value + ") FILTER (WHERE " + value + " IS NOT NULL)", "", type);
  out.final = "COALESCE({0}, " + cast_text("[]", type) + ")";
  return out;
}

Result<Aggregate> build_list(const Arguments& arguments, const AggregateOptions& options) {
  return collected(arguments, options.distinct ? "DISTINCT " : "");
}

Result<Aggregate> build_set(const Arguments& arguments, const AggregateOptions&) {
  return collected(arguments, "DISTINCT ");
}

constexpr AggregateFunction kAggregates[] = {
    {"count", "x*", build_count, true},
    {"count_if", "b", build_count_if},
    {"sum", "n", build_sum, true},
    {"avg", "n", build_avg, true},
    {"mean", "n", build_avg, true},
    {"try_sum", "n", build_try_sum},
    {"try_avg", "n", build_avg},
    {"bit_and", "I", build_bits<kBitAnd>},
    {"bit_or", "I", build_bits<kBitOr>},
    {"bit_xor", "I", build_bits<kBitXor>},
    {"min", "x", build_min, true},
    {"max", "x", build_max, true},
    {"min_by", "xx", build_min_by},
    {"max_by", "xx", build_max_by},
    {"first", "x", build_first, false, true, true},
    {"first", "xb", build_first, false, true, true},
    {"first_value", "x", build_first, false, true, true},
    {"first_value", "xb", build_first, false, true, true},
    {"any_value", "x", build_first, false, true, true},
    {"any_value", "xb", build_first, false, true, true},
    {"last", "x", build_last, false, true, true},
    {"last", "xb", build_last, false, true, true},
    {"last_value", "x", build_last, false, true, true},
    {"last_value", "xb", build_last, false, true, true},
    {"stddev", "d", build_stddev},
    {"std", "d", build_stddev},
    {"stddev_samp", "d", build_stddev},
    {"stddev_pop", "d", build_stddev_pop},
    {"variance", "d", build_variance},
    {"var_samp", "d", build_variance},
    {"var_pop", "d", build_variance_pop},
    {"bool_and", "b", build_and},
    {"every", "b", build_and},
    {"bool_or", "b", build_or},
    {"any", "b", build_or},
    {"some", "b", build_or},
    {"collect_list", "x", build_list, true},
    {"array_agg", "x", build_list, true},
    {"collect_set", "x", build_set},
};

constexpr WindowFunction kWindows[] = {
    {"row_number", "", "i", "row_number({F})"},
    {"rank", "", "i", "rank({F})"},
    {"dense_rank", "", "i", "dense_rank({F})"},
    {"percent_rank", "", "d", "percent_rank({F})"},
    {"cume_dist", "", "d", "cume_dist({F})"},
    {"ntile", "i", "i", "ntile({0}{F})"},
    {"lag", "x", "0", "lag({0}{F})", false, true},
    {"lag", "xi", "0", "lag({0}, {1}{F})", false, true},
    {"lag", "xix", "0", "lag({0}, {1}, {2}{F})", false, true},
    {"lead", "x", "0", "lead({0}{F})", false, true},
    {"lead", "xi", "0", "lead({0}, {1}{F})", false, true},
    {"lead", "xix", "0", "lead({0}, {1}, {2}{F})", false, true},
    {"first", "x", "0", "first_value({0}{F})", true, true},
    {"first_value", "x", "0", "first_value({0}{F})", true, true},
    {"any_value", "x", "0", "first_value({0}{F})", true, true},
    {"last", "x", "0", "last_value({0}{F})", true, true},
    {"last_value", "x", "0", "last_value({0}{F})", true, true},
    {"nth_value", "xi", "0", "nth_value({0}, {1}{F})", true, true},
};

}  // namespace

std::span<const AggregateFunction> aggregate_functions() { return kAggregates; }
std::span<const WindowFunction> window_functions() { return kWindows; }

}  // namespace ticklake::sql
