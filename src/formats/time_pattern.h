// Java's patterns of dates and times ("dd/MM/yyyy HH:mm[:ss]"), for reading. Private to the folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ticklake::formats {

class TimePattern {
 public:
  // Invalid: a quote or bracket that is not closed. Unsupported: a letter that is not known here.
  static Result<TimePattern> make(std::string_view pattern);

  // Nothing where the text is not wholly of the pattern, or no time. What the pattern leaves out is
  // that of 1970-01-01T00:00:00.
  std::optional<ParsedTimestamp> parse(std::string_view text) const;

 private:
  struct Item {
    char letter = '\0';  // '\0': the text itself; '[' and ']': what is between may be missing
    int count = 0;
    std::string text = {};
    size_t end = 0;  // '[': the item after its ']'
  };
  struct Fields;

  const char* read(size_t item, size_t end, const char* at, const char* stop, Fields& out) const;
  const char* read_one(const Item& item, const char* at, const char* stop, Fields& out) const;

  std::vector<Item> items_;
};

}  // namespace ticklake::formats
