// Window functions: f(..) OVER (..).
#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/analyzer.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

constexpr std::array kRanking = {"row_number", "rank",  "dense_rank", "percent_rank",
                                 "cume_dist",  "ntile", "lag",        "lead"};

// f(x, TRUE) is f(x) IGNORE NULLS.
constexpr std::array kFlagged = {"first", "first_value", "last", "last_value", "any_value"};

bool is_flagged(std::string_view name, size_t arguments) {
  return arguments == 2 && std::ranges::find(kFlagged, name) != kFlagged.end();
}

bool is_constant(const Typed& value) { return value.literal.has_value(); }

// {F}: what stands within the parentheses after the arguments.
std::string with_nulls(std::string_view pattern, bool ignore_nulls) {
  std::string out(pattern);
  size_t at = out.find("{F}");
  if (at != std::string::npos) out.replace(at, 3, ignore_nulls ? " IGNORE NULLS" : "");
  return out;
}

}  // namespace

Result<Typed> Analyzer::window_call(const Call& call, const Expression& whole, Scope& scope) {
  std::string name = lowered(call.name);
  Position position = whole.position;
  if (call.distinct) return at(position, "DISTINCT with OVER is not supported", Code::Unsupported);
  if (scope.lambdas > 0) return at(position, "a window function cannot stand in a lambda");
  if (!scope.no_aggregate.empty()) {
    return at(position, "a window function cannot stand in " + scope.no_aggregate +
                            "; compute it in a subquery, or use QUALIFY");
  }
  const WindowSpec* spec = TRY(window_spec(*call.over, whole, scope));
  size_t count = call.arguments.size();
  auto window = find_window(name, is_flagged(name, count) ? 1 : count);
  if (!window && window.error().code == Code::NotFound && !is_aggregate(name)) {
    if (find_scalar(name, call.arguments.size())) return at(position, name + "() takes no OVER");
    return unknown_function(call.name, position);
  }
  if (window) return window_function(call, **window, *spec, position, scope);
  if (!is_aggregate(name)) return located(position, window).error();
  AggregateSlot slot = TRY(aggregate_slot(call, whole, scope));
  OverText over = TRY(over_text(*spec, true, false, scope));
  std::vector<std::string> parts;
  for (const AggregatePart& part : slot.made.parts)
    parts.push_back(cast_text(part.partial + over.whole(), part.type));
  return Typed{.sql = cast_text(filled(slot.made.final, parts), slot.made.type),
               .type = slot.made.type,
               .may_fail = true};
}

Result<Typed> Analyzer::window_function(const Call& call, const WindowFunction& function,
                                        const WindowSpec& spec, Position position, Scope& scope) {
  std::string name = lowered(call.name);
  if (call.filter != nullptr)
    return at(position, name + "() takes no FILTER with OVER", Code::Unsupported);
  bool ignore_nulls = call.nulls == Call::Nulls::Ignore;
  if (ignore_nulls && !function.takes_ignore_nulls)
    return at(position, name + "() takes no IGNORE NULLS");
  Arguments given = TRY(arguments(call, scope));
  if (is_flagged(name, given.size())) {
    if (!is_constant(given[1]) || given[1].type.kind != Kind::Boolean)
      return at(position, "the second argument of " + name + "() must be true or false");
    ignore_nulls |= given[1].literal->value != 0;
    given.pop_back();
  }
  Arguments values = TRY(located(position, coerced(name, function.parameters, given)));
  if (function.build != nullptr) {
    if (spec.frame) {
      return at(spec.position, name +
                                   "() takes no frame (ROWS or RANGE): it sees the rows of "
                                   "its partition up to this one");
    }
    OverText over = TRY(over_text(spec, false, true, scope));
    return located(position, function.build(name, values, over));
  }
  if (values.size() > 1 && !is_constant(values[1]))
    return at(position, "the second argument of " + name + "() must be a literal");
  if (name == "ntile" && !is_constant(values[0])) return at(position, "ntile() takes a literal");
  if (values.size() == 3) values[2] = TRY(located(position, coerce(values[2], values[0].type)));
  std::vector<std::string> texts;
  for (const Typed& value : values) texts.push_back(value.sql);
  bool ranking = std::ranges::find(kRanking, name) != kRanking.end();
  OverText over = TRY(over_text(spec, function.takes_frame, ranking, scope));
  Typed out;
  out.type = function.result == "0" ? values[0].type : letter_type(function.result[0]);
  out.sql =
      cast_text(filled(with_nulls(function.pattern, ignore_nulls), texts) + over.whole(), out.type);
  return out;
}

