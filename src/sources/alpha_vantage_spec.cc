// The keys of an alpha_vantage source.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "base/time.h"
#include "sources/alpha_vantage_answer.h"
#include "sources/spec_reader.h"

namespace ticklake::sources {
namespace {

constexpr int32_t kFirstMonth = 2000 * 12;  // intraday bars begin in January 2000
constexpr int32_t kMonthsMax = 600;
constexpr size_t kKeyBytesMin = 4;

// "2024-03" as year * 12 + month - 1.
std::optional<int32_t> parse_month(std::string_view text) {
  auto date = text.size() == 7 && text[4] == '-' ? parse_date(std::string(text) + "-01")
                                                 : std::optional<int32_t>();
  if (!date) return {};
  CivilDate civil = civil_from_days(*date);
  return civil.year * 12 + civil.month - 1;
}

Result<int32_t> month_of(std::string_view word, const Yaml& where, const Reader& reader) {
  auto month = parse_month(trimmed(word));
  if (month && *month >= kFirstMonth) return *month;
  return reader.error(where, fmt::format("\"months\" has \"{}\", which is no month from 2000-01 "
                                         "on, such as 2024-03",
                                         printable(word)));
}

Result<void> read_months(const Yaml& value, const Reader& reader, AlphaVantageSpec& out) {
  if (value.kind == Yaml::Kind::List) {
    for (const Yaml& item : value.items) {
      std::string word = TRY(reader.text(item, "months"));
      out.months.push_back(TRY(month_of(word, item, reader)));
    }
    std::sort(out.months.begin(), out.months.end());
    out.months.erase(std::unique(out.months.begin(), out.months.end()), out.months.end());
    return {};
  }
  std::string word = TRY(reader.text(value, "months"));
  if (word.starts_with("last ")) {
    std::string_view count = trimmed(std::string_view(word).substr(5));
    auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), out.months_last);
    bool valid = error == std::errc() && end == count.data() + count.size() &&
                 out.months_last >= 1 && out.months_last <= kMonthsMax;
    if (valid) return {};
    return reader.error(value, fmt::format("\"months: last N\" needs a number from 1 to {}, not "
                                           "\"{}\"",
                                           kMonthsMax, printable(count)));
  }
  size_t dots = word.find("..");
  std::string first_word = word.substr(0, dots);
  int32_t first = TRY(month_of(first_word, value, reader));
  int32_t last = first;
  if (dots != std::string::npos) {
    std::string last_word = word.substr(dots + 2);
    if (trimmed(last_word).empty()) {
      out.months_since = first;
      return {};
    }
    last = TRY(month_of(last_word, value, reader));
  }
  if (last < first || last - first >= kMonthsMax) {
    return reader.error(value,
                        fmt::format("\"months\": {} is no range of months", printable(word)));
  }
  for (int32_t month = first; month <= last; ++month) out.months.push_back(month);
  return {};
}

