// window(), session_window() and window_time(): which windows a row is in.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sql/analyzer.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

constexpr int64_t kWindowsMax = 10'000;  // that a row is in: each has a partial result of its own
constexpr int64_t kDurationMax = 100'000 * int64_t{86'400'000'000};  // sums stay within 64 bits

bool is_window_struct(const Type& type) {
  if (type.kind != Kind::Struct || type.children->size() != 2) return false;
  const Field& start = (*type.children)[0];
  const Field& end = (*type.children)[1];
  bool time = start.type.kind == Kind::Timestamp || start.type.kind == Kind::TimestampNtz;
  return time && start.type == end.type && start.name == "start" && end.name == "end";
}

std::string micros_of(const Typed& time) { return "epoch_us(" + time.sql + ")"; }

// A CASE of texts is one of intervals.
ExpressionPtr as_interval(const ExpressionPtr& written) {
  Expression out = *written;
  if (const auto* literal = std::get_if<Literal>(&written->node)) {
    if (literal->type.kind != Kind::String) return written;
    auto read = parse_interval(literal->text);
    if (!read) return written;
    out.node = *read;
  } else if (auto* chosen = std::get_if<Case>(&out.node)) {
    for (auto& when : chosen->whens) when.result = as_interval(when.result);
    if (chosen->otherwise != nullptr) chosen->otherwise = as_interval(chosen->otherwise);
  } else {
    return written;
  }
  return std::make_shared<const Expression>(std::move(out));
}

}  // namespace

Result<IntervalLiteral> Analyzer::window_length(const Expression& written) const {
  IntervalLiteral read;
  if (const auto* interval = std::get_if<IntervalLiteral>(&written.node)) {
    read = *interval;
  } else {
    const auto* literal = std::get_if<Literal>(&written.node);
    if (literal == nullptr || literal->type.kind != Kind::String) {
      return at(written.position, "the lengths of window() must be literals such as '1 minute'");
    }
    read = TRY(located(written.position, parse_interval(literal->text)));
  }
  if (read.months != 0) {
    return at(written.position, "a time window takes no months or years: their lengths differ");
  }
  return read;
}

// The event time; of a window, which another window may be made of, its window_time().
Result<Typed> Analyzer::window_argument(const Expression& written, Scope& scope) {
  bool groups = std::exchange(scope.over_groups, false);
  auto argument = expression(written, scope);
  scope.over_groups = groups;
  Typed time = TRY(std::move(argument));
  if (is_window_struct(time.type)) {
    Typed end = TRY(field(time, "end", written.position));
    return Typed{.sql = "make_timestamp(" + micros_of(end) + " - 1)", .type = end.type};
  }
  if (time.type.kind == Kind::TimestampNtz) return time;
  return located(written.position, coerce(time, Kind::Timestamp));
}

