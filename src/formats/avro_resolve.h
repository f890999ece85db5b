// How values written with one Avro schema become values of another: worked out once a pair of
// schemas, run once a value. Private to the folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/avro_schema.h"
#include "formats/column.h"

namespace ticklake::formats {

struct AvroAction {
  enum class Op : uint8_t {
    Null,  // nothing to read
    Boolean,
    Integer,  // a variable-length number, for a column of any number or time
    Float,
    Double,
    Bytes,  // a length, then bytes
    Fixed,  // `size` bytes
    DecimalBytes,
    DecimalFixed,
    Symbol,  // `texts[number]`
    Array,   // of parts[0]
    Map,     // keys, then parts[0]
    Record,  // `parts` in the writer's order, `fills` after them
    Union,   // the number of the part, then it
    Fail,    // `reason`
  };
  Op op = Op::Null;
  int member = -1;        // of a union: the field of the struct that gets the value; -1: no struct
  int64_t scale = 1;      // Integer: times this
  bool int_only = false;  // Integer: 32 bits
  int64_t size = 0;       // Fixed; Array, Map: the fewest bytes of an item
  std::vector<AvroAction> parts = {};
  std::vector<int> targets = {};  // Record: each part's field, -1: passed by
  struct Fill {
    int target;
    std::string bytes;
    std::vector<AvroAction> action;  // one
  };
  std::vector<Fill> fills = {};         // Record: fields that the writer lacks
  std::vector<std::string> texts = {};  // Symbol: "" with `known` false where the reader lacks it
  std::vector<bool> known = {};
  std::string reason = {};
};

// Unsupported: too large. What cannot be resolved fails when such a value is met.
Result<AvroAction> resolved(const AvroNode& writer, const AvroNode& reader);

// Reads one value into the column.
class AvroCursor {
 public:
  // `bytes_left`: what the values may still take in memory, of all that a batch reads.
  AvroCursor(std::string_view bytes, int64_t& bytes_left)
      : all_(bytes),
        items_left_(kItemsMax + static_cast<int64_t>(bytes.size())),
        bytes_left_(bytes_left) {}

  // False: `problem()` says why; the column may have got parts of a value. No column: passed by.
  bool read(const AvroAction& action, Column* column);

  bool at_end() const { return at_ == all_.size(); }
  bool too_large() const { return bytes_left_ < 0; }
  std::string problem() const;

 private:
  static constexpr int64_t kItemsMax = 65'536;  // of no bytes each, beside those that have some

  bool fail(std::string_view what) {
    if (problem_.empty()) problem_ = what;
    return false;
  }
  bool spend(int64_t bytes) {
    bytes_left_ -= bytes;
    return bytes_left_ >= 0 || fail("its values are too large");
  }
  bool read_long(int64_t& value);
  bool read_length(int64_t& value);
  bool take(int64_t size, std::string_view& bytes);
  bool read_value(const AvroAction& action, Column* column);
  bool read_integer(const AvroAction& action, Column* column);
  bool read_decimal(std::string_view bytes, Column* column);
  static int64_t bytes_of_row(Column& column);
  bool read_items(const AvroAction& action, Column* column);
  bool read_record(const AvroAction& action, Column* column);
  bool append_text(std::string_view bytes, Column* column);
  template <typename T>
  bool read_real(Column* column);

  std::string_view all_;
  size_t at_ = 0;
  int64_t items_left_;
  int64_t& bytes_left_;
  std::string problem_;
};

}  // namespace ticklake::formats
