#include "sources/alpha_vantage_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/time.h"
#include "sources/budget.h"
#include "sources/new_york.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kAttemptsMax = 3;
constexpr int64_t kBarsOfAnAnswer = 100;  // outputsize=compact
// The last bars of a month are there a day after its end.
constexpr int64_t kMonthSettlesUs = kMicrosPerDay;
// And those in a bar of a month after half of one; a week's have the weekend.
constexpr int64_t kMonthlyBarSettlesUs = kMicrosPerDay / 2;

int64_t pause_after(AnswerKind kind) {
  return kind == AnswerKind::Garbage ? kMicrosPerHour : kMicrosPerDay;
}

int64_t wall_of_month(int32_t month) {
  return days_from_civil({month / 12, month % 12 + 1, 1}) * kMicrosPerDay;
}

int32_t month_of_wall(int64_t wall_us) {
  auto day = static_cast<int32_t>(floor_to(wall_us, kMicrosPerDay) / kMicrosPerDay);
  CivilDate date = civil_from_days(day);
  return date.year * 12 + date.month - 1;
}

// When all bars of the month are there.
int64_t whole_from_us(int32_t month) {
  return new_york_to_utc(wall_of_month(month + 1)) + kMonthSettlesUs;
}

bool is_refusal(AnswerKind kind) {
  return kind == AnswerKind::Premium || kind == AnswerKind::BadKey;
}

}  // namespace

std::string format_month(int32_t month) {
  return fmt::format("{:04}-{:02}", month / 12, month % 12 + 1);
}

std::string series_of(const AlphaVantageSpec& spec, const std::string& symbol) {
  std::string out = fmt::format("{} {} {}", spec.function, symbol, interval_of(spec));
  if (!spec.adjusted) out += " adjusted=false";
  if (!spec.extended_hours) out += " extended_hours=false";
  return out;
}

std::string name_of(const AlphaVantageSpec& spec, const Request& request) {
  std::string out = series_of(spec, request.symbol);
  if (request.kind == Request::Kind::Month) return out + " month=" + format_month(request.month);
  return out + (request.kind == Request::Kind::Full ? " full" : " newest");
}

std::string url_of(const AlphaVantageSpec& spec, const Request& request) {
  std::string out = fmt::format("{}?function={}&symbol={}", spec.base_url, spec.function,
                                percent_encoded(request.symbol));
  bool intraday = !spec.interval.empty();
  if (intraday) {
    out += fmt::format("&interval={}&adjusted={}&extended_hours={}", spec.interval, spec.adjusted,
                       spec.extended_hours);
  }
  bool sized = intraday || spec.function.find("_DAILY") != std::string::npos;
  bool all = request.kind != Request::Kind::Newest;
  if (request.kind == Request::Kind::Month) out += "&month=" + format_month(request.month);
  if (sized) out += fmt::format("&outputsize={}", all ? "full" : "compact");
  return out + fmt::format("&datatype={}&apikey={}", spec.csv ? "csv" : "json",
                           percent_encoded(spec.api_key));
}

std::string plan_of(const AlphaVantageSpec& spec) {
  return name_of_key(fmt::format("plan {} {} {}", spec.limits.per_minute, spec.limits.per_day,
                                 spec.base_url),
                     spec.api_key);
}

bool is_complete(const AlphaVantageSpec& spec, const std::string& exchange_time, int64_t now_us) {
  bool weekly = spec.function.find("_WEEKLY") != std::string::npos;
  bool monthly = spec.function.find("_MONTHLY") != std::string::npos;
  auto day = parse_date(exchange_time);
  if ((!weekly && !monthly) || !day) return true;
  if (weekly) {
    int64_t monday = floor_to(*day, 7, 4) + 7;  // day 4 was one
    return now_us >= new_york_to_utc(monday * kMicrosPerDay);
  }
  int32_t next = month_of_wall(*day * kMicrosPerDay) + 1;
  return now_us >= new_york_to_utc(wall_of_month(next)) + kMonthlyBarSettlesUs;
}

int64_t next_poll_us(const PollSchedule& schedule, int64_t after_us) {
  if (schedule.every_us > 0) return after_us + schedule.every_us;
  int64_t day = floor_to(utc_to_new_york(after_us), kMicrosPerDay);
  for (int i = 0; i < 9; ++i, day += kMicrosPerDay) {
    int64_t number = day / kMicrosPerDay;
    auto weekday = static_cast<unsigned>(number - floor_to(number, 7, 4));  // day 4 was a Monday
    int64_t instant = new_york_to_utc(day + schedule.at_us);
    if (instant > after_us && (schedule.days >> weekday & 1u) != 0) return instant;
  }
  return after_us + kMicrosPerDay;
}

