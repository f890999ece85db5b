// Aggregates that need all values of a group: none of them has partial results that merge.
//
// Moments are computed from the values in two passes, not from sums of powers, whose differences
// lose the digits of large values that lie close together (prices).
#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Aggregate of_parts(std::vector<AggregatePart> parts, std::string final, const Type& type) {
  Aggregate out;
  out.type = type;
  out.parts = std::move(parts);
  out.final = std::move(final);
  return out;
}

AggregatePart values_of(const Typed& value) {
  return {"list(" + value.sql + ") FILTER (WHERE " + value.sql + " IS NOT NULL)", "",
          Type::array(value.type, false)};
}

// l_ the values, m_ their mean, v_ the sum of squared distances from it.
std::string moments(const std::string& result) {
  std::string squares = "list_sum(list_transform(l_, lambda x_: (x_ - m_) * (x_ - m_)))";
  std::string with_squares = bound(squares, "v_", "CASE WHEN v_ <> 0 THEN " + result + " END");
  return bound("{0}", "l_", bound("list_avg(l_)", "m_", with_squares));
}

Result<Aggregate> build_skewness(const Arguments& arguments, const AggregateOptions&) {
  return of_parts({values_of(arguments[0])},
                  moments("sqrt(CAST(len(l_) AS DOUBLE)) * list_sum(list_transform(l_, lambda x_: "
                          "(x_ - m_) * (x_ - m_) * (x_ - m_))) / sqrt(v_ * v_ * v_)"),
                  Kind::Double);
}

Result<Aggregate> build_kurtosis(const Arguments& arguments, const AggregateOptions&) {
  return of_parts(
      {values_of(arguments[0])},
      moments("len(l_) * list_sum(list_transform(l_, lambda x_: (x_ - m_) * (x_ - m_) * "
              "(x_ - m_) * (x_ - m_))) / (v_ * v_) - 3.0::DOUBLE"),
      Kind::Double);
}

std::string of_two(std::string_view function, const Arguments& arguments) {
  return std::string(function) + "(" + arguments[0].sql + ", " + arguments[1].sql + ")";
}

template <auto& name>
Result<Aggregate> build_of_two(const Arguments& arguments, const AggregateOptions&) {
  return of_parts({{of_two(name, arguments), "", Kind::Double}}, "{0}", Kind::Double);
}

constexpr char kCovarPop[] = "covar_pop";
constexpr char kCovarSamp[] = "covar_samp";
constexpr char kAvgX[] = "regr_avgx";
constexpr char kAvgY[] = "regr_avgy";
constexpr char kSxx[] = "regr_sxx";
constexpr char kSxy[] = "regr_sxy";
constexpr char kSyy[] = "regr_syy";
constexpr char kSlope[] = "regr_slope";
constexpr char kIntercept[] = "regr_intercept";

// NULL where the variable x, or for a correlation one of both, is constant.
template <auto& name>
Result<Aggregate> build_regression(const Arguments& arguments, const AggregateOptions&) {
  return of_parts(
      {{of_two(name, arguments), "", Kind::Double}, {of_two(kSxx, arguments), "", Kind::Double}},
      "CASE WHEN {1} <> 0 THEN {0} END", Kind::Double);
}

Result<Aggregate> build_corr(const Arguments& arguments, const AggregateOptions&) {
  return of_parts({{of_two("corr", arguments), "", Kind::Double},
                   {of_two(kSxx, arguments), "", Kind::Double},
                   {of_two(kSyy, arguments), "", Kind::Double}},
                  "CASE WHEN {1} <> 0 AND {2} <> 0 THEN {0} END", Kind::Double);
}

Result<Aggregate> build_r2(const Arguments& arguments, const AggregateOptions&) {
  return of_parts(
      {{of_two("corr", arguments), "", Kind::Double},
       {of_two(kSxx, arguments), "", Kind::Double},
       {of_two(kSyy, arguments), "", Kind::Double}},
      "CASE WHEN {1} <> 0 THEN CASE WHEN {2} = 0 THEN 1.0::DOUBLE ELSE {0} * {0} END END",
      Kind::Double);
}