// As Spark cuts time: a window starts every `slide`, shifted by `start` from 1970.
Result<void> Analyzer::slide_by(const Call& call, TimeWindow& window) const {
  int64_t lengths[3] = {0, 0, 0};  // duration, slide, start
  for (size_t i = 1; i < call.arguments.size(); ++i) {
    IntervalLiteral read = TRY(window_length(*call.arguments[i].value));
    lengths[i - 1] = read.micros;
  }
  auto [duration, slide, start] = lengths;
  if (duration <= 0) {
    return at(window.position, "the duration of window() must be greater than 0");
  }
  if (call.arguments.size() < 3) slide = duration;
  if (slide <= 0) return at(window.position, "the slide of window() must be greater than 0");
  if (slide > duration) {
    return at(window.position,
              "the slide of window() is longer than its duration, so that rows would be in no "
              "window; make it at most as long");
  }
  if (duration > kDurationMax) {
    return at(window.position, "the duration of window() is longer than 100,000 days");
  }
  if (duration / slide > kWindowsMax) {
    return at(
        window.position,
        fmt::format("each row would be in {} windows; at most {} are possible: make the slide "
                    "of window() longer",
                    duration / slide, kWindowsMax));
  }
  if (start <= -slide || start >= slide) {
    return at(window.position,
              "the start of window() shifts its windows, so it must be shorter than the slide");
  }
  // Timestamps lie within about 3e17 micros of 1970: with this added the remainder is never
  // negative.
  int64_t shift = (300'000'000'000'000'000 / slide + 2) * slide - start;
  std::string us = micros_of(window.event_time);
  window.length_us = duration;
  window.slide_us = slide;
  window.start_sql =
      us + " - (" + us + " + " + std::to_string(shift) + ") % " + std::to_string(slide);
  return {};
}

Result<void> Analyzer::end_after_gap(const ExpressionPtr& written, Scope& scope,
                                     TimeWindow& window) {
  bool literal = std::holds_alternative<Literal>(written->node);
  if (literal) TRY(window_length(*written));
  bool groups = std::exchange(scope.over_groups, false);
  auto value = expression(*as_interval(written), scope);
  scope.over_groups = groups;
  Typed gap = TRY(std::move(value));
  if (gap.type.kind != Kind::Interval || is_months(gap.type)) {
    return at(written->position,
              "the gap of session_window() must be an interval such as '5 minutes', INTERVAL 5 "
              "MINUTES or a CASE of these, but it is " +
                  to_sql(gap.type));
  }
  window.start_sql = micros_of(window.event_time);
  window.end_sql = window.start_sql + " + (" + gap.sql + ")";
  window.condition = "(" + gap.sql + ") > 0";
  return {};
}

Result<TimeWindow> Analyzer::time_window(const Call& call, const Expression& whole, Scope& scope) {
  TimeWindow out;
  out.position = whole.position;
  bool session = equal_ignoring_case(call.name, kSession);
  size_t count = call.arguments.size();
  if (session && count != 2) {
    return at(whole.position,
              "session_window() takes a timestamp and a gap: session_window(ts, '5 minutes')");
  }
  if (!session && (count < 2 || count > 4)) {
    return at(whole.position, "window() takes a timestamp and a duration: window(ts, '1 minute')");
  }
  out.event_time = TRY(window_argument(*call.arguments[0].value, scope));
  if (session) {
    TRY(end_after_gap(call.arguments[1].value, scope, out));
  } else {
    TRY(slide_by(call, out));
  }
  out.match = "window " + out.start_sql + " " + std::to_string(out.length_us) + out.end_sql;
  return out;
}

Result<size_t> Analyzer::add_window_key(const Call& call, const Expression& whole, Scope& scope) {
  Grouping& grouping = *scope.grouping;
  TimeWindow window = TRY(time_window(call, whole, scope));
  auto known = std::ranges::find(grouping.keys, window.match, &GroupKey::match);
  if (known != grouping.keys.end()) return static_cast<size_t>(known - grouping.keys.begin());
  if (grouping.window) {
    return at(whole.position, "there can be one window() or session_window() in a GROUP BY");
  }
  window.key = grouping.keys.size();
  GroupKey key;
  key.match = window.match;
  key.row_sql = window.start_sql;
  Type type = window.event_time.type;
  Typed start = group_column(grouping, window.key, Kind::Long);
  std::string end = start.sql + " + " + std::to_string(window.length_us);
  if (window.session()) {
    end = quoted_name(grouping.id) + "." + quoted_name("k" + std::to_string(window.key) + "_end");
  }
  Typed first = {.sql = "make_timestamp(" + start.sql + ")", .type = type};
  Typed last = {.sql = "make_timestamp(" + end + ")", .type = type};
  key.value.type = Type::structure({{"start", type}, {"end", type}});
  key.value.sql = "struct_pack(\"start\" := " + first.sql + ", \"end\" := " + last.sql + ")";
  if (!scope.select->grouping_sets.empty()) {  // one without the window has no start
    if (window.session() || window.slides()) {
      return at(whole.position,
                "GROUPING SETS, ROLLUP and CUBE over sliding windows and sessions are not "
                "supported; group by the window in a subquery",
                Code::Unsupported);
    }
    key.value.sql = "CASE WHEN " + start.sql + " IS NOT NULL THEN " + key.value.sql + " END";
  }
  key.value.parts = std::make_shared<std::vector<Typed>>(std::vector<Typed>{first, last});
  grouping.window = std::move(window);
  return added_key(std::move(key), scope);
}

Result<Typed> Analyzer::window_time(const Call& call, const Expression& whole, Scope& scope) {
  Arguments values = TRY(arguments(call, scope));
  if (values.size() != 1 || !is_window_struct(values[0].type)) {
    return at(whole.position,
              "window_time() takes a window: the column of window() or session_window()");
  }
  Typed end = TRY(field(values[0], "end", whole.position));
  return Typed{.sql = "make_timestamp(" + micros_of(end) + " - 1)", .type = end.type};
}

}  // namespace ticklake::sql
