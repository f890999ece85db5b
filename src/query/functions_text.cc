// Functions over text that DuckDB has not, or has otherwise than Spark.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "query/by_row.h"
#include "query/utf8.h"

namespace ticklake::query {
namespace {

// Bytes of the character that begins with `lead`.
size_t character_size(char lead) {
  auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size(); at += out.back().size())
    out.push_back(text.substr(at, character_size(text[at])));
  return out;
}

uint32_t code_point(std::string_view character) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(character[i])); };
  if (character.size() == 1) return byte(0);
  uint32_t out = byte(0) & (0xFFu >> (character.size() + 1));
  for (size_t i = 1; i < character.size(); ++i) out = out << 6 | (byte(i) & 0x3F);
  return out;
}

bool is_trimmed(std::string_view text) {
  return text.empty() || (text.front() != ' ' && text.back() != ' ');
}

// Without the blanks (U+0020 only, as Spark's trim) at both ends.
std::string_view trimmed_blanks(std::string_view text) {
  auto begin = std::min(text.find_first_not_of(' '), text.size());
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

struct Expansion {
  uint16_t character;
  std::string_view upper;
};
// The characters whose upper case is more than one character (Unicode, SpecialCasing.txt).
constexpr Expansion kExpansions[] = {
    {0x00DF, "SS"},
    {0x0149, "\u02bcN"},
    {0x01F0, "J\u030c"},
    {0x0390, "\u0399\u0308\u0301"},
    {0x03B0, "\u03a5\u0308\u0301"},
    {0x0587, "\u0535\u0552"},
    {0x1E96, "H\u0331"},
    {0x1E97, "T\u0308"},
    {0x1E98, "W\u030a"},
    {0x1E99, "Y\u030a"},
    {0x1E9A, "A\u02be"},
    {0x1F50, "\u03a5\u0313"},
    {0x1F52, "\u03a5\u0313\u0300"},
    {0x1F54, "\u03a5\u0313\u0301"},
    {0x1F56, "\u03a5\u0313\u0342"},
    {0x1F80, "\u1f08\u0399"},
    {0x1F81, "\u1f09\u0399"},
    {0x1F82, "\u1f0a\u0399"},
    {0x1F83, "\u1f0b\u0399"},
    {0x1F84, "\u1f0c\u0399"},
    {0x1F85, "\u1f0d\u0399"},
    {0x1F86, "\u1f0e\u0399"},
    {0x1F87, "\u1f0f\u0399"},
    {0x1F88, "\u1f08\u0399"},
    {0x1F89, "\u1f09\u0399"},
    {0x1F8A, "\u1f0a\u0399"},
    {0x1F8B, "\u1f0b\u0399"},
    {0x1F8C, "\u1f0c\u0399"},
    {0x1F8D, "\u1f0d\u0399"},
    {0x1F8E, "\u1f0e\u0399"},
    {0x1F8F, "\u1f0f\u0399"},
    {0x1F90, "\u1f28\u0399"},
    {0x1F91, "\u1f29\u0399"},
    {0x1F92, "\u1f2a\u0399"},
    {0x1F93, "\u1f2b\u0399"},
    {0x1F94, "\u1f2c\u0399"},
    {0x1F95, "\u1f2d\u0399"},
    {0x1F96, "\u1f2e\u0399"},
    {0x1F97, "\u1f2f\u0399"},
    {0x1F98, "\u1f28\u0399"},
    {0x1F99, "\u1f29\u0399"},
    {0x1F9A, "\u1f2a\u0399"},
    {0x1F9B, "\u1f2b\u0399"},
    {0x1F9C, "\u1f2c\u0399"},
    {0x1F9D, "\u1f2d\u0399"},
    {0x1F9E, "\u1f2e\u0399"},
    {0x1F9F, "\u1f2f\u0399"},
    {0x1FA0, "\u1f68\u0399"},
    {0x1FA1, "\u1f69\u0399"},
    {0x1FA2, "\u1f6a\u0399"},
    {0x1FA3, "\u1f6b\u0399"},
    {0x1FA4, "\u1f6c\u0399"},
    {0x1FA5, "\u1f6d\u0399"},
    {0x1FA6, "\u1f6e\u0399"},
    {0x1FA7, "\u1f6f\u0399"},
    {0x1FA8, "\u1f68\u0399"},
    {0x1FA9, "\u1f69\u0399"},
    {0x1FAA, "\u1f6a\u0399"},
    {0x1FAB, "\u1f6b\u0399"},
    {0x1FAC, "\u1f6c\u0399"},
    {0x1FAD, "\u1f6d\u0399"},
    {0x1FAE, "\u1f6e\u0399"},
    {0x1FAF, "\u1f6f\u0399"},
    {0x1FB2, "\u1fba\u0399"},
    {0x1FB3, "\u0391\u0399"},
    {0x1FB4, "\u0386\u0399"},
    {0x1FB6, "\u0391\u0342"},
    {0x1FB7, "\u0391\u0342\u0399"},
    {0x1FBC, "\u0391\u0399"},
    {0x1FC2, "\u1fca\u0399"},
    {0x1FC3, "\u0397\u0399"},
    {0x1FC4, "\u0389\u0399"},
    {0x1FC6, "\u0397\u0342"},
    {0x1FC7, "\u0397\u0342\u0399"},
    {0x1FCC, "\u0397\u0399"},
    {0x1FD2, "\u0399\u0308\u0300"},
    {0x1FD3, "\u0399\u0308\u0301"},
    {0x1FD6, "\u0399\u0342"},
    {0x1FD7, "\u0399\u0308\u0342"},
    {0x1FE2, "\u03a5\u0308\u0300"},
    {0x1FE3, "\u03a5\u0308\u0301"},
    {0x1FE4, "\u03a1\u0313"},
    {0x1FE6, "\u03a5\u0342"},
    {0x1FE7, "\u03a5\u0308\u0342"},
    {0x1FF2, "\u1ffa\u0399"},
    {0x1FF3, "\u03a9\u0399"},
    {0x1FF4, "\u038f\u0399"},
    {0x1FF6, "\u03a9\u0342"},
    {0x1FF7, "\u03a9\u0342\u0399"},
    {0x1FFC, "\u03a9\u0399"},
    {0xFB00, "FF"},
    {0xFB01, "FI"},
    {0xFB02, "FL"},
    {0xFB03, "FFI"},
    {0xFB04, "FFL"},
    {0xFB05, "ST"},
    {0xFB06, "ST"},
    {0xFB13, "\u0544\u0546"},
    {0xFB14, "\u0544\u0535"},
    {0xFB15, "\u0544\u053b"},
    {0xFB16, "\u054e\u0546"},
    {0xFB17, "\u0544\u053d"},
};

// With those characters in upper case; DuckDB's upper() knows the others.
std::string expanded_upper(std::string_view text) {
  std::string out;
  for (std::string_view one : characters(text)) {
    uint32_t code = one.size() > 1 ? code_point(one) : 0;
    auto known = std::ranges::lower_bound(kExpansions, code, {}, &Expansion::character);
    bool found = code != 0 && known != std::end(kExpansions) && known->character == code;
    out += found ? known->upper : one;
  }
  return out;
}

// Whether the character has an upper and a lower case: exact for the alphabets that stand beside
// a sigma.
bool is_cased(std::string_view character) {
  uint32_t code = code_point(character);
  bool ascii = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
  bool latin = code >= 0xC0 && code <= 0x24F && code != 0xD7 && code != 0xF7;
  return ascii || latin || (code >= 0x370 && code <= 0x52F) || (code >= 0x1E00 && code <= 0x1FFF);
}

// With the two characters in lower case whose lower case is not one character for itself: the
// dotted I, and the sigma that ends a word.
std::string expanded_lower(std::string_view text) {
  auto all = characters(text);
  std::string out;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] == "\u0130") {
      out += "i\u0307";
    } else if (all[i] == "\u03a3") {
      bool last = i > 0 && is_cased(all[i - 1]) && (i + 1 == all.size() || !is_cased(all[i + 1]));
      out += last ? "\u03c2" : "\u03c3";
    } else {
      out += all[i];
    }
  }
  return out;
}

