// get_json_object() and json_array_length(): the text of a part of a JSON text, as Spark's reader
// (Jackson) sees and prints it. It reads single quotes and control characters in strings too, and
// does not look behind the value.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "query/by_row.h"

namespace ticklake::query {
namespace {

constexpr int kDepthMax = 1000;

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\f': out += "\\f"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          out += fmt::format("\\u{:04X}", static_cast<uint8_t>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

// As Java's Double.toString.
std::string double_text(double value) {
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  double size = std::abs(value);
  char buffer[64];
  bool plain = size == 0 || (size >= 1e-3 && size < 1e7);
  auto form = plain ? std::chars_format::fixed : std::chars_format::scientific;
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, form);
  std::string text(buffer, end.ptr);
  if (plain) return text.find('.') == std::string::npos ? text + ".0" : text;
  size_t mark = text.find('e');
  std::string digits = text.substr(0, mark);
  if (digits.find('.') == std::string::npos) digits += ".0";
  return fmt::format("{}E{}", digits, std::atoi(text.c_str() + mark + 1));
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // What the next token begins with; 0 at the end.
  char peek() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // A string's value.
  std::optional<std::string> string() {
    char quote = peek();
    if (quote != '"' && quote != '\'') return std::nullopt;
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return out;
      }
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  // Appends the next value in Jackson's form. False: it is not JSON.
  bool copy(std::string& out, int depth = 0) {
    if (depth > kDepthMax) return false;
    char c = peek();
    if (c == '{') return copy_all(out, depth, '}', true);
    if (c == '[') return copy_all(out, depth, ']', false);
    if (c == '"' || c == '\'') {
      auto text = string();
      if (text) out += quoted(*text);
      return text.has_value();
    }
    return word(out) || number(out);
  }

 private:
  bool escape(std::string& out) {
    static constexpr std::string_view letters = "bfnrt\"\\/'";
    static constexpr std::string_view values = "\b\f\n\r\t\"\\/'";
    if (++at_ >= text_.size()) return false;
    size_t known = letters.find(text_[at_]);
    if (known != std::string_view::npos) {
      out += values[known];
      return true;
    }
    uint32_t code = 0;
    if (text_[at_] != 'u' || !hex(code)) return false;
    bool high = code >= 0xD800 && code < 0xDC00;
    if (high && text_.substr(at_ + 1, 2) == "\\u") {
      uint32_t low = 0;
      at_ += 2;
      if (!hex(low)) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? uint32_t{'?'} : code);
    return true;
  }

  // Four digits behind the current character.
  bool hex(uint32_t& code) {
    if (at_ + 4 >= text_.size()) return false;
    auto digits = text_.substr(at_ + 1, 4);
    auto read = std::from_chars(digits.data(), digits.data() + 4, code, 16);
    at_ += 4;
    return read.ec == std::errc() && read.ptr == digits.data() + 4;
  }

  bool copy_all(std::string& out, int depth, char close, bool named) {
    out += text_[at_++];
    if (accept(close)) {
      out += close;
      return true;
    }
    do {
      if (named) {
        auto name = string();
        if (!name || !accept(':')) return false;
        out += quoted(*name) + ":";
      }
      if (!copy(out, depth + 1)) return false;
      out += ',';
    } while (accept(','));
    out.back() = close;
    return accept(close);
  }

  bool word(std::string& out) {
    for (std::string_view one : {"true", "false", "null"}) {
      if (text_.substr(at_, one.size()) != one) continue;
      at_ += one.size();
      out += one;
      return true;
    }
    return false;
  }

  bool digits() {
    size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }

  bool number(std::string& out) {
    size_t begin = at_;
    if (text_.substr(at_, 1) == "-") ++at_;
    bool zero = text_.substr(at_, 1) == "0";
    size_t whole = at_;
    if (!digits() || (zero && at_ > whole + 1)) return false;
    bool fraction = text_.substr(at_, 1) == ".";
    if (fraction && (++at_, !digits())) return false;
    bool power = text_.substr(at_, 1) == "e" || text_.substr(at_, 1) == "E";
    if (power) {
      ++at_;
      if (text_.substr(at_, 1) == "-" || text_.substr(at_, 1) == "+") ++at_;
      if (!digits()) return false;
    }
    std::string_view token = text_.substr(begin, at_ - begin);
    if (!fraction && !power) {
      out += token == "-0" ? "0" : token;
      return true;
    }
    double value = 0;
    auto read = std::from_chars(token.data(), token.data() + token.size(), value);
    if (read.ec == std::errc::result_out_of_range) value = token[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    out += double_text(value);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// The value at a path of ".name" and "[index]" steps; each name and index ends with '\0', a name
// begins with '.', an index with '['. False: not JSON. `found` stays empty where it is not there.
bool find(Reader& reader, std::string_view path, std::optional<std::string>& found, int depth) {
  std::string skipped;
  if (depth > kDepthMax) return false;
  char c = reader.peek();
  if (path.empty()) {
    if (c == '"' || c == '\'') {
      found = reader.string();
      return found.has_value();
    }
    std::string value;
    if (!reader.copy(value)) return false;
    if (value != "null" || depth == 0) found = value;
    return true;
  }
  bool named = path[0] == '.';
  if (c != (named ? '{' : '[')) return reader.copy(skipped);
  size_t end = path.find('\0');
  std::string_view step = path.substr(1, end - 1), rest = path.substr(end + 1);
  char close = named ? '}' : ']';
  reader.accept(c);
  if (reader.accept(close)) return true;
  int64_t wanted = named ? 0 : std::atoll(std::string(step).c_str());
  for (int64_t index = 0;; ++index) {
    bool here = index == wanted;
    if (named) {
      auto name = reader.string();
      if (!name || !reader.accept(':')) return false;
      here = *name == step;
    }
    bool good = here && !found ? find(reader, rest, found, depth + 1) : reader.copy(skipped);
    if (!good) return false;
    skipped.clear();
    if (reader.accept(close)) return true;
    if (!reader.accept(',')) return false;
  }
}

std::optional<std::string> json_object(std::string_view text, std::string_view path) {
  Reader reader(text);
  std::optional<std::string> found;
  if (!find(reader, path, found, 0)) return std::nullopt;
  return found;
}

std::optional<int32_t> array_length(std::string_view text) {
  Reader reader(text);
  if (!reader.accept('[')) return std::nullopt;
  if (reader.accept(']')) return 0;
  std::string skipped;
  for (int32_t count = 1;; ++count) {
    if (!reader.copy(skipped)) return std::nullopt;
    if (reader.accept(']')) return count;
    if (!reader.accept(',')) return std::nullopt;
    skipped.clear();
  }
}

}  // namespace

std::vector<Native> json_natives() {
  return {
      by_row<json_object>("ticklake_json_object"),
      by_row<array_length>("ticklake_json_array_length"),
      by_row<quoted>("ticklake_json_text"),
  };
}

}  // namespace ticklake::query