Result<Aggregate> build_regr_count(const Arguments& arguments, const AggregateOptions&) {
  Aggregate out;
  out.type = Kind::Long;
  out.parts = {{"count(CASE WHEN " + arguments[0].sql + " IS NOT NULL AND " + arguments[1].sql +
                    " IS NOT NULL THEN 1 END)",
                "sum({0})", Kind::Long}};
  return out;
}

// Of l_, sorted, at the share q_ of the way: Spark interpolates by this formula.
constexpr std::string_view kInterpolated =
    "list_transform([q_ * (len(l_) - 1)], lambda p_: CASE WHEN l_[CAST(floor(p_) AS BIGINT) + 1] = "
    "l_[CAST(ceil(p_) AS BIGINT) + 1] THEN l_[CAST(floor(p_) AS BIGINT) + 1] ELSE (ceil(p_) - p_) "
    "* l_[CAST(floor(p_) AS BIGINT) + 1] + (p_ - floor(p_)) * l_[CAST(ceil(p_) AS BIGINT) + 1] "
    "END)[1]";
// The first value whose share of the values up to it is q_ or more.
constexpr std::string_view kNearest = "l_[greatest(CAST(ceil(q_ * len(l_)) AS BIGINT), 1)]";

// {0} the values, {1} the percentage, or an array of them.
Result<Aggregate> percentile(const Typed& value, const Typed& share, std::string_view pick,
                             bool descending) {
  const Type& type = value.type;
  std::string wrong =
      raising(type, quoted_text("[VALUE_OUT_OF_RANGE] a percentage must be between 0.0 and 1.0"));
  std::string one =
      "CASE WHEN q_ < 0 OR q_ > 1 THEN " + wrong + " ELSE " + std::string(pick) + " END";
  bool many = share.type.kind == Kind::Array;
  Typed number = TRY(cast(share, many ? Type::array(Kind::Double) : Type(Kind::Double)));
  std::string shares =
      many ? "CASE WHEN l_ IS NOT NULL THEN list_transform({1}, lambda q_: " + one + ") END"
           : bound("{1}", "q_", one);
  std::string sorted = std::string("list_sort({0}, ") + (descending ? "'DESC')" : "'ASC')");
  return of_parts({values_of(value), {"max(" + number.sql + ")", "", number.type}},
                  bound(sorted, "l_", shares), many ? Type::array(type, false) : type);
}

Result<Aggregate> build_percentile(const Arguments& arguments, const AggregateOptions&) {
  return percentile(arguments[0], arguments[1], kInterpolated, false);
}

Result<Aggregate> build_median(const Arguments& arguments, const AggregateOptions&) {
  Typed half = {.sql = "0.5::DOUBLE", .type = Kind::Double};
  return percentile(arguments[0], half, kInterpolated, false);
}

// Exact, where Spark's is so only for groups that its sketch holds.
Result<Aggregate> build_percentile_approx(const Arguments& arguments, const AggregateOptions&) {
  const Type& type = arguments[0].type;
  bool ordered = type.is_numeric() || type.kind == Kind::Interval ||
                 (type.kind >= Kind::Date && type.kind <= Kind::TimestampNtz);
  if (!ordered) {
    return Error{
        Code::Invalid,
        "percentile_approx() expects numbers, DATEs or TIMESTAMPs but got " + to_sql(type)};
  }
  return percentile(arguments[0], arguments[1], kNearest, false);
}

Result<Typed> within(const Arguments& arguments, size_t index) {
  Typed value = arguments[index];
  if (!value.type.is_numeric())
    return Error{
        Code::Invalid,
        "WITHIN GROUP (ORDER BY ..) of a percentile needs a number but got " + to_sql(value.type)};
  return cast(value, Kind::Double);
}

