// Words of a statement's text, and what stands between them. Private to app.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ticklake::app {

// Comments and blanks are left out; a quoted text or name is one token.
struct SparkToken {
  std::string_view text;
  size_t begin = 0;
  int depth = 0;  // of parentheses around it; those themselves stand outside
  bool is(std::string_view word) const;
};
std::vector<SparkToken> spark_tokens(std::string_view text);  // the text outlives them

// Where the words stand one after the other, outside parentheses, at or after a token.
std::optional<size_t> find_words(const std::vector<SparkToken>& tokens,
                                 const std::vector<std::string_view>& words, size_t from = 0);

// The '*' of the select list over whose FROM a token stands; STREAM(..) may be around that.
std::optional<size_t> find_star(const std::vector<SparkToken>& tokens, size_t from);

// That '*' without a column, for the tokens from it to, but not including, `behind`.
std::string star_without(const std::vector<SparkToken>& tokens, size_t star,
                         const std::string& column, size_t* behind);

// Where the token ends in the text.
inline size_t end_of(const SparkToken& token) { return token.begin + token.text.size(); }

// Names and texts as Spark reads them.
std::string spark_name(const std::string& name);
std::string spark_name(const std::vector<std::string>& parts);
std::string spark_string(const std::string& text);

}  // namespace ticklake::app