// Of the history, ascending, up to now.
std::vector<int32_t> Plan::months(int64_t now_us) const {
  int32_t now = month_of_wall(utc_to_new_york(now_us));
  std::vector<int32_t> out = spec_.months;
  if (spec_.months_last > 0 || spec_.months_since) {
    int32_t first = spec_.months_since.value_or(now - spec_.months_last + 1);
    for (int32_t month = first; month <= now; ++month) out.push_back(month);
  }
  std::erase_if(out, [&](int32_t month) { return month > now; });
  return out;
}

std::vector<Request> Plan::history(int64_t now_us) const {
  std::vector<Request> out;
  if (!history_) return out;
  for (int32_t month : months(now_us)) {
    for (const std::string& symbol : spec_.symbols) {
      out.push_back({.kind = Request::Kind::Month, .symbol = symbol, .month = month});
    }
  }
  if (spec_.full) {
    for (const std::string& symbol : spec_.symbols) {
      out.push_back({.kind = Request::Kind::Full, .symbol = symbol});
    }
  }
  return out;
}

// A month was refused and none was given: the others would waste the budget.
bool Plan::are_premium(const std::string& symbol, const AskedByName& asked) const {
  std::string prefix = series_of(spec_, symbol) + " month=";
  bool refused = false;
  for (auto at = asked.lower_bound(prefix); at != asked.end() && at->first.starts_with(prefix);
       ++at) {
    if (at->second.plan != plan_) continue;
    if (at->second.kind == AnswerKind::Ok) return false;
    refused = refused || at->second.kind == AnswerKind::Premium;
  }
  return refused;
}

std::vector<Request> Plan::newest() const {
  std::vector<Request> out;
  for (const std::string& symbol : spec_.symbols) {
    out.push_back({.kind = Request::Kind::Newest, .symbol = symbol});
  }
  return out;
}

Standing Plan::standing(const Request& request, const AskedByName& asked, int64_t now_us) const {
  auto found = asked.find(name_of(spec_, request));
  if (found == asked.end()) {
    // But the newest month is asked for: it may be free where older ones are not.
    bool wasted = request.kind == Request::Kind::Month && are_premium(request.symbol, asked) &&
                  request.month != months(now_us).back();
    return {wasted ? Standing::Kind::Refused : Standing::Kind::Due};
  }
  const Asked& last = found->second;
  bool same_plan = last.plan == plan_;
  if (is_refusal(last.kind)) return {same_plan ? Standing::Kind::Refused : Standing::Kind::Due};
  auto later = [&](int64_t due_us) {
    return Standing{due_us <= now_us ? Standing::Kind::Due : Standing::Kind::Later, due_us};
  };
  if (request.kind == Request::Kind::Newest) {
    int64_t due_us = next_poll_us(spec_.schedule, last.at_us);
    if (last.kind != AnswerKind::Ok) due_us = std::max(due_us, last.at_us + kMicrosPerHour);
    if (last.kind == AnswerKind::BadRequest) {
      due_us = std::max(due_us, last.at_us + kMicrosPerDay);
    }
    return later(due_us);
  }
  int64_t whole_us = INT64_MIN;
  if (request.kind == Request::Kind::Month) {
    whole_us = whole_from_us(request.month);
  }
  bool whole = last.at_us >= whole_us;
  if (last.kind == AnswerKind::Ok) return whole ? Standing{Standing::Kind::Done} : later(whole_us);
  if (whole && last.attempts >= kAttemptsMax && same_plan) return {Standing::Kind::GivenUp};
  return later(last.at_us + pause_after(last.kind));
}

Plan::Next Plan::next(const AskedByName& asked, int64_t now_us) const {
  Next out{.request = {}, .due_us = now_us + kMicrosPerDay};
  auto look_again_at = [&](int64_t due_us) { out.due_us = std::min(out.due_us, due_us); };
  for (const std::vector<Request>& requests : {history(now_us), newest()}) {
    for (const Request& request : requests) {
      Standing standing = this->standing(request, asked, now_us);
      if (standing.kind == Standing::Kind::Later) look_again_at(standing.due_us);
      if (standing.kind != Standing::Kind::Due) continue;
      CatchUp first;
      if (request.kind == Request::Kind::Newest) first = catch_up(request.symbol, asked, now_us);
      // The newest bars would hide the gap before them: they wait until it is filled.
      if (!first.request && first.due_us) {
        look_again_at(*first.due_us);
        continue;
      }
      out.request = first.request.value_or(request);
      return out;
    }
  }
  return out;
}