Result<Aggregate> build_percentile_cont(const Arguments& arguments,
                                        const AggregateOptions& options) {
  Typed value = TRY(within(arguments, 1));
  return percentile(value, arguments[0], kInterpolated, options.order[0].starts_with(" DESC"));
}

Result<Aggregate> build_percentile_disc(const Arguments& arguments,
                                        const AggregateOptions& options) {
  Typed value = TRY(within(arguments, 1));
  return percentile(value, arguments[0], kNearest, options.order[0].starts_with(" DESC"));
}

Result<Aggregate> build_mode(const Arguments& arguments, const AggregateOptions&) {
  return of_parts({{"mode(" + arguments[0].sql + ")", "", arguments[0].type}}, "{0}",
                  arguments[0].type);
}

// Exact, where Spark estimates.
Result<Aggregate> build_count_distinct(const Arguments& arguments, const AggregateOptions&) {
  return of_parts({{"count(DISTINCT " + arguments[0].sql + ")", "", Kind::Long}}, "{0}",
                  Kind::Long);
}

Result<Aggregate> build_listagg(const Arguments& arguments, const AggregateOptions& options) {
  bool separated = arguments.size() - options.order.size() == 2;
  if (separated && !arguments[1].literal)
    return Error{Code::Invalid, "the separator of listagg() must be a string literal"};
  std::string separator = separated ? arguments[1].sql : "''";
  std::vector<std::string> keys;
  for (size_t i = arguments.size() - options.order.size(); i < arguments.size(); ++i)
    keys.push_back(arguments[i].sql + options.order[keys.size()]);
  std::string order = keys.empty() ? "" : " ORDER BY " + listed(keys);
  std::string distinct = options.distinct ? "DISTINCT " : "";
  return of_parts({{"string_agg(" + distinct + arguments[0].sql + ", " + separator + order + ")",
                    "", Kind::String}},
                  "{0}", Kind::String);
}

using Order = AggregateFunction::Order;
constexpr AggregateFunction kStatistics[] = {
    {"skewness", "d", build_skewness},
    {"kurtosis", "d", build_kurtosis},
    {"corr", "dd", build_corr},
    {"covar_pop", "dd", build_of_two<kCovarPop>},
    {"covar_samp", "dd", build_of_two<kCovarSamp>},
    {"regr_avgx", "dd", build_of_two<kAvgX>},
    {"regr_avgy", "dd", build_of_two<kAvgY>},
    {"regr_count", "dd", build_regr_count},
    {"regr_intercept", "dd", build_regression<kIntercept>},
    {"regr_r2", "dd", build_r2},
    {"regr_slope", "dd", build_regression<kSlope>},
    {"regr_sxx", "dd", build_of_two<kSxx>},
    {"regr_sxy", "dd", build_of_two<kSxy>},
    {"regr_syy", "dd", build_of_two<kSyy>},
    {"median", "d", build_median},
    {"percentile", "dx", build_percentile},
    {"percentile_approx", "xx", build_percentile_approx},
    {"percentile_approx", "xxi", build_percentile_approx},
    {"approx_percentile", "xx", build_percentile_approx},
    {"approx_percentile", "xxi", build_percentile_approx},
    {"percentile_cont", "x", build_percentile_cont, false, false, false, Order::Needed},
    {"percentile_disc", "x", build_percentile_disc, false, false, false, Order::Needed},
    {"mode", "x", build_mode},
    {"approx_count_distinct", "x", build_count_distinct},
    {"approx_count_distinct", "xd", build_count_distinct},
    {"listagg", "s", build_listagg, true, false, false, Order::Taken},
    {"listagg", "ss", build_listagg, true, false, false, Order::Taken},
    {"string_agg", "s", build_listagg, true, false, false, Order::Taken},
    {"string_agg", "ss", build_listagg, true, false, false, Order::Taken},
};

}  // namespace

std::span<const AggregateFunction> statistic_functions() { return kStatistics; }

}  // namespace ticklake::sql
