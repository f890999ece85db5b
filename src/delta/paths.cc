#include "delta/paths.h"

#include <fmt/format.h>

#include <cctype>

#include "base/hash.h"

namespace ticklake::delta {
namespace {

constexpr size_t kDirectoryNameMax = 200;  // file systems stop at 255 bytes

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of "scheme" in "scheme:/...", or 0.
size_t scheme_length(std::string_view path) {
  size_t at = 0;
  while (at < path.size() && (is_alnum(path[at]) || path[at] == '+' || path[at] == '-')) ++at;
  bool found = at > 1 && at + 1 < path.size() && path[at] == ':' && path[at + 1] == '/';
  return found ? at : 0;
}

std::string hive_escaped(std::string_view text) {
  constexpr std::string_view special = "\"#%'*/:=?\\{[]^\x7f";
  std::string out;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || special.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string uri_encoded(std::string_view path) {
  constexpr std::string_view plain = "-_.~/=";
  std::string out;
  out.reserve(path.size());
  if (size_t scheme = scheme_length(path); scheme > 0) {
    out += path.substr(0, scheme + 1);  // "file:" of an absolute URI stays one
    path.remove_prefix(scheme + 1);
  }
  for (char c : path) {
    if (is_alnum(c) || plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string uri_decoded(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    int high = path[i] == '%' && i + 2 < path.size() ? hex_digit(path[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(path[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += path[i];
    }
  }
  return out;
}

io::Path file_location(const io::Path& root, const std::string& path) {
  if (path.starts_with('/')) return path;
  size_t scheme = scheme_length(path);
  if (scheme == 0) return io::join(root, path);
  if (path.substr(0, scheme) != "file") return path;
  size_t start = path.find_first_not_of('/', scheme + 1);
  return start == std::string::npos ? "/" : path.substr(start - 1);
}

std::string partition_directory(const std::vector<std::string>& columns,
                                const std::map<std::string, std::optional<std::string>>& values) {
  std::string out;
  for (const std::string& column : columns) {
    auto found = values.find(column);
    bool null = found == values.end() || !found->second || found->second->empty();
    std::string name = hive_escaped(column) + "=";
    name += null ? "__HIVE_DEFAULT_PARTITION__" : hive_escaped(*found->second);
    if (name.size() > kDirectoryNameMax) {
      std::string hash = fmt::format("-{:016x}", fnv1a(name));
      size_t cut = kDirectoryNameMax;
      while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) --cut;
      name = name.substr(0, cut) + hash;
    }
    out += name + "/";
  }
  return out;
}

}  // namespace ticklake::delta
