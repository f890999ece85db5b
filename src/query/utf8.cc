#include "query/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/text.h"

namespace ticklake::query {
namespace {

// Length of the longest prefix of ill-formed `bytes` that U+FFFD stands for: what could have begun
// a character, or one byte (Unicode, "Substitution of Maximal Subparts").
size_t subpart(std::string_view bytes) {
  auto at = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0; };
  auto continues = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  uint8_t lead = at(0);
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  bool begins = lead >= 0xC2 && lead <= 0xF4 && at(1) >= low && at(1) <= high;
  if (!begins || lead < 0xE0) return 1;
  return lead >= 0xF0 && continues(2) ? 3 : 2;
}

size_t character(std::string_view bytes) {
  auto lead = static_cast<uint8_t>(bytes[0]);
  size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return is_utf8(bytes.substr(0, size)) ? size : 0;
}

}  // namespace

std::string repaired(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    size_t size = character(bytes);
    if (size == 0) {
      size = subpart(bytes);
      text += "\xEF\xBF\xBD";
    } else {
      text += bytes.substr(0, size);
    }
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return text;
}

bool is_ascii(std::string_view bytes) {
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  uint64_t seen = 0;
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    seen |= word;
  }
  for (; at < end; ++at) seen |= static_cast<uint8_t>(*at);
  return (seen & 0x8080808080808080u) == 0;
}

bool is_text(std::string_view bytes) { return is_ascii(bytes) || is_utf8(bytes); }

}  // namespace ticklake::query