std::string reversed(std::string_view text) {
  std::string out;
  auto all = characters(text);
  for (auto one = all.rbegin(); one != all.rend(); ++one) out += *one;
  return out;
}

int32_t levenshtein(std::string_view left, std::string_view right) {
  auto a = characters(left), b = characters(right);
  std::vector<int32_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int32_t>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int32_t diagonal = row[0];
    row[0] = static_cast<int32_t>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      int32_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// What is before the count-th delimiter, or behind it from the end; delimiters may overlap.
std::string substring_index(std::string_view text, std::string_view delimiter, int32_t count) {
  if (count == 0 || delimiter.empty()) return {};
  size_t at = std::string_view::npos;
  if (count > 0) {
    for (; count > 0; --count) {
      at = text.find(delimiter, at + 1);
      if (at == std::string_view::npos) return std::string(text);
    }
    return std::string(text.substr(0, at));
  }
  for (int64_t left = -static_cast<int64_t>(count); left > 0; --left) {
    at = at == 0 ? std::string_view::npos : text.rfind(delimiter, at - 1);
    if (at == std::string_view::npos) return std::string(text);
  }
  return std::string(text.substr(at + delimiter.size()));
}

// Each character of `from` becomes the one at its place in `to`, or goes away.
std::string translate(std::string_view text, std::string_view from, std::string_view to) {
  auto keys = characters(from), values = characters(to);
  std::string out;
  for (std::string_view one : characters(text)) {
    auto known = std::ranges::find(keys, one);
    auto place = static_cast<size_t>(known - keys.begin());
    if (known == keys.end()) {
      out += one;
    } else if (place < values.size()) {
      out += values[place];
    }
  }
  return out;
}

std::string soundex(std::string_view text) {
  // the digit of each letter from A; 7: as if it were not there
  static constexpr std::string_view digits = "01230127022455012623017202";
  auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  auto letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.empty() || !letter(upper(text[0]))) return std::string(text);
  std::string out(1, upper(text[0]));
  char last = digits[static_cast<size_t>(out[0] - 'A')];
  for (char c : text.substr(1)) {
    if (!letter(upper(c))) {
      last = '0';
      continue;
    }
    char digit = digits[static_cast<size_t>(upper(c) - 'A')];
    if (digit == '7') continue;
    if (digit != '0' && digit != last) out += digit;
    if (out.size() == 4) break;
    last = digit;
  }
  out.resize(4, '0');
  return out;
}

