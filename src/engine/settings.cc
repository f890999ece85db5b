#include "settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <thread>
#include <vector>

#include "base/text.h"
#include "base/time.h"
#include "delta/delta.h"
#include "engine/engine.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kPaceMinUs = 100 * kMicrosPerMilli;
constexpr int64_t kRowsPerStepMax = 10'000'000;
constexpr int64_t kParallelismMax = 64;

std::optional<int64_t> unit_us(std::string_view unit) {
  std::string word = lowered(trimmed(unit));
  if (word.size() > 2 && word.back() == 's' && word != "ms") word.pop_back();
  if (word == "ms" || word == "millisecond") return kMicrosPerMilli;
  if (word == "s" || word == "second") return kMicrosPerSecond;
  if (word == "m" || word == "min" || word == "minute") return kMicrosPerMinute;
  if (word == "h" || word == "hour") return kMicrosPerHour;
  return {};
}

std::optional<int64_t> parse_count(std::string_view text) {
  text = trimmed(text);
  int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

Error refused(const std::string& name, const std::string& value, std::string_view expected) {
  return {Code::Invalid, fmt::format("{} is '{}': {}", name, printable(value), expected)};
}

Result<QuarantineRule> quarantine_of(const std::string& value) {
  QuarantineRule rule;
  static const std::vector<std::string> words = {"undecodable", "errors", "expectations"};
  for (const auto& part : split(value, ',')) {
    std::string word = lowered(trimmed(part));
    if (word == words[0]) {
      rule.undecodable = true;
    } else if (word == words[1]) {
      rule.errors = true;
    } else if (word == words[2]) {
      rule.expectations = true;
    } else {
      return refused("ticklake.quarantine", value,
                     "a list of 'undecodable', 'errors', 'expectations' is expected");
    }
  }
  return rule;
}

Result<void> apply(const std::string& name, const std::string& value, Settings& settings) {
  if (name == "ticklake.pace") {
    auto pace = parse_duration(value);
    if (!pace || *pace < kPaceMinUs) {
      return refused(name, value, "a time of at least 100 ms is expected, such as '1 s'");
    }
    settings.pace_us = *pace;
  } else if (name == "ticklake.refreshInterval") {
    auto interval = parse_duration(value);
    if (!interval) return refused(name, value, "a time is expected, such as '10 s'");
    settings.refresh_us = *interval;
  } else if (name == "ticklake.maxRowsPerStep") {
    auto rows = parse_count(value);
    if (!rows || *rows < 1 || *rows > kRowsPerStepMax) {
      return refused(name, value, "a number from 1 to 10000000 is expected");
    }
    settings.rows_per_step_max = *rows;
  } else if (name == "ticklake.parallelism") {
    auto threads = parse_count(value);
    if (!threads || *threads < 1 || *threads > kParallelismMax) {
      return refused(name, value, "a number of threads from 1 to 64 is expected");
    }
    settings.parallelism = static_cast<int>(*threads);
  } else if (name == "ticklake.quarantine") {
    settings.quarantine = TRY(quarantine_of(value));
  } else if (name == "ticklake.lateRows") {
    std::string word = lowered(trimmed(value));
    if (word != "keep" && word != "count") {
      return refused(name, value, "'keep' or 'count' is expected");
    }
    settings.keeps_late = word == "keep";
  } else if (name == "ticklake.autoCompact.minNumFiles") {
    auto files = parse_count(value);
    if (!files || *files < 3) return refused(name, value, "a number of at least 3 is expected");
  } else if (name == "ticklake.vacuumInterval") {
    bool good = lowered(trimmed(value)) == "never" || delta::interval_ms(value);
    if (!good) return refused(name, value, "a time such as '1 day' is expected, or 'never'");
  } else if (name != "ticklake.warehouse" && name != "ticklake.serve.candles" &&
             name.starts_with("ticklake.")) {
    static const std::vector<std::string> known = {
        "ticklake.pace",           "ticklake.refreshInterval",
        "ticklake.maxRowsPerStep", "ticklake.parallelism",
        "ticklake.quarantine",     "ticklake.warehouse",
        "ticklake.serve.candles",  "ticklake.autoCompact.minNumFiles",
        "ticklake.vacuumInterval", "ticklake.lateRows"};
    std::string near = nearest(name, known);
    return Error{Code::Invalid,
                 fmt::format("unknown setting '{}'; {}", name,
                             near.empty() ? "known: " + joined(known, ", ")
                                          : fmt::format("did you mean '{}'?", near))};
  }
  return {};
}

}  // namespace

std::optional<int64_t> parse_duration(std::string_view text) {
  text = trimmed(text);
  int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number < 0) return {};
  auto unit = unit_us(text.substr(static_cast<size_t>(end - text.data())));
  constexpr int64_t kNumberMax = 1'000'000'000;
  if (!unit || number > kNumberMax) return {};
  return number * *unit;
}

Result<Settings> settings_of(const std::map<std::string, std::string>& configuration,
                             const std::map<std::string, std::string>& properties) {
  Settings settings;
  for (const auto& [name, value] : configuration) TRY(apply(name, value, settings));
  for (const auto& [name, value] : properties) {
    if (name == "ticklake.parallelism") {
      return refused(name, value, "it is of the whole project: set it under configuration");
    }
    TRY(apply(name, value, settings));
  }
  return settings;
}

Result<void> check_configuration(const std::map<std::string, std::string>& configuration) {
  TRY(settings_of(configuration, {}));
  for (const auto& [name, value] : configuration) {
    std::string word = lowered(trimmed(value));
    if (lowered(name) == "spark.sql.session.timezone" && word != "utc" && word != "etc/utc" &&
        word != "z" && word != "+00:00") {
      return Error{Code::Unsupported,
                   fmt::format("{} is '{}': ticklake runs in UTC; set it to UTC and convert with "
                               "from_utc_timestamp where needed",
                               name, value)};
    }
    if (lowered(name) == "spark.sql.ansi.enabled" && word != "true") {
      return Error{Code::Unsupported, fmt::format("{} is '{}': ticklake runs in ANSI mode, as "
                                                  "Spark 4 does; use try_cast and try_divide",
                                                  name, value)};
    }
  }
  return {};
}

int parallelism(const Project& project) {
  auto settings = settings_of(project.configuration, {});
  CHECK(settings.has_value(), "a project's configuration was checked when it was loaded");
  unsigned cores = std::max(std::thread::hardware_concurrency(), 1u);
  return settings->parallelism.value_or(static_cast<int>(cores));
}

}  // namespace ticklake::engine
