#include "window_kind.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/time.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

double seconds(int64_t us) { return static_cast<double>(us) / kMicrosPerSecond; }

std::string length_text(int64_t us) {
  return us == 0 ? "a session" : fmt::format("{} s long", seconds(us));
}

int64_t hash_of(const sql::Plan& plan) {
  const auto& windowed = *plan.windowed;
  std::string text = windowed.partial_sql + "\n" + windowed.merge_sql;
  for (const auto& field : windowed.partial_schema.fields) {
    text += fmt::format("\n{} {}", field.name, to_sql(field.type));
  }
  for (const auto& payload : plan.payload_functions) {
    // A registry's types change with its schemas.
    if (payload.registry.empty()) text += "\n" + to_sql(payload.type);
  }
  return static_cast<int64_t>(fnv1a(text) >> 1);
}

}  // namespace

Result<Progress> window_kind(const Context& context, const Dataset& dataset,
                             const std::string& prefix) {
  const auto& windowed = *dataset.plan.windowed;
  Progress out{{prefix + "window_us", windowed.window_us},
               {prefix + "slide_us", windowed.slide_us}};
  if (windowed.window_us > 0) return out;
  out[prefix + "query"] = hash_of(TRY(context.plan_at(dataset, 0)));
  return out;
}

Result<void> check_window_kind(const Dataset& dataset, const std::string& prefix,
                               const Progress& kind, const Progress& stored) {
  auto was = [&](const std::string& name, int64_t otherwise) {
    auto found = stored.find(prefix + name);
    return found == stored.end() ? otherwise : found->second;
  };
  auto is = [&](const std::string& name) { return kind.at(prefix + name); };
  auto refused = [&](const std::string& what) {
    return Error{Code::Invalid, fmt::format("{}; rebuild the table with --full-refresh {}", what,
                                            dataset.table)};
  };
  int64_t length_us = was("window_us", is("window_us"));
  if (length_us != is("window_us")) {
    return refused(fmt::format("the window was {} and is {} now", length_text(length_us),
                               length_text(is("window_us"))));
  }
  int64_t slide_us = was("slide_us", stored.contains(prefix + "window_us") ? length_us
                                                                          : is("slide_us"));
  if (slide_us != is("slide_us")) {
    return refused(fmt::format("a window began every {} s and does every {} s now",
                               seconds(slide_us), seconds(is("slide_us"))));
  }
  if (length_us > 0 || was("query", is("query")) == is("query")) return {};
  return refused(
      fmt::format("the query of {} has changed, and the sessions that are open were kept as "
                  "partial results of the query as it was, which do not fit the new one",
                  dataset.name));
}

std::optional<int64_t> window_offset(const sql::Windowed& windowed, const Batches& partials) {
  if (windowed.slide_us == 0) return {};
  for (const auto& batch : partials) {
    if (batch->num_rows() == 0) continue;
    auto end = number_at(*batch->column(0), 0);
    if (!end) continue;
    int64_t over = *end % windowed.slide_us;
    return over < 0 ? over + windowed.slide_us : over;
  }
  return {};
}

Error moved_windows(const Dataset& dataset, int64_t was_us, int64_t is_us) {
  return {Code::Invalid,
          fmt::format("windows ended {} s after multiples of their slide, counted from 1970, and "
                      "do {} s after them now; rebuild the table with --full-refresh {}",
                      seconds(was_us), seconds(is_us), dataset.table)};
}

}  // namespace ticklake::engine
