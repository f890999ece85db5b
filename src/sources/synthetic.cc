#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/hash.h"
#include "base/time.h"
#include "sources/forms.h"
#include "sources/lease.h"
#include "sources/outbox.h"
#include "sources/session_clock.h"
#include "sources/ticks.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kTicksPerStepMax = 20'000;
// Live ticks are sent in bundles at least so far apart: each is a flush.
constexpr int64_t kBundleUs = 10'000;
// After a stop, what was missed is sent late; but not more than this, or the backfill if that is
// longer.
constexpr int64_t kCatchUpUs = 10 * kMicrosPerSecond;

// A stretch of ticks at one rate: number `first` lies at `start_us`, the others follow evenly in
// open market time.
struct Segment {
  int64_t first = 0;
  int64_t start_us = 0;
  double rate = 1;
  std::optional<int64_t> until_us;  // from there on the next segment
};

std::string to_word(const Segment& segment) {
  return fmt::format("{},{},{},{}", segment.first, segment.start_us, segment.rate,
                     segment.until_us ? fmt::to_string(*segment.until_us) : "");
}

std::optional<Segment> to_segment(std::string_view text) {
  Segment out;
  const char* at = text.data();
  const char* end = at + text.size();
  auto number = [&](auto& value) {
    auto [stop, error] = std::from_chars(at, end, value);
    if (error != std::errc() || stop == end || *stop != ',') return false;
    at = stop + 1;
    return true;
  };
  if (!number(out.first) || !number(out.start_us) || !number(out.rate)) return {};
  if (!(out.rate > 0) || !std::isfinite(out.rate)) return {};
  if (at == end) return out;
  int64_t until;
  auto [stop, error] = std::from_chars(at, end, until);
  if (error != std::errc() || stop != end) return {};
  out.until_us = until;
  return out;
}

// Of all that decides what the tick of a number is.
std::string fingerprint(const SyntheticSpec& spec) {
  std::string text = fmt::format("{} {} {} {} {} {} {} {}", spec.seed, spec.lateness_us_max,
                                 spec.late_share, spec.bad_share, spec.volatility,
                                 spec.session.open_us, spec.session.close_us, spec.session.days);
  for (const std::string& symbol : spec.symbols) text += " " + symbol;
  return fmt::format("{:x}", fnv1a(text));
}

class Synthetic final : public Source {
 public:
  Synthetic(const SourceSpec& spec, const io::Clock& clock, bool once, Lease lease, Outbox outbox)
      : spec_(spec),
        form_(std::get<SyntheticSpec>(spec_.form)),
        clock_(clock),
        once_(once),
        opened_us_(clock.now_us()),
        lease_(std::move(lease)),
        outbox_(std::move(outbox)),
        session_(form_.session),
        ticks_(form_),
        fingerprint_(fingerprint(form_)) {}

  Result<void> resume();
  Result<Progress> step() override;
  std::string describe() const override;

 private:
  int64_t event_us(int64_t number) const;
  // The instant that lies so much open market time before `instant_us`.
  int64_t before(int64_t instant_us, int64_t open_us) const;
  void begin();
  int64_t horizon() const;
  Result<Progress> send_batch();
  Result<int64_t> send_until(int64_t horizon_us, int64_t number_end);

  const SourceSpec spec_;
  const SyntheticSpec& form_;
  const io::Clock& clock_;
  const bool once_;
  const int64_t opened_us_;
  Lease lease_;
  Outbox outbox_;
  SessionClock session_;
  TickMaker ticks_;
  const std::string fingerprint_;
  Segment segment_;
  std::optional<Segment> following_;  // takes over at its first number
  int64_t next_ = 0;                  // the number of the next tick
  int64_t sent_ = 0;
};

int64_t Synthetic::event_us(int64_t number) const {
  auto passed = std::llround(static_cast<double>(number - segment_.first) * 1e6 / segment_.rate);
  return session_.instant(session_.open_time(segment_.start_us) + passed);
}

int64_t Synthetic::before(int64_t instant_us, int64_t open_us) const {
  return session_.instant(session_.open_time(instant_us) - open_us);
}

void Synthetic::begin() {
  if (form_.start_us) {
    segment_ = {0, *form_.start_us, form_.rate, {}};
  } else if (form_.backfill_us > 0) {
    double rate = form_.backfill_rate > 0 ? form_.backfill_rate : form_.rate;
    segment_ = {0, before(opened_us_, form_.backfill_us), rate, opened_us_};
  } else {
    segment_ = {0, opened_us_, form_.rate, {}};
  }
}

