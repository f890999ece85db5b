// Reads Spark's type text. Grammar: type = NAME ["(" n ["," n] ")"] | STRUCT "<" columns ">" |
// ARRAY "<" type ">" | MAP "<" type "," type ">"; columns = name [":"] type ["NOT" "NULL"]
// ["COMMENT" 'text'] {"," ...}.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "model/type.h"

namespace ticklake {
namespace {

constexpr int kDepthMax = 100;

const std::map<std::string, Kind, std::less<>>& simple_types() {
  static const std::map<std::string, Kind, std::less<>> kTypes = {
      {"VOID", Kind::Null},
      {"BOOLEAN", Kind::Boolean},
      {"TINYINT", Kind::Byte},
      {"BYTE", Kind::Byte},
      {"SMALLINT", Kind::Short},
      {"SHORT", Kind::Short},
      {"INT", Kind::Integer},
      {"INTEGER", Kind::Integer},
      {"BIGINT", Kind::Long},
      {"LONG", Kind::Long},
      {"FLOAT", Kind::Float},
      {"REAL", Kind::Float},
      {"DOUBLE", Kind::Double},
      {"STRING", Kind::String},
      {"BINARY", Kind::Binary},
      {"DATE", Kind::Date},
      {"TIMESTAMP", Kind::Timestamp},
      {"TIMESTAMP_LTZ", Kind::Timestamp},
      {"TIMESTAMP_NTZ", Kind::TimestampNtz}};
  return kTypes;
}

class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}

  Result<Type> whole_type() {
    Type out = TRY(type(0));
    TRY(end());
    return out;
  }

  Result<Schema> whole_columns() {
    Schema out;
    if (peek().empty()) return out;
    out.fields = TRY(columns(0, ""));
    TRY(end());
    return out;
  }

 private:
  Error wrong(std::string_view wanted) {
    std::string_view found = peek();
    return {Code::Invalid,
            fmt::format("expected {} at character {} of the type \"{}\", found {}", wanted, at_ + 1,
                        printable(text_),
                        found.empty() ? "its end" : "\"" + std::string(found) + "\"")};
  }

  Result<void> end() {
    if (!peek().empty()) return wrong("the end");
    return {};
  }

  void skip_blanks() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  static bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  // The next token: a word, a quoted name or text, or one character. "" at the end.
  std::string_view peek() {
    skip_blanks();
    if (at_ >= text_.size()) return {};
    size_t length = 1;
    char first = text_[at_];
    if (is_word(first)) {
      while (at_ + length < text_.size() && is_word(text_[at_ + length])) ++length;
    } else if (first == '`' || first == '\'') {
      while (at_ + length < text_.size() && text_[at_ + length] != first) ++length;
      ++length;
    }
    return text_.substr(at_, length);
  }

  std::string_view next() {
    std::string_view token = peek();
    at_ += token.size();
    return token;
  }

  bool take(std::string_view token) {
    if (!equal_ignoring_case(peek(), token)) return false;
    (void)next();
    return true;
  }

  Result<void> must(std::string_view token) {
    if (!take(token)) return wrong(fmt::format("\"{}\"", token));
    return {};
  }

  Result<int> number(int low, int high) {
    std::string_view token = peek();
    int value = 0;
    for (char c : token) {
      if (c < '0' || c > '9' || value > 1000) return wrong("a number");
      value = value * 10 + (c - '0');
    }
    if (token.empty() || value < low || value > high)
      return wrong(fmt::format("a number from {} to {}", low, high));
    (void)next();
    return value;
  }

  Result<Type> decimal() {
    int precision = 10, scale = 0;
    if (take("(")) {
      precision = TRY(number(1, 38));
      if (take(",")) scale = TRY(number(0, precision));
      TRY(must(")"));
    }
    return Type::decimal(precision, scale);
  }

  Result<Type> type(int depth) {
    if (depth > kDepthMax) return wrong("less nesting");
    std::string name = uppered(peek());
    if (auto found = simple_types().find(name); found != simple_types().end()) {
      (void)next();
      return Type(found->second);
    }
    if (take("DECIMAL") || take("DEC") || take("NUMERIC")) return decimal();
    if (take("STRUCT")) {
      TRY(must("<"));
      std::vector<Field> fields;
      if (peek() != ">") fields = TRY(columns(depth + 1, ">"));
      TRY(must(">"));
      return Type::structure(std::move(fields));
    }
    if (take("ARRAY")) {
      TRY(must("<"));
      Type element = TRY(type(depth + 1));
      TRY(must(">"));
      return Type::array(std::move(element));
    }
    if (take("MAP")) {
      TRY(must("<"));
      Type key = TRY(type(depth + 1));
      TRY(must(","));
      Type value = TRY(type(depth + 1));
      TRY(must(">"));
      return Type::map(std::move(key), std::move(value));
    }
    return unknown(name);
  }

  Error unknown(const std::string& name) {
    std::vector<std::string> known = {"DECIMAL", "STRUCT", "ARRAY", "MAP"};
    for (const auto& [simple, kind] : simple_types()) known.push_back(simple);
    std::string guess = nearest(name, known);
    return wrong(guess.empty() ? "a type" : fmt::format("a type (did you mean {}?)", guess));
  }

  Result<std::string> name() {
    std::string_view token = peek();
    if (token.empty() || (!is_word(token[0]) && token[0] != '`')) return wrong("a column name");
    (void)next();
    if (token[0] != '`') return std::string(token);
    if (token.size() < 3 || token.back() != '`') return wrong("a closed `name`");
    return std::string(token.substr(1, token.size() - 2));
  }

  Result<std::vector<Field>> columns(int depth, std::string_view closing) {
    std::vector<Field> out;
    do {
      Field field;
      field.name = TRY(name());
      (void)take(":");
      field.type = TRY(type(depth));
      if (take("NOT")) {
        TRY(must("NULL"));
        field.nullable = false;
      }
      if (take("COMMENT")) {
        std::string_view comment = peek();
        if (comment.size() < 2 || comment[0] != '\'' || comment.back() != '\'')
          return wrong("'a comment'");
        field.comment = std::string(comment.substr(1, comment.size() - 2));
        (void)next();
      }
      out.push_back(std::move(field));
    } while (take(","));
    if (peek() != closing) return wrong(closing.empty() ? "\",\" or the end" : "\",\" or \">\"");
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<Type> parse_type(std::string_view text) { return TypeParser(text).whole_type(); }
Result<Schema> parse_ddl(std::string_view text) { return TypeParser(text).whole_columns(); }

}  // namespace ticklake
