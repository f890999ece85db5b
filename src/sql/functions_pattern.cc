// Java's regular expressions and date patterns in RE2's and strftime's words. What has no
// counterpart is refused, so that no pattern means something else here.
#include <array>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Error unsupported_regex(std::string_view what) {
  return Error{Code::Unsupported, "the regular expression uses " + std::string(what) +
                                      ", which is not supported; write it without"};
}

class RegexTranslator {
 public:
  explicit RegexTranslator(const std::string& java) : java_(java) {}

  Result<std::string> run() {
    while (at_ < java_.size()) {
      auto problem = next();
      if (problem) return *problem;
    }
    return out_;
  }

 private:
  std::string rest(size_t count) const { return java_.substr(at_, count); }

  std::optional<Error> next() {
    char c = java_[at_];
    if (c == '\\') return escape();
    if (in_class_) return in_class(c);
    if (c == '[') {
      in_class_ = true;
      if (rest(2) == "[]" || rest(3) == "[^]")
        return unsupported_regex("']' as the first character of a class");
    }
    if (c == '(' && rest(2) == "(?") {
      auto problem = group();
      if (problem) return problem;
    }
    bool quantifier = c == '*' || c == '+' || c == '?' || c == '}';
    if (quantifier && at_ + 1 < java_.size() && java_[at_ + 1] == '+') {
      return unsupported_regex("a possessive quantifier");
    }
    if (c == '.') {
      out_ += "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]";
      ++at_;
      return std::nullopt;
    }
    out_ += c;
    ++at_;
    return std::nullopt;
  }

  std::optional<Error> in_class(char c) {
    if (c == '[') return unsupported_regex("a class within a class");
    if (rest(2) == "&&") return unsupported_regex("an intersection of classes (&&)");
    if (c == ']') in_class_ = false;
    out_ += c;
    ++at_;
    return std::nullopt;
  }

  std::optional<Error> group() const {
    std::string start = rest(4);
    if (start.starts_with("(?=") || start.starts_with("(?!")) return unsupported_regex("lookahead");
    if (start.starts_with("(?<=") || start.starts_with("(?<!"))
      return unsupported_regex("lookbehind");
    if (start.starts_with("(?>")) return unsupported_regex("an atomic group");
    if (start.starts_with("(?:") || start.starts_with("(?i)") || start.starts_with("(?<"))
      return std::nullopt;
    return unsupported_regex("a flag other than (?i)");
  }

