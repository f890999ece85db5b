// Asks Alpha Vantage for bars and sends those that are new or have changed to a topic.
//
//   request due -> counted in the budget -> asked -> answer's bars compared with the topic's ->
// new ones sent -> answer noted
//
// Invariant: an answer is noted only when all its bars are durable. So a source that dies in
// between asks once more and sends what is missing.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "sources/alpha_vantage_topics.h"
#include "sources/budget.h"
#include "sources/forms.h"
#include "sources/lease.h"
#include "sources/new_york.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kBodyBytesMax = 64 << 20;
constexpr int64_t kFirstPauseUs = 5 * kMicrosPerSecond;
constexpr int64_t kLongestPauseUs = 15 * kMicrosPerMinute;
constexpr int64_t kRefusedPauseUs = kMicrosPerMinute;
constexpr int64_t kLongestRefusedPauseUs = kMicrosPerHour;
constexpr int64_t kNewDayPauseUsMax = 6 * kMicrosPerHour;
constexpr int64_t kWaitOfOnceUsMax = 2 * kMicrosPerMinute;
constexpr int kFailuresOfOnceMax = 3;

std::string length_of(int64_t us) {
  int64_t minutes = (us + kMicrosPerMinute - 1) / kMicrosPerMinute;
  if (minutes <= 1) return "within a minute";
  if (minutes < 120) return fmt::format("in about {} minutes", minutes);
  int64_t hours = (minutes + 30) / 60;
  if (hours < 48) return fmt::format("in about {} hours", hours);
  return fmt::format("in about {} days {} hours", hours / 24, hours % 24);
}

