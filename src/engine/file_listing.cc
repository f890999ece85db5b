#include "file_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace ticklake::engine {
namespace {

constexpr int kDepthMax = 64;  // of directories: links may go in circles
constexpr size_t kAlternativesMax = 1'000;
constexpr std::string_view kPatternBytes = "*?[{";
constexpr std::string_view kDefaultPartition = "__HIVE_DEFAULT_PARTITION__";

std::string_view name_of(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool hidden(std::string_view name) {
  bool marked = name.starts_with('_') && name.find('=') == std::string_view::npos;
  return name.starts_with('.') || marked || name.ends_with("._COPYING_");
}

// Past the class that begins at `at` ("[a-z]"); whether the byte is in it.
size_t match_class(std::string_view pattern, size_t at, char byte, bool& in) {
  size_t i = at + 1;
  bool negated = i < pattern.size() && (pattern[i] == '^' || pattern[i] == '!');
  if (negated) ++i;
  in = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    char low = pattern[i++];
    char high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = pattern[i + 1];
      i += 2;
    }
    in = in || (byte >= low && byte <= high);
  }
  in = in != negated;
  return i + 1;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool code = text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 &&
                hex(text[i + 2]) >= 0;
    out += code ? static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])) : text[i];
    if (code) i += 2;
  }
  return out;
}

}  // namespace

bool matches_pattern(std::string_view text, std::string_view pattern) {
  size_t t = 0, p = 0;
  size_t star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    size_t next = p + 1;
    bool same = false;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '[') next = match_class(pattern, p, text[t], same);
      else same = pattern[p] == '?' || pattern[p] == text[t];
    }
    if (same) {
      ++t;
      p = next;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p >= pattern.size();
}

std::vector<std::string> without_braces(std::string_view pattern) {
  size_t open = pattern.find('{');
  int depth = 0;
  size_t close = open;
  std::vector<size_t> cuts;
  for (; close < pattern.size(); ++close) {
    if (pattern[close] == '{' && depth++ == 0) cuts.push_back(close);
    if (pattern[close] == ',' && depth == 1) cuts.push_back(close);
    if (pattern[close] == '}' && --depth == 0) break;
  }
  if (open == std::string_view::npos || close >= pattern.size()) return {std::string(pattern)};
  cuts.push_back(close);
  std::vector<std::string> out;
  for (size_t i = 0; i + 1 < cuts.size() && out.size() < kAlternativesMax; ++i) {
    std::string one(pattern.substr(0, open));
    one += pattern.substr(cuts[i] + 1, cuts[i + 1] - cuts[i] - 1);
    one += pattern.substr(close + 1);
    for (auto& expanded : without_braces(one)) out.push_back(std::move(expanded));
  }
  return out;
}

FileListing::FileListing(io::FileStore& files, const FileArguments& arguments)
    : files_(files), arguments_(arguments) {
  exact_ = arguments.path.find_first_of(kPatternBytes) == std::string::npos;
  for (const auto& path : without_braces(arguments.path)) {
    std::vector<std::string> parts = split(path, '/');
    Place place;
    size_t plain = 0;
    while (plain < parts.size() &&
           parts[plain].find_first_of(kPatternBytes) == std::string::npos) {
      ++plain;
    }
    // What has no pattern is looked up by name too: it may be a file.
    if (plain == parts.size()) --plain;
    std::vector<std::string> base(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(plain));
    place.directory = joined(base, "/");
    if (place.directory.empty()) place.directory = path.starts_with('/') ? "/" : ".";
    place.rest.assign(parts.begin() + static_cast<ptrdiff_t>(plain), parts.end());
    open_.push_back(std::move(place));
  }
}

bool FileListing::wanted(const io::FileInfo& file) const {
  std::string_view name = name_of(file.path);
  if (hidden(name)) return false;
  const auto& pattern = arguments_.name_pattern;
  if (!pattern.empty()) {
    auto all = without_braces(pattern);
    bool any = std::any_of(all.begin(), all.end(),
                           [&](const auto& one) { return matches_pattern(name, one); });
    if (!any) return false;
  }
  if (arguments_.modified_after_ms && file.modified_ms <= *arguments_.modified_after_ms) {
    return false;
  }
  return !arguments_.modified_before_ms || file.modified_ms < *arguments_.modified_before_ms;
}

