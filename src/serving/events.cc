// Invariant: events_ are the newest ones, numbered without gaps up to last_.
#include "events.h"

#include <fmt/format.h>

#include <charconv>

namespace ticklake::serving {

void EventLog::add(std::string symbol, std::string data) {
  events_.push_back({++last_, std::move(symbol), std::move(data)});
  if (events_.size() > events_max_) events_.pop_front();
}

std::string EventLog::id(int64_t seq) const { return fmt::format("{}-{}", boot_, seq); }

bool EventLog::lost(int64_t seq) const {
  int64_t oldest = events_.empty() ? last_ + 1 : events_.front().seq;
  return seq + 1 < oldest;
}

std::optional<int64_t> EventLog::resume(std::string_view event_id) const {
  size_t dash = event_id.rfind('-');
  if (dash == std::string_view::npos || event_id.substr(0, dash) != boot_) return {};
  std::string_view digits = event_id.substr(dash + 1);
  int64_t seq = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), seq);
  bool whole = problem == std::errc() && end == digits.data() + digits.size();
  if (!whole || seq < 0 || seq > last_ || lost(seq)) return {};
  return seq;
}

const LogEvent* EventLog::next(int64_t seq, const std::string& symbol) const {
  if (events_.empty()) return nullptr;
  int64_t first = std::max<int64_t>(0, seq + 1 - events_.front().seq);
  for (auto i = static_cast<size_t>(first); i < events_.size(); ++i) {
    if (events_[i].symbol == symbol) return &events_[i];
  }
  return nullptr;
}

std::string event_text(std::string_view name, std::string_view data, std::string_view id) {
  std::string text;
  if (!id.empty()) text += fmt::format("id: {}\n", id);
  return text + fmt::format("event: {}\ndata: {}\n\n", name, data);
}

}  // namespace ticklake::serving
