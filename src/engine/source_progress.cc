// Invariant: of each source that a flow has read, both its id and its name are among the flow's app
// ids: "<prefix><id>[~<turn>]/name/<name>". So a flow that gains a source is told from one whose
// source was made anew or renamed.
#include "source_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace ticklake::engine {
namespace {

// Ids of topics may hold a '/'; none holds a '~'.
bool is_of(std::string_view rest, std::string_view id) {
  return rest.size() > id.size() && rest.starts_with(id) &&
         (rest[id.size()] == '/' || rest[id.size()] == '~');
}

struct StoredSource {
  std::string id;
  std::string name;  // "": it has none, and the id is only the start of an app id
};

std::vector<StoredSource> stored_sources(const Progress& stored, const std::string& prefix,
                                         const std::string& own_id) {
  constexpr std::string_view kMarker = "/name/";
  std::vector<std::string_view> rests;
  std::vector<StoredSource> out;
  for (auto entry = stored.lower_bound(prefix);
       entry != stored.end() && entry->first.starts_with(prefix); ++entry) {
    std::string_view rest = std::string_view(entry->first).substr(prefix.size());
    rests.push_back(rest);
    size_t at = rest.find(kMarker);
    if (at == std::string_view::npos) continue;
    std::string_view id = rest.substr(0, std::min(at, rest.find('~')));
    out.push_back({std::string(id), std::string(rest.substr(at + kMarker.size()))});
  }
  for (std::string_view rest : rests) {
    bool known = is_of(rest, own_id) || std::any_of(out.begin(), out.end(), [&](const auto& one) {
                   return is_of(rest, one.id);
                 });
    if (!known) out.push_back({std::string(rest), ""});
  }
  return out;
}

}  // namespace

Result<SourceProgress> SourceProgress::open(const ProgressPlace& place, const Progress& stored,
                                            const std::string& id, const std::string& name) {
  // Whether this turn or another one of the flow has read the source.
  bool read_before = std::any_of(stored.begin(), stored.end(), [&](const auto& entry) {
    std::string_view app_id = entry.first;
    return app_id.starts_with(place.prefix) && is_of(app_id.substr(place.prefix.size()), id);
  });
  for (const auto& [other, its_name] : stored_sources(stored, place.prefix, id)) {
    if (read_before || (its_name != name && place.sources.contains(its_name))) continue;
    if (its_name.empty() || its_name == name) {
      return Error{Code::Invalid,
                   fmt::format("{} was made anew since this flow read it (or the flow read "
                               "another one before); rebuild with --full-refresh",
                               name)};
    }
    return Error{Code::Invalid,
                 fmt::format("this flow has read {}, which it no longer reads, and now comes to "
                             "{}; if that holds the same rows, rebuild with --full-refresh; if it "
                             "holds others, read it in a CREATE FLOW of its own",
                             printable(its_name), name)};
  }
  std::string prefix = fmt::format("{}{}{}/", place.prefix, id, place.turn);
  std::string name_id = fmt::format("{}name/{}", prefix, name);
  auto first = stored.lower_bound(prefix);
  bool has_some = first != stored.end() && first->first.starts_with(prefix);
  bool named = stored.contains(name_id);
  return SourceProgress(std::move(prefix), std::move(name_id), !has_some, named);
}

}  // namespace ticklake::engine
