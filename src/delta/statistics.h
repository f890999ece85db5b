// "Per-file Statistics" of a file that has just been written.
#pragma once

#include <arrow/type_fwd.h>
#include <parquet/type_fwd.h>

#include <set>
#include <string>

#include "model/type.h"

namespace ticklake::delta {

// Adds to `out` the leaf columns (counted as Parquet does) in which the batch has a NaN. Parquet's
// own statistics leave NaN out, but in Spark's order it is above all numbers: such a column has no
// known maximum.
void note_nans(const arrow::RecordBatch& batch, std::set<int>& out);

// The statistics as JSON, of the first `columns_max` leaf columns (-1: of all). `schema` is the
// file's.
std::string statistics_json(const Schema& schema, const parquet::FileMetaData& file,
                            const std::set<int>& columns_with_nan, int64_t columns_max);

// A lower and an upper bound of a text that are at most 32 characters long; no upper one where
// there is none.
std::string cut_below(std::string_view text);
std::optional<std::string> cut_above(std::string_view text);

}  // namespace ticklake::delta