// 1 for the first of the texts between the commas, 0 where it is none of them.
int32_t find_in_set(std::string_view text, std::string_view list) {
  if (text.find(',') != std::string_view::npos) return 0;
  for (int32_t place = 1;; ++place) {
    size_t comma = list.find(',');
    if (list.substr(0, comma) == text) return place;
    if (comma == std::string_view::npos) return 0;
    list.remove_prefix(comma + 1);
  }
}

// The check digit of card numbers (ISO/IEC 7812).
bool luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (auto c = digits.rbegin(); c != digits.rend(); ++c, twice = !twice) {
    if (*c < '0' || *c > '9') return false;
    int digit = *c - '0';
    sum += twice && digit > 4 ? 2 * digit - 9 : twice ? 2 * digit : digit;
  }
  return !digits.empty() && sum % 10 == 0;
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

std::optional<Blob> unhex(std::string_view text) {
  Blob out;
  size_t at = 0;
  auto next = [&](size_t count) {
    int byte = 0;
    for (size_t i = 0; i < count; ++i) {
      int digit = digit_value(text[at++]);
      if (digit > 15) return false;
      byte = byte * 16 + digit;
    }
    out.bytes += static_cast<char>(byte);
    return true;
  };
  if (text.size() % 2 == 1 && !next(1)) return std::nullopt;
  while (at < text.size()) {
    if (!next(2)) return std::nullopt;
  }
  return out;
}