std::string counted(int64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string limits_of(const RequestLimits& limits, int64_t used) {
  std::string minute = limits.per_minute == 0 ? "no limit a minute"
                                              : fmt::format("{} a minute", limits.per_minute);
  if (limits.per_day == 0) return minute + ", no limit a day";
  return fmt::format("{}, {} in 24 hours of which {} used", minute, limits.per_day,
                     used == 1 ? "1 is" : fmt::format("{} are", used));
}

int64_t next_day_us(int64_t now_us) {
  int64_t wall = utc_to_new_york(now_us);
  return new_york_to_utc(floor_to(wall, kMicrosPerDay) + kMicrosPerDay);
}

class AlphaVantage final : public Source {
 public:
  AlphaVantage(const SourceSpec& spec, io::Http& http, const io::Clock& clock,
               const OpenOptions& options, Lease lease, BarTopics topics, Budget budget)
      : spec_(spec),
        form_(std::get<AlphaVantageSpec>(spec_.form)),
        http_(http),
        clock_(clock),
        once_(options.once),
        ca_file_(form_.ca_file.empty() || form_.ca_file.starts_with('/')
                     ? form_.ca_file
                     : io::join(options.project_directory, form_.ca_file)),
        lease_(std::move(lease)),
        topics_(std::move(topics)),
        budget_(std::move(budget)),
        plan_(form_, options.history) {}

  Result<Progress> step() override;
  std::string describe() const override;

 private:
  Result<void> tell_plan(Progress& progress);
  Result<void> check_key() const;
  Result<void> rest(Progress& progress, int64_t until_us);
  Result<void> ask(const Request& request, Progress& progress);
  Result<Answer> fetch(const Request& request);
  Result<void> pause(const Request& request, const Answer& answer, Progress& progress);
  Result<void> refuse(const Request& request, const Answer& answer, Progress& progress);
  Result<void> deliver(const Request& request, const Answer& answer, Progress& progress);
  const Asked* last_of(const Request& request) const;

  const SourceSpec spec_;
  const AlphaVantageSpec& form_;
  io::Http& http_;
  const io::Clock& clock_;
  const bool once_;
  const std::string ca_file_;
  Lease lease_;
  BarTopics topics_;
  Budget budget_;
  Plan plan_;
  bool told_ = false;
  int64_t told_rest_until_us_ = 0;
  int failures_ = 0;
  int64_t requests_ = 0, sent_ = 0, bad_ = 0;
};

const Asked* AlphaVantage::last_of(const Request& request) const {
  auto found = topics_.asked().find(name_of(form_, request));
  return found == topics_.asked().end() ? nullptr : &found->second;
}

Result<void> AlphaVantage::tell_plan(Progress& progress) {
  if (told_) return {};
  told_ = true;
  int64_t now = clock_.now_us();
  auto all = static_cast<int64_t>(plan_.history(now).size());
  if (all == 0) return {};
  auto count = [&](Standing::Kind kind) { return plan_.count(kind, topics_.asked(), now); };
  int64_t due = count(Standing::Kind::Due);
  int64_t lost = count(Standing::Kind::Refused) + count(Standing::Kind::GivenUp);
  auto symbols = static_cast<int64_t>(form_.symbols.size());
  std::string text = fmt::format("history: {} at {} of {}: {}, {} done",
                                 form_.full ? "all bars" : counted(all / symbols, "month"),
                                 interval_of(form_), counted(symbols, "symbol"),
                                 counted(all, "request"), all - due - lost);
  if (lost > 0) text += fmt::format(", {} refused", lost);
  BudgetState state = TRY(budget_.state());
  text += fmt::format("; the key has {}", limits_of(form_.limits, state.used_in_a_day(now)));
  if (due > 0) {
    int64_t end = state.end_of(due, form_.limits, now);
    text += fmt::format("; the last goes {}, at {}", length_of(end - now),
                        format_instant(floor_to(end, kMicrosPerSecond)));
  }
  progress.notes.push_back(text);
  return {};
}

Result<void> AlphaVantage::check_key() const {
  for (const auto& [name, asked] : topics_.asked()) {
    if (asked.kind != AnswerKind::BadKey || asked.plan != plan_of(form_)) continue;
    return Error{Code::Invalid,
                 fmt::format("Alpha Vantage refused the API key of {} at {} and is not asked again "
                             "with it: {}; correct \"api_key\"",
                             spec_.file, format_instant(asked.at_us), asked.message)};
  }
  return {};
}

Result<Progress> AlphaVantage::step() {
  Progress progress;
  TRY(check_key());
  TRY(tell_plan(progress));
  auto next = plan_.next(topics_.asked(), clock_.now_us());
  if (!next.request) {
    progress.finished = once_;
    progress.idle_until_us = next.due_us;
    return progress;
  }
  int64_t until_us = TRY(budget_.take());
  if (until_us > 0) {
    TRY(rest(progress, until_us));
  } else {
    TRY(ask(*next.request, progress));
  }
  return progress;
}

// The budget lets nothing through before `until_us`.
Result<void> AlphaVantage::rest(Progress& progress, int64_t until_us) {
  int64_t now = clock_.now_us();
  progress.idle_until_us = until_us;
  if (until_us - now <= kWaitOfOnceUsMax) return {};
  if (until_us != told_rest_until_us_) {
    told_rest_until_us_ = until_us;
    BudgetState state = TRY(budget_.state());
    progress.notes.push_back(fmt::format(
        "no request before {}: {}{}", format_instant(floor_to(until_us, kMicrosPerSecond)),
        limits_of(form_.limits, state.used_in_a_day(now)),
        once_ ? "; what is left is asked for by the next run after that" : ""));
  }
  if (once_) {
    progress.finished = true;
    ++progress.warnings;
  }
  return {};
}

Result<Answer> AlphaVantage::fetch(const Request& request) {
  io::HttpRequest http{.url = url_of(form_, request)};
  http.timeout_ms = form_.timeout_ms;
  http.max_body_bytes = kBodyBytesMax;
  http.ca_file = ca_file_;
  ++requests_;
  auto response = http_.send(http);
  if (response) {
    bool of_a_month = request.kind == Request::Kind::Month;
    return read_answer(form_, request.symbol, of_a_month ? format_month(request.month) : "",
                       response->status, response->body);
  }
  std::string message = without_key(response.error().message, form_.api_key);
  if (response.error().code != Code::Unavailable) {
    return Error{response.error().code, fmt::format("{}: {}", form_.base_url, message)};
  }
  Answer none;
  none.kind = AnswerKind::ServerError;
  none.message = message;
  return none;
}

Result<void> AlphaVantage::ask(const Request& request, Progress& progress) {
  int64_t begun_us = clock_.now_us();
  Answer answer = TRY(fetch(request));
  bool asks_for_pause = answer.kind == AnswerKind::RateLimited ||
                        answer.kind == AnswerKind::DayUsedUp ||
                        answer.kind == AnswerKind::ServerError;
  if (asks_for_pause) return pause(request, answer, progress);
  failures_ = 0;
  std::erase_if(answer.bars, [&](const Bar& bar) {
    return !is_complete(form_, bar.exchange_time, begun_us);
  });
  auto kept = answer.kind == AnswerKind::Ok ? deliver(request, answer, progress)
                                            : refuse(request, answer, progress);
  if (kept) return budget_.answered();
  return kept;
}

Result<void> AlphaVantage::pause(const Request& request, const Answer& answer,
                                 Progress& progress) {
  int64_t now = clock_.now_us();
  int64_t until_us = 0;
  if (answer.kind == AnswerKind::DayUsedUp) {
    until_us = std::min(next_day_us(now), now + kNewDayPauseUsMax);
    TRY(budget_.hold(until_us));
  } else {
    bool asked = answer.kind == AnswerKind::RateLimited;
    until_us = TRY(budget_.failed(asked ? kRefusedPauseUs : kFirstPauseUs,
                                  asked ? kLongestRefusedPauseUs : kLongestPauseUs));
  }
  std::string text = fmt::format("{}: {}: {}", name_of(form_, request), to_word(answer.kind),
                                 answer.message);
  if (once_ && answer.kind != AnswerKind::DayUsedUp && ++failures_ >= kFailuresOfOnceMax) {
    return Error{Code::Unavailable, fmt::format("{} ({} times in a row); start again later", text,
                                                failures_)};
  }
  ++progress.warnings;
  progress.idle_until_us = until_us;
  progress.finished = once_ && until_us - now > kWaitOfOnceUsMax;
  progress.notes.push_back(fmt::format("{}; again at {}", text,
                                       format_instant(floor_to(until_us, kMicrosPerSecond))));
  return {};
}

// An answer without bars that asking again at once would not change.
Result<void> AlphaVantage::refuse(const Request& request, const Answer& answer,
                                  Progress& progress) {
  const Asked* last = last_of(request);
  Asked asked{.kind = answer.kind,
              .at_us = clock_.now_us(),
              .attempts = last && last->kind != AnswerKind::Ok ? last->attempts + 1 : 1,
              .ok_at_us = last ? last->ok_at_us : 0,
              .newest = last ? last->newest : "",
              .plan = plan_of(form_),
              .message = answer.message};
  TRY(topics_.note(name_of(form_, request), asked));
  ++progress.warnings;
  Standing standing = plan_.standing(request, topics_.asked(), asked.at_us);
  std::string then = standing.kind == Standing::Kind::Later
                         ? "again at " + format_instant(floor_to(standing.due_us, kMicrosPerSecond))
                     : answer.kind == AnswerKind::Premium
                         ? "not asked again with this key and budget"
                         : "not asked again";
  progress.notes.push_back(fmt::format("{}: {}: {}; {}", name_of(form_, request),
                                       to_word(answer.kind), answer.message, then));
  return {};
}

Result<void> AlphaVantage::deliver(const Request& request, const Answer& answer,
                                   Progress& progress) {
  auto sent = TRY(topics_.send(series_of(form_, request.symbol), request.symbol, answer));
  progress.sent += sent.bars;
  progress.bad += sent.bad;
  sent_ += sent.bars;
  bad_ += sent.bad;
  int64_t now = clock_.now_us();
  Asked asked{.at_us = now, .ok_at_us = now, .plan = plan_of(form_)};
  const Asked* last = last_of(request);
  if (last) asked.newest = last->newest;
  if (!answer.bars.empty()) {
    asked.newest = std::max(asked.newest, answer.bars.back().exchange_time);
  }
  // An answer with the newest bars in it spares the first look at them.
  Request newest{.kind = Request::Kind::Newest, .symbol = request.symbol};
  std::string month = format_instant(utc_to_new_york(now)).substr(0, 7);
  bool has_newest = request.kind == Request::Kind::Full ||
                    (request.kind == Request::Kind::Month && format_month(request.month) == month);
  if (has_newest && !last_of(newest)) TRY(topics_.note(name_of(form_, newest), asked));
  return topics_.note(name_of(form_, request), std::move(asked));
}

std::string AlphaVantage::describe() const {
  return fmt::format("{}: alpha_vantage {} of {} -> topic {}, {}, {} bars sent, {} bad", spec_.name,
                     form_.function, joined(form_.symbols, ","), spec_.topic,
                     counted(requests_, "request"), sent_, bad_);
}

}  // namespace

Result<std::unique_ptr<Source>> open_alpha_vantage(const SourceSpec& spec, broker::Topics& topics,
                                                   io::FileStore& files, const io::Clock& clock,
                                                   const OpenOptions& options) {
  const auto& form = std::get<AlphaVantageSpec>(spec.form);
  CHECK(options.http != nullptr, "an alpha_vantage source is opened with an Http");
  if (form.api_key.empty()) return Error{Code::Invalid, form.api_key_missing};
  Lease lease;
  bool on_disk = !options.lease_directory.empty();
  if (on_disk) lease = TRY(Lease::take(options.lease_directory, spec.name));
  auto bars = TRY(BarTopics::open(topics, spec));
  const io::Path& directory =
      options.state_directory.empty() ? options.lease_directory : options.state_directory;
  Budget budget(files, clock,
                io::join(directory, fmt::format("budgets/{}.json",
                                                name_of_key("alpha_vantage", form.api_key))),
                form.limits, on_disk);
  return std::unique_ptr<Source>(std::make_unique<AlphaVantage>(
      spec, *options.http, clock, options, std::move(lease), std::move(bars), std::move(budget)));
}

}  // namespace ticklake::sources