// OVER name stands for a window of the WINDOW clause.
Result<const WindowSpec*> Analyzer::window_spec(const WindowSpec& spec, const Expression& whole,
                                                const Scope& scope) {
  if (spec.name.empty()) return &spec;
  for (const NamedWindow& named : scope.select->windows) {
    if (!equal_ignoring_case(named.name, spec.name)) continue;
    texts_.windows[&whole] = &named.spec;
    return &named.spec;
  }
  return at(spec.position, "there is no WINDOW " + spec.name);
}

Result<OverText> Analyzer::over_text(const WindowSpec& spec, bool takes_frame, bool needs_order,
                                     Scope& scope) {
  std::vector<std::string> keys, order;
  std::vector<Typed> order_values;
  for (const ExpressionPtr& one : spec.partition_by) {
    Typed key = TRY(expression(*one, scope));
    keys.push_back(key.sql);
  }
  for (const SortItem& item : spec.order_by) {
    Typed value = TRY(expression(*item.expression, scope));
    Typed key = TRY(located(item.expression->position, order_key(value)));
    order_values.push_back(key);
    order.push_back(key.sql + (item.descending ? " DESC" : " ASC") +
                    (item.nulls_first ? " NULLS FIRST" : " NULLS LAST"));
  }
  if (needs_order && order.empty()) {
    return at(spec.position, "this window function needs ORDER BY in its OVER clause");
  }
  OverText out{.partition = listed(keys), .order = listed(order), .frame = ""};
  if (spec.frame) {
    if (!takes_frame)
      return at(spec.position, "this window function takes no frame (ROWS or RANGE)");
    out.frame = TRY(frame_text(*spec.frame, order_values, spec.position, scope));
  }
  return out;
}

Result<std::string> Analyzer::frame_text(const WindowFrame& frame, const std::vector<Typed>& order,
                                         Position position, Scope& scope) {
  bool rows = frame.unit == WindowFrame::Unit::Rows;
  auto bound = [&](const FrameBound& one) -> Result<std::string> {
    switch (one.kind) {
      case FrameBound::Kind::UnboundedPreceding: return std::string("UNBOUNDED PRECEDING");
      case FrameBound::Kind::UnboundedFollowing: return std::string("UNBOUNDED FOLLOWING");
      case FrameBound::Kind::CurrentRow: return std::string("CURRENT ROW");
      default: break;
    }
    std::string word = one.kind == FrameBound::Kind::Preceding ? " PRECEDING" : " FOLLOWING";
    Typed offset = TRY(expression(*one.offset, scope));
    bool whole_number = offset.literal && offset.type.is_integral();
    if (rows) {
      if (!whole_number) return at(position, "a ROWS frame takes whole numbers");
      return offset.literal->text + word;
    }
    if (order.size() != 1)
      return at(position, "a RANGE frame with an offset needs one ORDER BY expression");
    Kind kind = order[0].type.kind;
    bool time = kind == Kind::Timestamp || kind == Kind::TimestampNtz;
    Type whole_days = interval_type(IntervalUnit::Day, IntervalUnit::Day);
    bool days = kind == Kind::Date && offset.type == whole_days;
    if ((time || kind == Kind::Date) && is_months(offset.type))
      return "to_months(" + offset.sql + ")" + word;
    if ((time || days) && offset.type.kind == Kind::Interval)
      return "to_microseconds(" + offset.sql + ")" + word;
    if (kind == Kind::Date && whole_number && offset.type.kind != Kind::Long)
      return "to_days(" + offset.sql + ")" + word;
    const Type& type = order[0].type;
    bool number = offset.literal && offset.type.is_numeric();
    bool fits = whole_number || kind == Kind::Double || kind == Kind::Float ||
                (kind == Kind::Decimal && offset.type.kind == Kind::Decimal &&
                 offset.type.scale <= type.scale);
    if (type.is_numeric() && number && fits) return cast_text(offset.sql, type) + word;
    return at(position,
              "a RANGE frame over " + to_sql(order[0].type) + " does not take an offset of " +
                  to_sql(offset.type),
              Code::Unsupported);
  };
  std::string start = TRY(bound(frame.start));
  std::string end = TRY(bound(frame.end));
  return std::string(rows ? " ROWS" : " RANGE") + " BETWEEN " + start + " AND " + end;
}

}  // namespace ticklake::sql
