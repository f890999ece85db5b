// What Alpha Vantage answered: bars, or why there are none. It answers almost everything with
// status 200, and errors as JSON even where CSV was asked for, so the text decides.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sources/sources.h"

namespace ticklake::sources {

enum class AnswerKind : uint8_t {
  Ok,
  RateLimited,  // too fast: pause
  DayUsedUp,    // the key has no requests left today
  Premium,      // not with this key's plan: never ask again
  BadKey,       // the key itself is refused
  BadRequest,   // this symbol, month or function is refused
  Empty,        // no bars
  Garbage,      // not what is documented: cut short, another format
  ServerError,  // 5xx
};
std::string_view to_word(AnswerKind kind);  // "rate_limited"
AnswerKind to_answer_kind(std::string_view word);  // an unknown one: Garbage

struct Bar {
  std::string exchange_time;  // as the answer has it: "2026-01-05 16:00:00", "2026-01-05"
  std::string json;           // the record's value
};

struct BadBar {
  std::string exchange_time;
  std::string reason;
  std::string raw;
};

struct Answer {
  AnswerKind kind = AnswerKind::Garbage;
  std::string message;      // what the service said, or what is wrong; without the key
  std::vector<Bar> bars;    // in the order of time, one an instant
  std::vector<BadBar> bad;  // bars that cannot be read
};

// `month`, such as "2024-03": of which bars were asked for; "": of whatever time.
Answer read_answer(const AlphaVantageSpec& spec, const std::string& symbol,
                   const std::string& month, int status, std::string_view body);

// "1min".."60min", "daily", "weekly", "monthly".
std::string interval_of(const AlphaVantageSpec& spec);

// The columns of a bar's record.
Schema bar_columns(const AlphaVantageSpec& spec);

// The text with the key taken out.
std::string without_key(std::string_view text, std::string_view key);
// For an address: all but letters, digits, '-', '_', '.' and '~' as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace ticklake::sources