// "every 15 minutes", "Mon-Fri at 18:00", "daily at 18:00".
Result<PollSchedule> schedule_of(const Yaml& value, const Reader& reader) {
  std::string word = TRY(reader.text(value, "schedule"));
  PollSchedule out;
  std::string lower = lowered(word);
  if (lower.starts_with("every ")) {
    auto every = parse_duration(trimmed(std::string_view(lower).substr(6)));
    if (every && *every >= kMicrosPerSecond) {
      out.every_us = *every;
      return out;
    }
  } else if (size_t at = lower.find(" at "); at != std::string::npos) {
    std::string_view days = trimmed(std::string_view(lower).substr(0, at));
    auto known = days == "daily" ? std::optional<uint8_t>(0b111'1111) : parse_days(days);
    auto time = parse_time_of_day(trimmed(std::string_view(lower).substr(at + 4)));
    if (known && time && *time < kMicrosPerDay) {
      out.days = *known;
      out.at_us = *time;
      return out;
    }
  }
  return reader.error(value, fmt::format("\"schedule\" must be such as \"every 15 minutes\" (at "
                                         "least 1 second) or \"Mon-Fri at 18:00\" (New York "
                                         "time), not \"{}\"",
                                         printable(word)));
}

// 0 where the word is "none".
Result<int64_t> limit_of(const Yaml& value, const char* key, const Reader& reader) {
  std::string word = TRY(reader.text(value, key));
  if (equal_ignoring_case(word, "none")) return int64_t{0};
  return reader.whole(value, key, 1, 100'000);
}

Result<RequestLimits> limits_of(const Yaml& value, const Reader& reader) {
  if (value.kind != Yaml::Kind::Map) {
    return reader.error(value, "\"budget\" has per_minute, per_day and spacing");
  }
  TRY(reader.check_keys(value, {"per_minute", "per_day", "spacing"}));
  RequestLimits out;
  if (const Yaml* v = value.find("per_minute")) {
    out.per_minute = TRY(limit_of(*v, "per_minute", reader));
    out.spacing_us = out.per_minute == 0 ? 0
                     : out.per_minute <= 10
                         ? kMicrosPerMinute / out.per_minute + kMicrosPerSecond
                         : kMicrosPerMinute / out.per_minute;
  }
  if (const Yaml* v = value.find("per_day")) out.per_day = TRY(limit_of(*v, "per_day", reader));
  if (const Yaml* v = value.find("spacing")) out.spacing_us = TRY(reader.duration(*v, "spacing"));
  return out;
}

Result<std::string> function_of(const Yaml& value, const Reader& reader) {
  const Names functions = {"TIME_SERIES_INTRADAY",       "TIME_SERIES_DAILY",
                           "TIME_SERIES_DAILY_ADJUSTED", "TIME_SERIES_WEEKLY",
                           "TIME_SERIES_WEEKLY_ADJUSTED", "TIME_SERIES_MONTHLY",
                           "TIME_SERIES_MONTHLY_ADJUSTED"};
  return reader.choice(value, "function", functions);
}

Result<std::string> base_url_of(const Yaml& value, const Reader& reader) {
  std::string url = TRY(reader.text(value, "base_url"));
  std::string_view host = url;
  bool https = host.starts_with("https://");
  if (https || host.starts_with("http://")) host.remove_prefix(https ? 8 : 7);
  bool has_host = host.size() < url.size() && !host.empty() && host[0] != '/';
  bool odd = std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c == 0x7f; });
  if (!has_host || odd || url.find('?') != std::string::npos ||
      url.find('@') != std::string::npos || url.find('#') != std::string::npos) {
    return reader.error(value, "\"base_url\" must be an address such as "
                               "https://www.alphavantage.co/query, without '?', '#' and '@'");
  }
  std::string_view name = host.substr(0, host.find_first_of(":/"));
  if (!https && name != "127.0.0.1" && name != "localhost" && !host.starts_with("[::1]")) {
    return reader.error(value, "\"base_url\" must begin with https://, or the key could be read "
                               "on its way; http:// is for a server on this machine");
  }
  return url;
}

Result<void> read_key(const Yaml& value, const Reader& reader, AlphaVantageSpec& out) {
  std::string missing = value.kind == Yaml::Kind::Scalar ? reader.missing(value) : "";
  auto key = reader.text(value, "api_key");
  if (!key && missing.empty()) return std::move(key).error();
  if (!key) {  // a project without its secrets can be checked nevertheless
    out.api_key_missing = key.error().message;
    return {};
  }
  // In this alphabet a key reads the same in an address, in JSON and in a message, so it is found
  // wherever the service repeats it.
  bool plain = key->size() >= kKeyBytesMin && key->size() <= 200 && percent_encoded(*key) == *key;
  if (!plain) {
    return reader.error(value, "\"api_key\" has a value that is no key: 4 to 200 letters, digits, "
                               "'-', '_', '.' and '~'");
  }
  out.api_key = *std::move(key);
  return {};
}