  std::optional<Error> escape() {
    if (at_ + 1 >= java_.size()) return unsupported_regex("a backslash at its end");
    char c = java_[at_ + 1];
    at_ += 2;
    if (c >= '1' && c <= '9') return unsupported_regex("a backreference");
    if (c == 's') {
      out_ += in_class_ ? " \\t\\n\\x0B\\f\\r" : "[ \\t\\n\\x0B\\f\\r]";
      return std::nullopt;
    }
    if (c == 'S' && !in_class_) {
      out_ += "[^ \\t\\n\\x0B\\f\\r]";
      return std::nullopt;
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '0';
    if (letter && std::string_view("dDwWbBtnrfAz").find(c) == std::string_view::npos) {
      return unsupported_regex(std::string("\\") + c);
    }
    out_ += '\\';
    out_ += c;
    return std::nullopt;
  }

  const std::string& java_;
  size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

// One run of equal letters of a date pattern, or a literal.
struct PatternPart {
  std::string letters;  // "yyyy"; empty: `text` is literal
  std::string text;
};

Result<std::vector<PatternPart>> pattern_parts(const std::string& java) {
  std::vector<PatternPart> parts;
  for (size_t i = 0; i < java.size();) {
    char c = java[i];
    if (c == '\'') {
      size_t end = java.find('\'', i + 1);
      if (end == std::string::npos)
        return Error{Code::Invalid, "the date pattern '" + java + "' has an open quote"};
      parts.push_back({"", end == i + 1 ? "'" : java.substr(i + 1, end - i - 1)});
      i = end + 1;
    } else if (isalpha(static_cast<unsigned char>(c))) {
      size_t end = java.find_first_not_of(c, i);
      if (end == std::string::npos) end = java.size();
      parts.push_back({java.substr(i, end - i), ""});
      i = end;
    } else if (std::string_view("[]{}#").find(c) != std::string_view::npos) {
      return Error{Code::Unsupported,
                   std::string("'") + c + "' in the date pattern '" + java + "' is not supported"};
    } else {
      parts.push_back({"", std::string(1, c)});
      ++i;
    }
  }
  return parts;
}

struct DateLetters {
  std::string_view java;
  std::string_view format;  // for strftime; empty: only read
  std::string_view regex;   // what is read; empty: only printed
};

constexpr std::array kDateLetters = {
    DateLetters{"yyyy", "%Y", "[0-9]{4}"},
    DateLetters{"uuuu", "%Y", "[0-9]{4}"},
    DateLetters{"yy", "%y", ""},
    DateLetters{"MM", "%m", "[0-9]{2}"},
    DateLetters{"M", "%-m", "[0-9]{1,2}"},
    DateLetters{"MMM", "%b", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"},
    DateLetters{"MMMM", "%B",
                "(?:January|February|March|April|May|June|July|August|September|October|November|"
                "December)"},
    DateLetters{"dd", "%d", "[0-9]{2}"},
    DateLetters{"d", "%-d", "[0-9]{1,2}"},
    DateLetters{"DDD", "%j", ""},
    DateLetters{"HH", "%H", "[0-9]{2}"},
    DateLetters{"H", "%-H", "[0-9]{1,2}"},
    DateLetters{"hh", "%I", "[0-9]{2}"},
    DateLetters{"h", "%-I", "[0-9]{1,2}"},
    DateLetters{"mm", "%M", "[0-9]{2}"},
    DateLetters{"m", "%-M", "[0-9]{1,2}"},
    DateLetters{"ss", "%S", "[0-9]{2}"},
    DateLetters{"s", "%-S", "[0-9]{1,2}"},
    DateLetters{"SSS", "%g", "[0-9]{3}"},
    DateLetters{"SSSSSS", "%f", "[0-9]{6}"},
    DateLetters{"a", "%p", "(?:AM|PM)"},
    DateLetters{"E", "%a", ""},
    DateLetters{"EEE", "%a", ""},
    DateLetters{"EEEE", "%A", ""},
    DateLetters{"XXX", "Z", ""},
    DateLetters{"X", "Z", ""},
    DateLetters{"xxx", "+00:00", ""},
    DateLetters{"Z", "+0000", ""},
};

const DateLetters* letters_of(std::string_view java) {
  for (const DateLetters& letters : kDateLetters) {
    if (letters.java == java) return &letters;
  }
  return nullptr;
}

Error unknown_letters(const std::string& letters, const std::string& java) {
  return Error{Code::Unsupported,
               "'" + letters + "' in the date pattern '" + java +
                   "' is not supported here; supported are yyyy MM dd HH mm ss SSS SSSSSS and "
                   "quoted text"};
}

std::string escaped_percent(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '%' ? "%%" : std::string(1, c);
  return out;
}

std::string escaped_regex(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (!isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 128) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Result<std::string> re2_pattern(const std::string& java) { return RegexTranslator(java).run(); }

Result<std::string> re2_replacement(const std::string& java) {
  std::string out;
  for (size_t i = 0; i < java.size(); ++i) {
    char c = java[i];
    bool last = i + 1 == java.size();
    if (c == '\\' || c == '$') {
      if (last)
        return Error{Code::Invalid, "the replacement ends with '" + std::string(1, c) + "'"};
      char next = java[++i];
      if (c == '\\') {
        out += next == '\\' ? "\\\\" : std::string(1, next);
        continue;
      }
      bool more = i + 1 < java.size() && isdigit(static_cast<unsigned char>(java[i + 1]));
      if (!isdigit(static_cast<unsigned char>(next)) || more) {
        return Error{Code::Unsupported,
                     "in a replacement '$' takes one digit ('\\\\$' is a dollar sign)"};
      }
      out += '\\';
      out += next;
      continue;
    }
    out += c;
  }
  return out;
}

int group_count(const std::string& pattern) {
  int count = 0;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '[') {
      in_class = true;
    } else if (pattern[i] == ']') {
      in_class = false;
    } else if (pattern[i] == '(' && !in_class) {
      bool plain = i + 1 >= pattern.size() || pattern[i + 1] != '?';
      bool named = pattern.compare(i, 3, "(?<") == 0;
      if (plain || named) ++count;
    }
  }
  return count;
}

Result<std::string> strftime_format(const std::string& java) {
  auto parts = TRY(pattern_parts(java));
  std::string out;
  for (const PatternPart& part : parts) {
    if (part.letters.empty()) {
      out += escaped_percent(part.text);
      continue;
    }
    const DateLetters* letters = letters_of(part.letters);
    if (letters == nullptr) return unknown_letters(part.letters, java);
    out += letters->format;
  }
  return out;
}

Result<ParseFormat> parse_format(const std::string& java) {
  auto parts = TRY(pattern_parts(java));
  ParseFormat out;
  for (const PatternPart& part : parts) {
    if (part.letters.empty()) {
      out.strptime += escaped_percent(part.text);
      out.regex += escaped_regex(part.text);
      continue;
    }
    const DateLetters* letters = letters_of(part.letters);
    if (letters == nullptr || letters->regex.empty()) return unknown_letters(part.letters, java);
    out.strptime += letters->format;
    out.regex += letters->regex;
  }
  bool half =
      out.strptime.find("%I") != std::string::npos || out.strptime.find("%-I") != std::string::npos;
  if (half != (out.strptime.find("%p") != std::string::npos)) {
    return Error{Code::Unsupported,
                 "the date pattern '" + java + "' needs both of hh and a, or HH"};
  }
  if (out.strptime.find("%Y") == std::string::npos) {
    return Error{Code::Unsupported, "the date pattern '" + java + "' has no year (yyyy)"};
  }
  return out;
}

}  // namespace ticklake::sql