// Base64 without its line breaks and other foreign characters; nothing where it ends too early.
std::optional<Blob> unbase64(std::string_view text) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Blob out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == '=') break;
    size_t digit = digits.find(c);
    if (digit == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (++count % 4 == 0) {
      for (int shift : {16, 8, 0}) out.bytes += static_cast<char>(bits >> shift & 0xFF);
    }
  }
  if (count % 4 == 1) return std::nullopt;
  if (count % 4 == 2) out.bytes += static_cast<char>(bits >> 4 & 0xFF);
  if (count % 4 == 3) {
    out.bytes += static_cast<char>(bits >> 10 & 0xFF);
    out.bytes += static_cast<char>(bits >> 2 & 0xFF);
  }
  return out;
}

// The number's digits in another base; "overflow" where it has more than 64 bits.
std::optional<std::string> conv(std::string_view text, int32_t from, int32_t to) {
  auto valid = [](int32_t base) { return base >= 2 && base <= 36; };
  if (!valid(from) || (!valid(to) && !valid(-to))) return std::nullopt;
  text = trimmed_blanks(text);
  if (text.empty()) return std::nullopt;
  bool negative = text[0] == '-';
  if (negative) text.remove_prefix(1);
  __extension__ unsigned __int128 wide = 0;
  for (char c : text) {
    int digit = digit_value(c);
    if (digit >= from) break;
    wide = wide * static_cast<unsigned>(from) + static_cast<unsigned>(digit);
    if (wide >> 64 != 0) return "overflow";
  }
  auto value = static_cast<uint64_t>(wide);
  if (negative && to > 0) value = static_cast<int64_t>(value) < 0 ? ~uint64_t{0} : -value;
  if (to < 0 && static_cast<int64_t>(value) < 0) {
    value = -value;
    negative = true;
  }
  auto base = static_cast<uint64_t>(to < 0 ? -to : to);
  std::string out;
  do {
    out += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[value % base];
    value /= base;
  } while (value != 0);
  if (negative && to < 0) out += '-';
  std::ranges::reverse(out);
  return out;
}

// With a comma before every third digit of the whole part.
std::string grouped(std::string_view number) {
  size_t sign = number.starts_with('-') ? 1 : 0;
  size_t point = std::min(number.find('.'), number.size());
  std::string out(number.substr(0, sign));
  for (size_t i = sign; i < point; ++i) {
    if (i > sign && (point - i) % 3 == 0) out += ',';
    out += number[i];
  }
  return out + std::string(number.substr(point));
}

// Rounded half to even, as Java's DecimalFormat does: of the exact value of the double.
std::string format_double(double value, int32_t digits) {
  if (value != value) return "NaN";
  std::string_view sign = value < 0 ? "-" : "";
  if (value - value != 0) return std::string(sign) + "\u221e";
  return grouped(fmt::format("{:.{}f}", value, digits));
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = isalnum(static_cast<unsigned char>(c)) && static_cast<uint8_t>(c) < 0x80;
    if (plain || std::string_view(".-*_").find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

std::optional<std::string> url_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    int high = digit_value(text[i + 1]), low = digit_value(text[i + 2]);
    if (high > 15 || low > 15) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return repaired(out);
}

}  // namespace

std::vector<Native> text_natives() {
  return {
      mending<Kind::Binary, is_text, repaired>("ticklake_text_bytes"),
      mending<Kind::String, is_trimmed, trimmed_blanks>("ticklake_trim"),
      mending<Kind::String, is_ascii, expanded_upper>("ticklake_upper"),
      mending<Kind::String, is_ascii, expanded_lower>("ticklake_lower"),
      by_row<reversed>("ticklake_reverse"),
      by_row<levenshtein>("ticklake_levenshtein"),
      by_row<substring_index>("ticklake_substring_index"),
      by_row<translate>("ticklake_translate"),
      by_row<soundex>("ticklake_soundex"),
      by_row<find_in_set>("ticklake_find_in_set"),
      by_row<luhn>("ticklake_luhn"),
      by_row<unhex>("ticklake_unhex"),
      by_row<unbase64>("ticklake_unbase64"),
      by_row<conv>("ticklake_conv"),
      by_row<format_double>("ticklake_format_double"),
      by_row<grouped>("ticklake_grouped"),
      by_row<url_encoded>("ticklake_url_encode"),
      by_row<url_decoded>("ticklake_url_decode"),
  };
}

}  // namespace ticklake::query
