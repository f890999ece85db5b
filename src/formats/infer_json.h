// What types JSON objects have together. Private to the folder.
#pragma once

#include <memory>
#include <string_view>

#include "formats/formats.h"

namespace ticklake::formats {

class JsonShapes {
 public:
  virtual ~JsonShapes() = default;
  // An object, or a list of them; what is neither counts as a malformed record.
  virtual void add(std::string_view text) = 0;
  // Fields in the order of their names; the corrupt record's column where one was malformed.
  virtual Schema schema() const = 0;
};
std::unique_ptr<JsonShapes> make_json_shapes(const FileFormat& format);

// The type that holds values of both, as Spark's inference widens; STRING where nothing else does.
Type common_json_type(const Type& a, const Type& b);

}  // namespace ticklake::formats
