#include "delta/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"

namespace ticklake::delta {
namespace {

constexpr size_t kVersionDigits = 20;
constexpr size_t kPartDigits = 10;

std::optional<int64_t> digits(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = error == std::errc() && end == text.data() + text.size() && text[0] != '-';
  return whole && !text.empty() ? std::optional(value) : std::nullopt;
}

// The parts seen of one multi-part checkpoint: of one version, and of so many parts.
using PartSets = std::map<std::pair<int64_t, int64_t>, std::map<int64_t, io::Path>>;

// "00000000000000000010.checkpoint.0000000001.0000000003.parquet" and its simpler forms.
void add_checkpoint(int64_t version, const std::vector<std::string>& words,
                    const io::FileInfo& file, PartSets& sets, Listing& listing) {
  const std::string& format = words.back();
  if (words.size() == 3 && format == "parquet") {
    listing.checkpoints.push_back({Version(version), {file.path}});
  } else if (words.size() == 4 && (format == "parquet" || format == "json")) {
    listing.checkpoints.push_back({Version(version), {file.path}});
  } else if (words.size() == 5 && format == "parquet" && words[2].size() == kPartDigits &&
             words[3].size() == kPartDigits) {
    auto part = digits(words[2]);
    auto parts = digits(words[3]);
    if (part && parts && *part >= 1 && *part <= *parts) {
      sets[{version, *parts}][*part] = file.path;
    }
  }
}

}  // namespace

io::Path log_directory(const io::Path& root) { return io::join(root, "_delta_log"); }

io::Path entry_path(const io::Path& root, Version version) {
  return io::join(log_directory(root), fmt::format("{:020}.json", version.value));
}

io::Path hint_path(const io::Path& root) {
  return io::join(log_directory(root), "_last_checkpoint");
}

io::Path checkpoint_path(const io::Path& root, Version version) {
  return io::join(log_directory(root), fmt::format("{:020}.checkpoint.parquet", version.value));
}

Result<Listing> list_log(io::FileStore& files, const io::Path& root, Version from) {
  Listing listing;
  PartSets sets;
  auto found = TRY(files.list(log_directory(root), fmt::format("{:020}", from.value)));
  for (const io::FileInfo& file : found) {
    std::string name = file.path.substr(file.path.rfind('/') + 1);
    std::vector<std::string> words = split(name, '.');
    if (words.size() < 2 || words[0].size() != kVersionDigits) continue;
    auto version = digits(words[0]);
    if (!version) continue;
    if (words.size() == 2 && words[1] == "json") listing.entries[*version] = file;
    if (words[1] == "checkpoint" && file.size > 0) {
      add_checkpoint(*version, words, file, sets, listing);
    }
  }
  for (auto& [key, parts] : sets) {
    if (static_cast<int64_t>(parts.size()) != key.second) continue;
    CheckpointFiles whole{Version(key.first), {}};
    for (auto& [part, path] : parts) whole.parts.push_back(path);
    listing.checkpoints.push_back(std::move(whole));
  }
  std::stable_sort(listing.checkpoints.begin(), listing.checkpoints.end(),
                   [](const auto& a, const auto& b) { return a.version < b.version; });
  return listing;
}

Result<Entry> read_entry(io::FileStore& files, const io::Path& root, Version version) {
  io::Path path = entry_path(root, version);
  std::string bytes = TRY(files.read(path));
  auto entry = parse_entry(bytes);
  if (!entry) return prefixed(path, std::move(entry).error());
  return entry;
}

}  // namespace ticklake::delta
