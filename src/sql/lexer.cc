#include "sql/lexer.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/text.h"

namespace ticklake::sql {

Error error_at(Code code, const std::string& file, Position position, std::string_view message) {
  return Error{code, fmt::format("{}:{}:{}: {}", file, position.line, position.column, message)};
}

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_letter(c) || is_digit(c); }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, uint32_t code_point) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

// The value of `count` hexadecimal digits, where they are all there.
std::optional<uint32_t> hex_value(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = at; i < at + count; ++i) {
    int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

// \u and a low surrogate that ends a pair count as one character.
size_t unescape_unicode(std::string_view body, size_t at, std::string& out) {
  size_t digits = body[at] == 'u' ? 4 : 8;
  std::optional<uint32_t> value = hex_value(body, at + 1, digits);
  if (!value || *value > 0x10FFFF) {
    out += body[at];
    return at + 1;
  }
  size_t next = at + 1 + digits;
  if (*value >= 0xD800 && *value < 0xDC00 && body.substr(next, 2) == "\\u") {
    std::optional<uint32_t> low = hex_value(body, next + 2, 4);
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      append_utf8(out, 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00));
      return next + 6;
    }
  }
  bool alone = *value >= 0xD800 && *value < 0xE000;
  append_utf8(out, alone ? 0xFFFD : *value);
  return next;
}

// Resolves the escape whose character after the backslash is at `at`; returns where to go on.
size_t unescape_one(std::string_view body, size_t at, std::string& out) {
  char c = body[at];
  bool octal = (c == '0' || c == '1') && at + 2 < body.size() && body[at + 1] >= '0' &&
               body[at + 1] <= '7' && body[at + 2] >= '0' && body[at + 2] <= '7';
  if (octal) {
    append_utf8(out, static_cast<uint32_t>((c - '0') * 64 + (body[at + 1] - '0') * 8 +
                                           (body[at + 2] - '0')));
    return at + 3;
  }
  switch (c) {
    case '0': out += '\0'; break;
    case 'b': out += '\b'; break;
    case 'n': out += '\n'; break;
    case 'r': out += '\r'; break;
    case 't': out += '\t'; break;
    case 'Z': out += '\x1A'; break;
    case '%': out += "\\%"; break;  // for LIKE, which resolves it
    case '_': out += "\\_"; break;
    case 'u':
    case 'U': return unescape_unicode(body, at, out);
    default: out += c;
  }
  return at + 1;
}

std::string unescaped(std::string_view body, char quote) {
  std::string out;
  for (size_t at = 0; at < body.size();) {
    if (body[at] == '\\' && at + 1 < body.size()) {
      at = unescape_one(body, at + 1, out);
    } else {
      out += body[at];
      at += body[at] == quote ? 2 : 1;
    }
  }
  return out;
}

