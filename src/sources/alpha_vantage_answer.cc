#include "sources/alpha_vantage_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time.h"
#include "formats/formats.h"
#include "sources/new_york.h"

namespace ticklake::sources {

using Json = nlohmann::json;

namespace {

constexpr size_t kMessageBytesMax = 300;
constexpr size_t kRawBytesMax = 2000;

constexpr std::array<std::pair<AnswerKind, std::string_view>, 9> kWords = {{
    {AnswerKind::Ok, "ok"},
    {AnswerKind::RateLimited, "rate_limited"},
    {AnswerKind::DayUsedUp, "day_used_up"},
    {AnswerKind::Premium, "premium"},
    {AnswerKind::BadKey, "bad_key"},
    {AnswerKind::BadRequest, "bad_request"},
    {AnswerKind::Empty, "empty"},
    {AnswerKind::Garbage, "garbage"},
    {AnswerKind::ServerError, "server_error"},
}};

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

// Nearly every message praises the premium plans, so that word alone decides last.
AnswerKind kind_of_message(std::string_view key, std::string_view message) {
  std::string text = lowered(message);
  if (has_any(text, {"is a premium", "premium endpoint.", "premium-only", "premium only"})) {
    return AnswerKind::Premium;
  }
  if (has_any(text, {"sparingly", "per second", "per minute", "call frequency", "call volume",
                     "burst"})) {
    return AnswerKind::RateLimited;
  }
  if (has_any(text, {"per day", "daily"}) && has_any(text, {"limit", "quota"})) {
    return AnswerKind::DayUsedUp;
  }
  if (has_any(text, {"rate limit"})) return AnswerKind::RateLimited;
  if (has_any(text, {"apikey", "api key"})) return AnswerKind::BadKey;
  if (has_any(text, {"premium"})) return AnswerKind::Premium;
  return lowered(key) == "note" ? AnswerKind::RateLimited : AnswerKind::BadRequest;
}

// "5. adjusted close" and "adjusted close" as "adjusted_close": the numbers differ between
// functions.
std::string plain_name(std::string_view name) {
  size_t dot = name.find(". ");
  bool numbered = dot != std::string_view::npos && dot > 0 &&
                  name.substr(0, dot).find_first_not_of("0123456789") == std::string_view::npos;
  std::string out = lowered(trimmed(numbered ? name.substr(dot + 2) : name));
  std::replace(out.begin(), out.end(), ' ', '_');
  return out;
}

using Cells = std::map<std::string, std::string, std::less<>>;  // plain names to texts

std::vector<std::string> number_columns(const AlphaVantageSpec& spec) {
  bool adjusted = spec.function.ends_with("_ADJUSTED");
  std::vector<std::string> out = {"open", "high", "low", "close"};
  if (adjusted) out.push_back("adjusted_close");
  out.push_back("volume");
  if (adjusted) out.push_back("dividend_amount");
  if (spec.function == "TIME_SERIES_DAILY_ADJUSTED") out.push_back("split_coefficient");
  return out;
}

class BarReader {
 public:
  BarReader(const AlphaVantageSpec& spec, const std::string& symbol) : spec_(spec) {
    head_ = "{\"symbol\":";
    formats::append_json_string(head_, symbol);
    head_ += fmt::format(",\"function\":\"{}\",\"interval\":\"{}\"", spec.function,
                         interval_of(spec));
    columns_ = number_columns(spec);
  }

  const std::vector<std::string>& columns() const { return columns_; }

  void add(const std::string& time, const Cells& cells, std::string_view raw) {
    std::string json = head_;
    std::string problem = append_time(json, time);
    for (const std::string& column : columns_) {
      if (!problem.empty()) break;
      json += fmt::format(",\"{}\":", column);
      auto cell = cells.find(column);
      if (cell == cells.end() || trimmed(cell->second).empty()) {
        problem = column + ": missing";
        break;
      }
      problem = formats::append_cell_as_json(json, {Kind::Double}, trimmed(cell->second));
      if (problem.empty() && json.ends_with('"')) problem = "not a finite number";
      if (!problem.empty()) problem = column + ": " + problem;
    }
    if (problem.empty()) {
      bars_[time] = json + "}";
    } else {
      auto safe = [&](std::string_view text, size_t bytes_max) {
        return printable(without_key(text, spec_.api_key), bytes_max);
      };
      bad_.push_back({safe(time, 40), safe(problem, kMessageBytesMax), safe(raw, kRawBytesMax)});
    }
  }