// Goes back to the beginning of the batch in which the newest tick was sent.
Result<void> Synthetic::resume() {
  if (!outbox_.newest()) {
    begin();
    return {};
  }
  ResumeState state = outbox_.resume_state();
  auto segment = to_segment(state["segment"]);
  int64_t from = 0;
  auto [end, error] = std::from_chars(state["from"].data(),
                                      state["from"].data() + state["from"].size(), from);
  if (!segment || error != std::errc()) {
    return Error{Code::Invalid,
                 fmt::format("topic {} does not tell where source {} was: the header \"resume\" "
                             "of its last record is damaged; delete the topic to begin again",
                             spec_.topic, spec_.name)};
  }
  segment_ = *segment;
  next_ = from;
  if (form_.start_us) return {};
  int64_t newest = outbox_.newest()->minor;
  int64_t reached_us = event_us(newest);
  int64_t earliest_us = before(opened_us_, std::max(form_.backfill_us, kCatchUpUs));
  bool same = state["spec"] == fingerprint_;
  double rate = segment_.until_us && form_.backfill_rate > 0 ? form_.backfill_rate : form_.rate;
  if (same && segment_.rate == rate && reached_us >= earliest_us) return {};
  // The spec has changed, or the stop was too long to catch up with: the numbers go on, from a new
  // instant, when the batch that was being sent is whole.
  following_ = Segment{newest + 1, std::max(reached_us, earliest_us), form_.rate, {}};
  return {};
}

// Ticks up to there are due.
int64_t Synthetic::horizon() const {
  if (form_.start_us) return INT64_MAX;
  int64_t now = once_ ? opened_us_ : clock_.now_us();
  return segment_.until_us ? std::min(now, *segment_.until_us) : now;
}

Result<int64_t> Synthetic::send_until(int64_t horizon_us, int64_t number_end) {
  outbox_.begin_batch({{"from", fmt::to_string(next_)},
                       {"segment", to_word(segment_)},
                       {"spec", fingerprint_}});
  int64_t sent = 0;
  number_end = std::min(number_end, next_ + kTicksPerStepMax);
  for (; next_ < number_end; ++next_) {
    int64_t event = event_us(next_);
    if (event >= horizon_us) break;
    Tick tick = ticks_.make(next_, event);
    broker::Record record{.key = *tick.symbol, .value = std::move(tick.json)};
    record.headers.push_back({"seq", fmt::to_string(next_)});
    sent += TRY(outbox_.send(std::move(record), {0, next_}));
  }
  TRY(outbox_.flush());
  return sent;
}

Result<Progress> Synthetic::step() {
  // A source that is killed after each step must get on nevertheless.
  while (true) {
    auto progress = TRY(send_batch());
    if (!progress.left_no_trace()) return progress;
  }
}

Result<Progress> Synthetic::send_batch() {
  if (following_ && next_ >= following_->first) {
    segment_ = *std::exchange(following_, std::nullopt);
  }
  int64_t end = following_ ? following_->first : form_.count.value_or(INT64_MAX);
  Progress progress;
  // Not a step of its own: it leaves no trace, so it would be no progress.
  if (!following_ && segment_.until_us && event_us(next_) >= *segment_.until_us) {
    segment_ = {next_, *segment_.until_us, form_.rate, {}};
  }
  int64_t horizon_us = following_ ? INT64_MAX : horizon();
  if (next_ < end && event_us(next_) < horizon_us) {
    progress.sent = TRY(send_until(horizon_us, end));
    sent_ += progress.sent;
  }
  if (following_) return progress;  // which is up next
  if (next_ >= end) {
    progress.finished = true;
  } else if (int64_t due = event_us(next_); segment_.until_us && due >= *segment_.until_us) {
    return progress;  // the next segment
  } else if (due >= horizon_us) {
    progress.finished = once_;
    progress.idle_until_us = std::max(due + 1, clock_.now_us() + kBundleUs);
  }
  return progress;
}

std::string Synthetic::describe() const {
  return fmt::format("{}: synthetic -> topic {}, {} sent, at {}", spec_.name, spec_.topic, sent_,
                     format_instant(event_us(next_)));
}

}  // namespace

Result<std::unique_ptr<Source>> open_synthetic(const SourceSpec& spec, broker::Topics& topics,
                                               const io::Clock& clock,
                                               const OpenOptions& options) {
  Lease lease;
  if (!options.lease_directory.empty()) {
    lease = TRY(Lease::take(options.lease_directory, spec.name));
  }
  auto outbox = TRY(Outbox::open(topics, spec.topic, topic_options(spec), spec.name));
  auto out = std::make_unique<Synthetic>(spec, clock, options.once, std::move(lease),
                                         std::move(outbox));
  TRY(out->resume());
  return std::unique_ptr<Source>(std::move(out));
}

}  // namespace ticklake::sources