int64_t Plan::count(Standing::Kind kind, const AskedByName& asked, int64_t now_us) const {
  int64_t out = 0;
  for (const Request& request : history(now_us)) {
    out += standing(request, asked, now_us).kind == kind ? 1 : 0;
  }
  return out;
}

// Counts the bars that there may be at most: on weekdays from 4 to 20 o'clock.
bool Plan::may_have_missed(int64_t since_us, int64_t now_us) const {
  int64_t from = utc_to_new_york(since_us), to = utc_to_new_york(now_us);
  int64_t step_us = kMicrosPerDay;
  if (!spec_.interval.empty()) {
    int64_t minutes = 0;
    std::from_chars(spec_.interval.data(), spec_.interval.data() + spec_.interval.size(), minutes);
    step_us = minutes * kMicrosPerMinute;
  }
  int64_t bars = 0;
  for (int64_t day = floor_to(from, kMicrosPerDay); day <= to; day += kMicrosPerDay) {
    bool weekday = day / kMicrosPerDay - floor_to(day / kMicrosPerDay, 7, 4) < 5;
    if (!weekday) continue;
    if (spec_.interval.empty()) {
      ++bars;
    } else {
      int64_t begin = std::max(from, day + 4 * kMicrosPerHour);
      int64_t end = std::min(to, day + 20 * kMicrosPerHour);
      if (end >= begin) bars += (end - begin) / step_us + 1;
    }
    if (bars >= kBarsOfAnAnswer) return true;
  }
  return false;
}

std::vector<Request> Plan::missed(const std::string& symbol, const Asked& last,
                                  int64_t now_us) const {
  bool whole = spec_.interval.empty() && spec_.function.find("_DAILY") == std::string::npos;
  auto since = parse_timestamp(last.newest);
  if (whole || !since || !may_have_missed(new_york_to_utc(since->micros), now_us)) return {};
  if (spec_.interval.empty()) return {{.kind = Request::Kind::Full, .symbol = symbol}};
  std::vector<Request> out;
  int32_t now = month_of_wall(utc_to_new_york(now_us));
  for (int32_t month = month_of_wall(since->micros); month <= now; ++month) {
    // Of a month that has only begun the newest bars are all.
    bool needed = may_have_missed(new_york_to_utc(wall_of_month(month)), now_us);
    if (!needed) break;
    out.push_back({.kind = Request::Kind::Month, .symbol = symbol, .month = month});
  }
  return out;
}

Standing Plan::standing_of_missed(const Request& request, const Asked& last,
                                  const AskedByName& asked, int64_t now_us) const {
  auto found = asked.find(name_of(spec_, request));
  if (found == asked.end() || found->second.at_us <= last.ok_at_us) return {};
  const Asked& before = found->second;
  if (before.kind == AnswerKind::Ok) {
    bool whole = request.kind == Request::Kind::Month &&
                 before.at_us >= whole_from_us(request.month);
    bool done = whole || !may_have_missed(before.at_us, now_us);
    return {done ? Standing::Kind::Done : Standing::Kind::Due};
  }
  bool same_plan = before.plan == plan_;
  if (is_refusal(before.kind)) return {same_plan ? Standing::Kind::Refused : Standing::Kind::Due};
  if (same_plan && before.attempts >= kAttemptsMax) return {Standing::Kind::GivenUp};
  int64_t due_us = before.at_us + pause_after(before.kind);
  return {due_us <= now_us ? Standing::Kind::Due : Standing::Kind::Later, due_us};
}

Plan::CatchUp Plan::catch_up(const std::string& symbol, const AskedByName& asked,
                             int64_t now_us) const {
  auto found = asked.find(name_of(spec_, {.symbol = symbol}));
  if (found == asked.end()) return {};
  CatchUp out;
  for (Request& request : missed(symbol, found->second, now_us)) {
    Standing standing = standing_of_missed(request, found->second, asked, now_us);
    if (standing.kind == Standing::Kind::Due) {
      out.request = std::move(request);
      return out;
    }
    if (standing.kind != Standing::Kind::Later) continue;
    out.due_us = std::min(out.due_us.value_or(standing.due_us), standing.due_us);
  }
  return out;
}

}  // namespace ticklake::sources