// A last part without a pattern: a file of that name, or a directory.
Result<void> FileListing::look_up(const Place& place, std::vector<io::FileInfo>& out) {
  io::Path path = io::join(place.directory, place.rest[0]);
  auto file = files_.info(path);
  if (file && wanted(*file)) out.push_back(*file);
  if (file) return {};
  if (file.error().code != Code::NotFound) return file.error();
  auto names = TRY(files_.list_directories(place.directory));
  if (std::find(names.begin(), names.end(), place.rest[0]) != names.end()) {
    open_.push_back({path, {}, place.depth + 1});
    return {};
  }
  if (!exact_) return {};
  return Error{Code::NotFound,
               fmt::format("read_files: there is no file or directory {}; make the directory, or "
                           "mend the path (a relative one begins at the project's directory)",
                           path)};
}

Result<void> FileListing::look(const Place& place, std::vector<io::FileInfo>& out) {
  bool plain = place.rest.size() == 1 &&
               place.rest[0].find_first_of(kPatternBytes) == std::string::npos;
  if (plain) return look_up(place, out);
  auto matching = [&](const std::string& name) {
    return place.rest.empty() || matches_pattern(name, place.rest[0]);
  };
  if (place.rest.size() <= 1) {
    for (auto& file : TRY(files_.list(place.directory, ""))) {
      if (matching(std::string(name_of(file.path))) && wanted(file)) out.push_back(std::move(file));
    }
  }
  if (place.depth >= kDepthMax || (place.rest.empty() && !arguments_.recursive)) return {};
  auto names = TRY(files_.list_directories(place.directory));
  // Depth first, in the order of names.
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (hidden(*name) || !matching(*name)) continue;
    Place below{io::join(place.directory, *name), place.rest, place.depth + 1};
    if (!below.rest.empty()) below.rest.erase(below.rest.begin());
    open_.push_front(std::move(below));
  }
  return {};
}

Result<std::vector<io::FileInfo>> FileListing::next(int64_t files_max) {
  std::vector<io::FileInfo> out;
  while (!open_.empty() && static_cast<int64_t>(out.size()) < files_max) {
    Place place = std::move(open_.front());
    open_.pop_front();
    TRY(look(place, out));
  }
  return out;
}

void sort_by_time(std::vector<io::FileInfo>& files) {
  std::sort(files.begin(), files.end(), [](const io::FileInfo& a, const io::FileInfo& b) {
    return a.modified_ms != b.modified_ms ? a.modified_ms < b.modified_ms : a.path < b.path;
  });
}

Result<std::vector<io::FileInfo>> all_files(io::FileStore& files, const FileArguments& arguments) {
  FileListing listing(files, arguments);
  std::vector<io::FileInfo> out;
  while (!listing.done()) {
    for (auto& file : TRY(listing.next(10'000))) out.push_back(std::move(file));
  }
  sort_by_time(out);
  return out;
}

std::vector<std::string> partition_names(const io::Path& path) {
  std::vector<std::string> out;
  std::vector<std::string> parts = split(path, '/');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    size_t equal = parts[i].find('=');
    if (equal != std::string::npos && equal > 0) {
      out.push_back(percent_decoded(std::string_view(parts[i]).substr(0, equal)));
    }
  }
  return out;
}

std::optional<std::string> partition_value(const io::Path& path, const std::string& name) {
  std::vector<std::string> parts = split(path, '/');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    size_t equal = parts[i].find('=');
    if (equal == std::string::npos) continue;
    if (!equal_ignoring_case(percent_decoded(parts[i].substr(0, equal)), name)) continue;
    std::string value = percent_decoded(parts[i].substr(equal + 1));
    if (value == kDefaultPartition) return {};
    return value;
  }
  return {};
}

std::string uri_of(const io::Path& path) {
  std::string out = "file://";
  bool relative = !path.starts_with('/');
  for (char c : relative ? std::filesystem::absolute(path).string() : path) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                 std::string_view("/-_.~=!$&'()*+,;:@").find(c) != std::string_view::npos;
    if (plain) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace ticklake::engine