constexpr std::array<std::string_view, 11> kLongSymbols = {
    "<=>", "<=", ">=", "<>", "!=", "==", "||", "<<", "::", "->", "=>"};

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Result<std::vector<Token>> run() {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") at_ = 3;
    while (true) {
      TRY(skip_blanks());
      Token token;
      token.begin = at_;
      token.position = position_;
      if (at_ < text_.size()) TRY(scan(token));
      token.end = at_;
      tokens_.push_back(std::move(token));
      if (tokens_.back().kind == Token::Kind::End) return std::move(tokens_);
    }
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void advance(size_t bytes = 1) {
    for (; bytes > 0 && at_ < text_.size(); --bytes, ++at_) {
      if (text_[at_] == '\n') {
        ++position_.line;
        position_.column = 1;
      } else if (!is_continuation(text_[at_])) {
        ++position_.column;
      }
    }
  }

  Error refuse(Position position, std::string_view message) const {
    return error_at(Code::Invalid, file_, position, message);
  }

  Result<void> skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        advance();
      } else if (text_.substr(at_, 2) == "--") {
        while (at_ < text_.size() && text_[at_] != '\n') advance();
      } else if (text_.substr(at_, 2) == "/*") {
        TRY(skip_comment());
      } else {
        break;
      }
    }
    return {};
  }

  Result<void> skip_comment() {
    Position start = position_;
    int open = 0;
    do {
      if (at_ >= text_.size()) {
        return refuse(start, "found a comment that never ends; close each '/*' with '*/'");
      }
      std::string_view two = text_.substr(at_, 2);
      open += two == "/*" ? 1 : two == "*/" ? -1 : 0;
      advance(two == "/*" || two == "*/" ? 2 : 1);
    } while (open > 0);
    return {};
  }

  Result<void> scan(Token& token) {
    char c = peek();
    bool raw = (c == 'r' || c == 'R') && (peek(1) == '\'' || peek(1) == '"');
    if (raw) {
      advance();
      return scan_string(token, true);
    }
    if (c == '\'' || c == '"') return scan_string(token, false);
    if (c == '`') return scan_quoted(token);
    if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !after_name())) return scan_number(token);
    if (is_letter(c)) return scan_word(token);
    return scan_symbol(token);
  }

  // In a.1b the point belongs to no number.
  bool after_name() const {
    if (tokens_.empty() || tokens_.back().end != at_) return false;
    const Token& last = tokens_.back();
    return last.kind == Token::Kind::Word || last.kind == Token::Kind::Quoted ||
           last.text == ")" || last.text == "]";
  }

  Result<void> scan_string(Token& token, bool raw) {
    char quote = peek();
    advance();
    size_t start = at_;
    while (at_ < text_.size()) {
      if (!raw && text_[at_] == '\\') {
        advance(2);
      } else if (!raw && text_[at_] == quote && peek(1) == quote) {
        advance(2);
      } else if (text_[at_] == quote) {
        break;
      } else {
        advance();
      }
    }
    if (at_ >= text_.size()) {
      return refuse(token.position, fmt::format("found a string that never ends; close it with "
                                                "{} (inside a string, write \\{})",
                                                quote, quote));
    }
    std::string_view body = text_.substr(start, at_ - start);
    token.kind = Token::Kind::String;
    token.text = raw ? std::string(body) : unescaped(body, quote);
    advance();
    return {};
  }

  Result<void> scan_quoted(Token& token) {
    advance();
    while (at_ < text_.size() && (text_[at_] != '`' || peek(1) == '`')) {
      token.text += text_[at_];
      advance(text_[at_] == '`' ? 2 : 1);
    }
    if (at_ >= text_.size()) {
      return refuse(token.position, "found a name in backticks that never ends; close it with `");
    }
    advance();
    if (token.text.empty()) {
      return refuse(token.position, "found an empty name (``); write a name between the backticks");
    }
    token.kind = Token::Kind::Quoted;
    return {};
  }

  Result<void> scan_word(Token& token) {
    while (is_word(peek())) advance();
    token.kind = Token::Kind::Word;
    token.text = text_.substr(token.begin, at_ - token.begin);
    token.upper = uppered(token.text);
    return {};
  }

  // Bytes of digits, point and exponent from `begin` on.
  size_t number_size(size_t begin) const {
    size_t at = begin;
    auto digits = [&] {
      size_t start = at;
      while (at < text_.size() && is_digit(text_[at])) ++at;
      return at > start;
    };
    digits();
    if (at < text_.size() && text_[at] == '.') {
      ++at;
      digits();
    }
    if (at < text_.size() && (text_[at] == 'e' || text_[at] == 'E')) {
      size_t mantissa_end = at++;
      if (at < text_.size() && (text_[at] == '+' || text_[at] == '-')) ++at;
      if (!digits()) at = mantissa_end;
    }
    return at - begin;
  }

  Result<void> scan_number(Token& token) {
    advance(number_size(at_));
    size_t suffix = at_;
    while (is_word(peek())) advance();
    token.text = text_.substr(token.begin, at_ - token.begin);
    std::string letters = uppered(text_.substr(suffix, at_ - suffix));
    constexpr std::array<std::string_view, 7> kSuffixes = {"", "L", "S", "Y", "D", "F", "BD"};
    token.kind = Token::Kind::Number;
    for (std::string_view known : kSuffixes) {
      if (letters == known) return {};
    }
    bool name = token.text.find_first_of(".+-") == std::string::npos;
    if (!name) {
      return refuse(token.position,
                    fmt::format("found '{}', which is neither a number nor a name; "
                                "number suffixes are L, S, Y, D, F and BD",
                                token.text));
    }
    token.kind = Token::Kind::Word;  // 5min is a name
    token.upper = uppered(token.text);
    return {};
  }

  Result<void> scan_symbol(Token& token) {
    token.kind = Token::Kind::Symbol;
    for (std::string_view symbol : kLongSymbols) {
      if (text_.substr(at_, symbol.size()) != symbol) continue;
      advance(symbol.size());
      token.text = token.upper = symbol;
      return {};
    }
    constexpr std::string_view kSymbols = "()[],.;:=<>+-*/%&|^~@?!{}$#";
    if (kSymbols.find(text_[at_]) == std::string_view::npos) return refuse_character(token);
    token.text = token.upper = text_.substr(at_, 1);
    advance();
    return {};
  }

  Error refuse_character(const Token& token) const {
    size_t size = 1;
    while (at_ + size < text_.size() && is_continuation(text_[at_ + size])) ++size;
    std::string_view character = text_.substr(at_, size);
    if (character == "\xC2\xA0") {
      return refuse(token.position, "found a no-break space (U+00A0); write an ordinary blank");
    }
    if (character.starts_with("\xE2\x80") && size == 3) {
      return refuse(token.position,
                    fmt::format("found '{}'; write plain quotes, hyphens and blanks instead of "
                                "typographic ones",
                                character));
    }
    bool foreign = static_cast<unsigned char>(character[0]) >= 0x80;
    return refuse(token.position,
                  fmt::format("found '{}', which begins nothing in SQL; {}", printable(character),
                              foreign ? "write names with such letters in backticks"
                                      : "remove it"));
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
  Position position_;
  std::vector<Token> tokens_;
};

// Where the first ill-formed byte sequence is.
Position ill_formed_at(std::string_view text) {
  size_t good = 0;
  while (good < text.size()) {
    size_t size = 1;
    while (size < 4 && good + size < text.size() && is_continuation(text[good + size])) ++size;
    if (!is_utf8(text.substr(good, size))) break;
    good += size;
  }
  Position position;
  for (char c : text.substr(0, good)) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if (!is_continuation(c)) {
      ++position.column;
    }
  }
  return position;
}

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text, const std::string& file) {
  if (!is_utf8(text)) {
    return error_at(Code::Invalid, file, ill_formed_at(text),
                    "found bytes that are not UTF-8; save the file as UTF-8");
  }
  return Lexer(text, file).run();
}

}  // namespace ticklake::sql
