// The quick way through an object of scalars in the order in which the row before had them: nearly
// every event of a feed. It reads a whole text or gives up on it without a trace, and then
// json_tree.h reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/scalar.h"
#include "model/type.h"

namespace ticklake::formats {

class FlatReader {
 public:
  explicit FlatReader(const std::vector<Field>& fields);

  // One scalar a field, pointing into `text`. False: nested values, escapes, text that is not
  // ASCII, a key given twice, or no JSON at all.
  bool read(std::string_view text);
  const std::vector<Scalar>& scalars() const { return scalars_; }
  bool met_unknown() const { return met_unknown_; }  // the last text had a key that is no field

 private:
  static constexpr int kUnknown = -1;
  static constexpr int kNoKey = -2;

  const char* skip_blanks(const char* at) const;
  const char* key(const char* at, int expected, int& field);
  const char* value(const char* at, Scalar& out) const;
  const char* plain_string(const char* at) const;

  std::vector<std::string> names_;
  std::vector<std::string> quoted_;  // "\"name\":"
  std::vector<int> after_;           // the field that came after field i - 1 last time
  std::vector<Scalar> scalars_;
  const char* end_ = nullptr;
  bool met_unknown_ = false;
};

}  // namespace ticklake::formats
