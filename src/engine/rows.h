// Cutting and picking rows and columns of Arrow batches. Private to the folder.
#pragma once

#include <arrow/type_fwd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/arrow.h"

namespace ticklake::engine {

// The named columns in that order, without copying; all where `names` is empty. Invalid: one is
// missing.
Result<BatchPtr> with_columns(const BatchPtr& batch, const std::vector<std::string>& names);

// The first `count` columns.
Result<BatchPtr> first_columns(const BatchPtr& batch, int count);

// Rows whose flag is true. `keep` has one flag a row.
Result<BatchPtr> filtered(const BatchPtr& batch, const std::vector<bool>& keep);

// The value of a BIGINT, INT or TIMESTAMP column, or nothing where it is NULL.
std::optional<int64_t> number_at(const arrow::Array& column, int64_t row);
// The value of a STRING or BINARY column.
std::optional<std::string_view> text_at(const arrow::Array& column, int64_t row);

// As it is, but for fields more, in structs too: what is stored can be read as what is wanted.
bool grows_into(const Type& stored, const Type& wanted);
bool grows_into(const std::vector<Field>& stored, const std::vector<Field>& wanted);

// Column names of a schema.
std::vector<std::string> names_of(const Schema& schema);
// The named columns of a schema in that order; all where `names` is empty.
Schema with_columns(const Schema& schema, const std::vector<std::string>& names);

}  // namespace ticklake::engine
