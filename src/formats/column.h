// A column of any type that grows row by row and can be cut back when a row turns out to be
// malformed.
#pragma once

#include <arrow/array/array_base.h>
#include <arrow/util/decimal.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/type.h"

namespace ticklake::formats {

class Column {
 public:
  explicit Column(Type type);

  const Type& type() const { return type_; }
  int64_t size() const { return static_cast<int64_t>(valid_.size()); }
  // Struct: one a field. Array: the elements. Map: keys and values.
  std::vector<Column>& children() { return children_; }

  void reserve(int64_t rows);
  void append_null();  // of a struct: its children too

  // T is what the type holds: bool as uint8_t, dates int32_t, instants int64_t, decimals
  // Decimal128.
  template <typename T>
  void append(T value) {
    std::get<std::vector<T>>(values_).push_back(value);
    valid_.push_back(1);
  }
  // String and Binary.
  void append_bytes(std::string_view bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    offsets_.push_back(static_cast<int32_t>(bytes_.size()));
    valid_.push_back(1);
  }
  // Struct: its children have got their values of this row. Array, Map: the children's new rows are
  // this row.
  void append_parent();

  // Keeps the first `rows` rows.
  void truncate(int64_t rows);
  // Takes the rows [from, to) out.
  void erase(int64_t from, int64_t to);

  // The rows as an Arrow array; the column is empty afterwards.
  std::shared_ptr<arrow::Array> finish();

 private:
  using Values = std::variant<std::monostate, std::vector<uint8_t>, std::vector<int8_t>,
                              std::vector<int16_t>, std::vector<int32_t>, std::vector<int64_t>,
                              std::vector<float>, std::vector<double>,
                              std::vector<arrow::Decimal128>>;
  static Values values_for(Kind kind);
  bool has_offsets() const { return !offsets_.empty(); }
  std::shared_ptr<arrow::Buffer> take_values();

  Type type_;
  std::vector<uint8_t> valid_;  // one byte a row, 0 or 1
  Values values_;               // of the types of fixed width
  std::vector<int32_t> offsets_;  // String, Binary, Array, Map: one more than rows
  std::vector<char> bytes_;       // String, Binary
  std::vector<Column> children_;
  size_t bytes_before_ = 0;  // of the batch before: what to reserve
};

}  // namespace ticklake::formats