  bool utc = false;  // the answer's times are UTC's, not New York's

  void move_to(Answer& answer) {
    for (auto& [time, json] : bars_) answer.bars.push_back({time, std::move(json)});
    answer.bad = std::move(bad_);
    bool any = !answer.bars.empty() || !answer.bad.empty();
    answer.kind = any ? AnswerKind::Ok : AnswerKind::Empty;
    if (!any) answer.message = "the series has no bars";
  }

 private:
  std::string append_time(std::string& json, const std::string& time) const {
    auto parsed = parse_timestamp(time);
    bool shaped = time.size() == 10 || time.size() == 19;
    if (!parsed || !shaped || parsed->has_zone) {
      return "not a time such as 2026-01-05 16:00:00";
    }
    int64_t instant = utc ? parsed->micros : new_york_to_utc(parsed->micros);
    json += fmt::format(",\"ts\":\"{}\",\"exchange_time\":\"{}\",\"zone\":\"{}\"",
                        format_instant(instant), time, utc ? "UTC" : "US/Eastern");
    return "";
  }

  const AlphaVantageSpec& spec_;
  std::string head_;
  std::vector<std::string> columns_;
  std::map<std::string, std::string> bars_;
  std::vector<BadBar> bad_;
};

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Answer garbage(std::string message) {
  return {.kind = AnswerKind::Garbage, .message = std::move(message), .bars = {}, .bad = {}};
}

// What the answer says of itself must be what was asked for. "": it is.
std::string check_head(const Json& json, const AlphaVantageSpec& spec, const std::string& symbol,
                       BarReader& reader) {
  for (const auto& [key, value] : json.items()) {
    if (!lowered(key).ends_with("meta data") || !value.is_object()) continue;
    for (const auto& [name, item] : value.items()) {
      std::string text = text_of(item);
      std::string plain = plain_name(name);
      if (plain == "symbol" && !equal_ignoring_case(text, symbol)) {
        return fmt::format("the answer is about {}, not {}", printable(text, 40), symbol);
      }
      if (plain == "interval" && !spec.interval.empty() && text != spec.interval) {
        return fmt::format("the answer has bars of {}, not {}", printable(text, 40),
                           spec.interval);
      }
      if (plain != "time_zone") continue;
      reader.utc = equal_ignoring_case(text, "UTC");
      bool known = reader.utc || text == "US/Eastern" || text == "America/New_York";
      if (!known) return fmt::format("the time zone \"{}\" is not known", printable(text, 40));
    }
  }
  return "";
}

Answer read_json(const AlphaVantageSpec& spec, const std::string& symbol, std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return garbage("the answer is no JSON object, or was cut short");
  Answer out;
  if (json.empty()) {
    out.kind = AnswerKind::Empty;
    out.message = "the answer is {}";
    return out;
  }
  BarReader reader(spec, symbol);
  for (const auto& [key, value] : json.items()) {
    if (key.find("Time Series") == std::string::npos || !value.is_object()) continue;
    std::string problem = check_head(json, spec, symbol, reader);
    if (!problem.empty()) return garbage(std::move(problem));
    for (const auto& [time, fields] : value.items()) {
      Cells cells;
      if (fields.is_object()) {
        for (const auto& [name, cell] : fields.items()) cells[plain_name(name)] = text_of(cell);
      }
      reader.add(time, cells, text_of(fields));
    }
    reader.move_to(out);
    return out;
  }
  for (const char* key : {"Error Message", "Information", "Note"}) {
    auto found = json.find(key);
    if (found == json.end()) continue;
    out.message = text_of(*found);
    out.kind = kind_of_message(key, out.message);
    return out;
  }
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) continue;
    out.message = text_of(value);
    out.kind = kind_of_message(key, out.message);
    return out;
  }
  return garbage("the answer has no time series");
}

