#include "app/spark_text.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace ticklake::app {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Behind a quoted text or name that begins there. A raw text, r'..', knows no escapes.
size_t end_of_quoted(std::string_view text, size_t at, bool raw) {
  char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quote != '`' && !raw) {
      ++at;
    } else if (text[at] == quote) {
      return at + 1;
    }
  }
  return text.size();
}

// Behind the comment that begins there; the same place where none does.
size_t end_of_comment(std::string_view text, size_t at) {
  if (text.substr(at).starts_with("--")) return std::min(text.find('\n', at), text.size());
  if (!text.substr(at).starts_with("/*") || text.substr(at).starts_with("/*+")) return at;
  size_t end = text.find("*/", at);
  return end == std::string_view::npos ? text.size() : end + 2;
}

std::string quoted_by(char quote, const std::string& text, const char* escaped) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) {
      out += escaped;
      continue;
    }
    if (c == '\\' && quote == '\'') out += '\\';
    out += c;
  }
  return out + quote;
}

}  // namespace

bool SparkToken::is(std::string_view word) const { return equal_ignoring_case(text, word); }

std::vector<SparkToken> spark_tokens(std::string_view text) {
  std::vector<SparkToken> tokens;
  int depth = 0;
  for (size_t at = 0; at < text.size();) {
    size_t behind = end_of_comment(text, at);
    if (behind > at || std::isspace(static_cast<unsigned char>(text[at])) != 0) {
      at = std::max(behind, at + 1);
      continue;
    }
    size_t end = at + 1;
    if (text[at] == '\'' || text[at] == '"' || text[at] == '`') {
      bool raw = !tokens.empty() && tokens.back().is("r") && end_of(tokens.back()) == at;
      end = end_of_quoted(text, at, raw);
    } else if (is_word(text[at])) {
      while (end < text.size() && is_word(text[end])) ++end;
    }
    if (text[at] == ')') --depth;
    tokens.push_back({.text = text.substr(at, end - at), .begin = at, .depth = depth});
    if (text[at] == '(') ++depth;
    at = end;
  }
  return tokens;
}

std::optional<size_t> find_words(const std::vector<SparkToken>& tokens,
                                 const std::vector<std::string_view>& words, size_t from) {
  for (size_t i = from; i + words.size() <= tokens.size(); ++i) {
    bool all = tokens[i].depth == 0;
    for (size_t j = 0; all && j < words.size(); ++j) all = tokens[i + j].is(words[j]);
    if (all) return i;
  }
  return {};
}

std::optional<size_t> find_star(const std::vector<SparkToken>& tokens, size_t from) {
  bool wrapped = from >= 2 && tokens[from - 1].text == "(" && tokens[from - 2].is("STREAM");
  int depth = tokens[from].depth - (wrapped ? 1 : 0);
  for (size_t i = from; i-- > 0;) {
    if (tokens[i].depth < depth) return {};
    if (tokens[i].depth > depth) continue;
    if (i == 0 || tokens[i].is("SELECT")) return {};
    const SparkToken& before = tokens[i - 1];
    bool begins = before.is("SELECT") || before.is("DISTINCT") || before.text == ",";
    if (tokens[i].text == "*" && begins) return i;
  }
  return {};
}

std::string star_without(const std::vector<SparkToken>& tokens, size_t star,
                         const std::string& column, size_t* behind) {
  bool has_list = star + 2 < tokens.size() && tokens[star + 1].is("EXCEPT");
  *behind = star + (has_list ? 3 : 1);
  return "* EXCEPT (" + column + (has_list ? ", " : ")");
}

std::string spark_name(const std::string& name) {
  bool plain = !name.empty() && std::ranges::all_of(name, is_word) &&
               std::isdigit(static_cast<unsigned char>(name[0])) == 0;
  return plain ? name : quoted_by('`', name, "``");
}

std::string spark_name(const std::vector<std::string>& parts) {
  std::vector<std::string> names;
  for (const auto& part : parts) names.push_back(spark_name(part));
  return joined(names, ".");
}

std::string spark_string(const std::string& text) { return quoted_by('\'', text, "\\'"); }

}  // namespace ticklake::app