Result<void> read_symbols(const Yaml& value, const Reader& reader, AlphaVantageSpec& out) {
  if (value.kind == Yaml::Kind::List) {
    out.symbols = TRY(symbol_list(value, reader));
    return {};
  }
  Yaml list{.kind = Yaml::Kind::List, .line = value.line, .column = value.column};
  std::string word = TRY(reader.text(value, "symbols"));
  for (const std::string& part : split(word, ',')) {
    Yaml item{.kind = Yaml::Kind::Scalar, .line = value.line, .column = value.column};
    item.text = trimmed(part);
    list.items.push_back(std::move(item));
  }
  out.symbols = TRY(symbol_list(list, reader));
  return {};
}

Result<void> read_intraday(const Yaml& map, const Reader& reader, AlphaVantageSpec& out) {
  bool intraday = out.function == "TIME_SERIES_INTRADAY";
  const Yaml* interval = map.find("interval");
  if (intraday && !interval) {
    return reader.error(*map.find("function"), "TIME_SERIES_INTRADAY needs an \"interval\": 1min, "
                                               "5min, 15min, 30min, 60min");
  }
  for (const char* key : {"interval", "months", "adjusted", "extended_hours"}) {
    const Yaml* value = map.find(key);
    if (!value || intraday) continue;
    return reader.error(*value, fmt::format("\"{}\" is for TIME_SERIES_INTRADAY only", key));
  }
  if (interval) {
    out.interval = TRY(reader.choice(*interval, "interval",
                                     {"1min", "5min", "15min", "30min", "60min"}));
  }
  if (const Yaml* v = map.find("months")) TRY(read_months(*v, reader, out));
  if (const Yaml* v = map.find("adjusted")) out.adjusted = TRY(reader.truth(*v, "adjusted"));
  if (const Yaml* v = map.find("extended_hours")) {
    out.extended_hours = TRY(reader.truth(*v, "extended_hours"));
  }
  return {};
}

}  // namespace

const Names& alpha_vantage_keys() {
  static const Names keys = {"type",     "topic",      "partitions", "function", "symbols",
                             "api_key",  "interval",   "months",     "adjusted", "extended_hours",
                             "datatype", "outputsize", "schedule",   "budget",   "base_url",
                             "ca_file",  "timeout"};
  return keys;
}

Result<AlphaVantageSpec> alpha_vantage_of(const Yaml& map, const Reader& reader) {
  AlphaVantageSpec out;
  for (const char* key : {"function", "symbols", "api_key"}) {
    if (map.find(key)) continue;
    return reader.error(map, fmt::format("an alpha_vantage source needs \"{}\"", key));
  }
  out.function = TRY(function_of(*map.find("function"), reader));
  TRY(read_symbols(*map.find("symbols"), reader, out));
  TRY(read_key(*map.find("api_key"), reader, out));
  TRY(read_intraday(map, reader, out));
  if (const Yaml* v = map.find("outputsize")) {
    out.full = TRY(reader.choice(*v, "outputsize", {"compact", "full"})) == "full";
    if (out.function.find("_DAILY") == std::string::npos && out.interval.empty()) {
      return reader.error(*v, "\"outputsize\" is for TIME_SERIES_INTRADAY and TIME_SERIES_DAILY; "
                              "weeks and months always come whole");
    }
  }
  if (const Yaml* v = map.find("datatype")) {
    out.csv = TRY(reader.choice(*v, "datatype", {"json", "csv"})) == "csv";
  }
  if (const Yaml* v = map.find("schedule")) out.schedule = TRY(schedule_of(*v, reader));
  if (const Yaml* v = map.find("budget")) out.limits = TRY(limits_of(*v, reader));
  if (const Yaml* v = map.find("base_url")) out.base_url = TRY(base_url_of(*v, reader));
  if (const Yaml* v = map.find("ca_file")) out.ca_file = TRY(reader.text(*v, "ca_file"));
  if (const Yaml* v = map.find("timeout")) {
    out.timeout_ms = std::max<int64_t>(1, TRY(reader.duration(*v, "timeout")) / kMicrosPerMilli);
  }
  return out;
}

}  // namespace ticklake::sources