Answer read_csv(const AlphaVantageSpec& spec, const std::string& symbol, std::string_view body) {
  if (!body.ends_with('\n')) return garbage("the answer is no CSV, or was cut short");
  formats::CsvSplitter splitter(body);
  auto header = splitter.next();
  BarReader reader(spec, symbol);
  std::vector<std::string> names;
  for (const std::string& field : header->fields) names.push_back(plain_name(field));
  for (const std::string& column : reader.columns()) {
    if (std::find(names.begin(), names.end(), column) != names.end()) continue;
    return garbage(fmt::format("the answer is no CSV with the column {}", column));
  }
  auto time = std::find(names.begin(), names.end(), "timestamp");
  if (time == names.end()) return garbage("the answer is no CSV with the column timestamp");
  auto time_at = static_cast<size_t>(time - names.begin());
  while (auto record = splitter.next()) {
    if (record->raw.empty()) continue;
    Cells cells;
    for (size_t i = 0; i < std::min(names.size(), record->fields.size()); ++i) {
      cells[names[i]] = record->fields[i];
    }
    std::string when = time_at < record->fields.size() ? record->fields[time_at] : "";
    if (record->fields.size() != names.size()) cells.clear();
    reader.add(when, cells, record->raw);
  }
  Answer out;
  reader.move_to(out);
  return out;
}

// Bars of another time would pass for those of the month.
void check_month(Answer& answer, const std::string& month) {
  bool any = std::any_of(answer.bars.begin(), answer.bars.end(), [&](const Bar& bar) {
    return bar.exchange_time.starts_with(month);
  });
  if (any || answer.bars.empty()) return;
  answer = garbage(fmt::format("the answer has bars of {}, none of {}",
                               answer.bars.back().exchange_time, month));
}

Answer read_status(int status) {
  Answer out;
  out.message = fmt::format("HTTP status {}", status);
  out.kind = status >= 500                     ? AnswerKind::ServerError
             : status == 429                   ? AnswerKind::RateLimited
             : status == 401 || status == 403  ? AnswerKind::BadKey
             : status >= 300 && status < 400   ? AnswerKind::BadRequest
             : status >= 400                   ? AnswerKind::BadRequest
                                               : AnswerKind::Garbage;
  if (status >= 300 && status < 400) {
    out.message += ": it sends elsewhere, and the key goes nowhere but to base_url";
  }
  return out;
}

}  // namespace

std::string_view to_word(AnswerKind kind) {
  for (const auto& [known, word] : kWords) {
    if (known == kind) return word;
  }
  return "garbage";
}

AnswerKind to_answer_kind(std::string_view word) {
  for (const auto& [kind, known] : kWords) {
    if (known == word) return kind;
  }
  return AnswerKind::Garbage;
}

std::string interval_of(const AlphaVantageSpec& spec) {
  if (!spec.interval.empty()) return spec.interval;
  bool daily = spec.function.find("_DAILY") != std::string::npos;
  bool weekly = spec.function.find("_WEEKLY") != std::string::npos;
  return daily ? "daily" : weekly ? "weekly" : "monthly";
}

Schema bar_columns(const AlphaVantageSpec& spec) {
  Schema out{{{"symbol", Kind::String},
              {"function", Kind::String},
              {"interval", Kind::String},
              {"ts", Kind::Timestamp},
              {"exchange_time", Kind::String},
              {"zone", Kind::String}}};
  for (const auto& name : number_columns(spec)) out.fields.push_back({name, Kind::Double});
  return out;
}

Answer read_answer(const AlphaVantageSpec& spec, const std::string& symbol,
                   const std::string& month, int status, std::string_view body) {
  Answer out;
  std::string_view text = trimmed(body);
  if (status != 200) {
    out = read_status(status);
  } else if (!is_utf8(body)) {
    out = garbage("the answer is not UTF-8");
  } else if (text.empty()) {
    out.kind = AnswerKind::Empty;
    out.message = "the answer is empty";
  } else if (text[0] == '{' || !spec.csv) {
    out = read_json(spec, symbol, text);
  } else {
    out = read_csv(spec, symbol, body);
  }
  check_month(out, month);
  out.message = printable(without_key(out.message, spec.api_key), kMessageBytesMax);
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<uint8_t>(c)));
    }
  }
  return out;
}

std::string without_key(std::string_view text, std::string_view key) {
  std::string out(text);
  if (key.empty()) return out;
  for (size_t at = out.find(key); at != std::string::npos; at = out.find(key, at + 3)) {
    out.replace(at, key.size(), "***");
  }
  return out;
}

}  // namespace ticklake::sources
