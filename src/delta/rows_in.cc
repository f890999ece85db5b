#include "delta/rows_in.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <unordered_map>

#include "base/text.h"
#include "delta/rules.h"
#include "delta/values.h"

namespace ticklake::delta {
namespace {

// Equal in all that Parquet and Delta store; names and nullability inside lists and maps may
// differ.
bool same_type(const arrow::DataType& a, const arrow::DataType& b) {
  if (a.id() != b.id()) return false;
  if (a.num_fields() == 0) return a.Equals(b);
  if (a.num_fields() != b.num_fields()) return false;
  for (int i = 0; i < a.num_fields(); ++i) {
    if (a.id() == arrow::Type::STRUCT && a.field(i)->name() != b.field(i)->name()) return false;
    if (!same_type(*a.field(i)->type(), *b.field(i)->type())) return false;
  }
  return true;
}

std::shared_ptr<arrow::ArrayData> retyped(const std::shared_ptr<arrow::ArrayData>& data,
                                          const std::shared_ptr<arrow::DataType>& type) {
  auto out = data->Copy();
  out->type = type;
  for (size_t i = 0; i < out->child_data.size(); ++i) {
    const auto& child = type->field(static_cast<int>(i))->type();
    out->child_data[i] = retyped(out->child_data[i], child);
  }
  return out;
}

int64_t first_null(const arrow::Array& array) {
  int64_t row = 0;
  while (row < array.length() && array.IsValid(row)) ++row;
  return row;
}

struct NullFound {
  std::string path;
  int64_t row;
};

// The first NULL where the field forbids it; `parent` says which rows are there at all.
std::optional<NullFound> forbidden_null(const Field& field, const arrow::Array& array,
                                        const std::string& path);

std::optional<NullFound> forbidden_null_in_struct(const Field& field, const arrow::Array& array,
                                                  const std::string& path) {
  const auto& rows = static_cast<const arrow::StructArray&>(array);
  for (size_t i = 0; i < field.type.children->size(); ++i) {
    const Field& child = (*field.type.children)[i];
    auto values = rows.field(static_cast<int>(i));
    std::string name = path + "." + child.name;
    if (!child.nullable && values->null_count() > 0) {
      for (int64_t row = 0; row < array.length(); ++row) {
        if (array.IsValid(row) && values->IsNull(row)) return NullFound{name, row};
      }
    }
    Field inner = child;
    inner.nullable = true;
    if (auto found = forbidden_null(inner, *values, name)) return found;
  }
  return std::nullopt;
}

template <typename List>
std::optional<NullFound> forbidden_null_in_list(const Field& field, const arrow::Array& array,
                                                const std::string& path, size_t child_index,
                                                const std::shared_ptr<arrow::Array>& values) {
  const auto& lists = static_cast<const List&>(array);
  if (array.length() == 0) return std::nullopt;
  const Field& child = (*field.type.children)[child_index];
  int64_t from = lists.value_offset(0);
  auto used = values->Slice(from, lists.value_offset(array.length()) - from);
  auto found = forbidden_null(child, *used, path + "." + child.name);
  if (!found) return std::nullopt;
  int64_t row = 0;
  while (row + 1 < array.length() && lists.value_offset(row + 1) - from <= found->row) ++row;
  return NullFound{found->path, row};
}

std::optional<NullFound> forbidden_null(const Field& field, const arrow::Array& array,
                                        const std::string& path) {
  if (!field.nullable && array.null_count() > 0) return NullFound{path, first_null(array)};
  if (field.type.kind == Kind::Struct) return forbidden_null_in_struct(field, array, path);
  if (field.type.kind == Kind::Array) {
    const auto& lists = static_cast<const arrow::ListArray&>(array);
    return forbidden_null_in_list<arrow::ListArray>(field, array, path, 0, lists.values());
  }
  if (field.type.kind == Kind::Map) {
    const auto& maps = static_cast<const arrow::MapArray&>(array);
    return forbidden_null_in_list<arrow::MapArray>(field, array, path, 1, maps.items());
  }
  return std::nullopt;
}

std::string found_type(const arrow::DataType& type) {
  auto known = type_from_arrow(type);
  bool exact = known && same_type(*to_arrow(*known), type);
  return exact ? to_sql(*known) : "Arrow " + type.ToString();
}

Error schema_error(const io::Path& root, const std::string& why) {
  return Error{Code::Invalid, fmt::format("{}: {}", root, why)};
}

Result<std::shared_ptr<arrow::Array>> enforced_column(const io::Path& root, const Field& field,
                                                      const arrow::RecordBatch& batch, int index,
                                                      int64_t first_row) {
  auto type = to_arrow(field.type);
  auto column = batch.column(index);
  if (!same_type(*column->type(), *type)) {
    return schema_error(root,
                        fmt::format("column `{}` of the table is {}, the rows have {}; cast "
                                    "it, or change the table",
                                    field.name, to_sql(field.type), found_type(*column->type())));
  }
  if (auto found = forbidden_null(field, *column, field.name)) {
    return schema_error(root, fmt::format("column `{}` is NOT NULL, but row {} has NULL there",
                                          found->path, first_row + found->row));
  }
  return column->type()->Equals(*type, true) ? column
                                             : arrow::MakeArray(retyped(column->data(), type));
}

// Distinct values of each partition column in one batch, and for each row which one it has.
struct Encoded {
  std::vector<std::optional<std::string>> texts;  // by code; one more for NULL
  std::shared_ptr<arrow::Int32Array> codes;
};

Result<Encoded> encoded(const arrow::Array& column, const Field& field) {
  arrow::compute::DictionaryEncodeOptions options(arrow::compute::DictionaryEncodeOptions::ENCODE);
  auto datum = TRY_ARROW(arrow::compute::DictionaryEncode(arrow::Datum(column.data()), options));
  auto array = datum.make_array();
  const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*array);
  Encoded out;
  for (int64_t i = 0; i < dictionary.dictionary()->length(); ++i) {
    auto text = TRY(partition_text(*dictionary.dictionary(), i, field.type));
    if (!text && !field.nullable) {
      return Error{Code::Invalid, fmt::format("partition column `{}` is NOT NULL, but a row has an "
                                              "empty string, which Delta stores as NULL",
                                              field.name)};
    }
    out.texts.push_back(std::move(text));
  }
  out.codes = std::static_pointer_cast<arrow::Int32Array>(dictionary.indices());
  return out;
}

using Groups = std::unordered_map<std::string, size_t>;

std::string group_key(const Values& values) {
  std::string key;
  for (const auto& [name, value] : values) {
    key += value ? fmt::format("{}:{}", value->size(), *value) : "-";
  }
  return key;
}

// The rows of one batch by the combination of their codes, in the order of first rows.
struct Split {
  std::vector<int64_t> first_rows;
  std::vector<std::vector<int64_t>> rows;
};

// Ids stay below the number of rows after each column, so an id and a code always fit one key.
Split split_rows(const std::vector<Encoded>& columns, int64_t length) {
  std::vector<uint32_t> ids(static_cast<size_t>(length), 0);
  for (const Encoded& column : columns) {
    std::unordered_map<uint64_t, uint32_t> known;
    uint64_t last_key = 0;
    uint32_t last_id = 0;
    for (size_t row = 0; row < ids.size(); ++row) {
      auto code = static_cast<uint32_t>(column.codes->Value(static_cast<int64_t>(row)));
      uint64_t key = (uint64_t{ids[row]} << 32) | code;
      if (row == 0 || key != last_key) {
        last_id = known.try_emplace(key, static_cast<uint32_t>(known.size())).first->second;
        last_key = key;
      }
      ids[row] = last_id;
    }
  }
  Split out;
  for (size_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == out.rows.size()) {
      out.rows.emplace_back();
      out.first_rows.push_back(static_cast<int64_t>(row));
    }
    out.rows[ids[row]].push_back(static_cast<int64_t>(row));
  }
  return out;
}

Result<void> add_pieces(const Metadata& metadata, const arrow::RecordBatch& batch, size_t index,
                        Groups& groups, std::vector<PartitionRows>& out) {
  std::vector<Encoded> columns;
  for (const std::string& name : metadata.partition_columns) {
    int at = metadata.schema.find(name);
    columns.push_back(
        TRY(encoded(*batch.column(at), metadata.schema.fields[static_cast<size_t>(at)])));
  }
  Split split = split_rows(columns, batch.num_rows());
  for (size_t group = 0; group < split.rows.size(); ++group) {
    Values values;
    for (size_t i = 0; i < columns.size(); ++i) {
      auto code = static_cast<size_t>(columns[i].codes->Value(split.first_rows[group]));
      values[metadata.partition_columns[i]] = columns[i].texts[code];
    }
    auto [at, fresh] = groups.try_emplace(group_key(values), out.size());
    if (fresh) out.push_back(PartitionRows{std::move(values), {}});
    const std::vector<int64_t>& rows = split.rows[group];
    auto count = static_cast<int64_t>(rows.size());
    std::shared_ptr<arrow::Array> indices;
    if (count < batch.num_rows()) {
      arrow::Int64Builder builder;
      TRY_STATUS(builder.AppendValues(rows));
      TRY_STATUS(builder.Finish(&indices));
    }
    out[at->second].pieces.push_back({index, std::move(indices), count});
  }
  return {};
}

}  // namespace

Result<BatchPtr> enforced(const io::Path& root, const Schema& schema, const BatchPtr& batch,
                          int64_t first_row) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  std::vector<int> places(schema.fields.size(), -1);
  for (int i = 0; i < batch->num_columns(); ++i) {
    const std::string& name = batch->column_name(i);
    int at = schema.find(name);
    if (at < 0) {
      return schema_error(
          root, fmt::format("column `{}` of the rows ({}) is not in the table, "
                            "which has {}",
                            name, found_type(*batch->column(i)->type()), joined(names, ", ")));
    }
    if (places[static_cast<size_t>(at)] >= 0) {
      return schema_error(root, fmt::format("column `{}` is there twice in the rows", name));
    }
    places[static_cast<size_t>(at)] = i;
  }
  arrow::ArrayVector columns;
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i] < 0) {
      return schema_error(root, fmt::format("column `{}` of the table ({}) is missing in the rows",
                                            names[i], to_sql(schema.fields[i].type)));
    }
    columns.push_back(TRY(enforced_column(root, schema.fields[i], *batch, places[i], first_row)));
  }
  return arrow::RecordBatch::Make(to_arrow(schema), batch->num_rows(), std::move(columns));
}

Result<BatchPtr> checked_rows(const Snapshot& snapshot, const WriteOptions& options,
                              const BatchPtr& batch, int64_t first_row) {
  BatchPtr rows = TRY(enforced(snapshot.root(), snapshot.schema(), batch, first_row));
  if (options.check) {
    auto checked = options.check(rows);
    if (!checked) return prefixed(snapshot.root(), std::move(checked).error());
    return rows;
  }
  auto rules = constraints(snapshot.metadata());
  if (rules.empty()) return rows;
  return Error{
      Code::Unsupported,
      fmt::format("{}: rows of this table have to meet the constraint `{}`, which cannot "
                  "be checked here; write to it with ticklake sql or ticklake table append",
                  snapshot.root(), rules[0].name)};
}

Result<std::vector<PartitionRows>> by_partition(const Metadata& metadata, const Batches& batches) {
  std::vector<PartitionRows> out;
  Groups groups;
  for (size_t i = 0; i < batches.size(); ++i) {
    if (batches[i]->num_rows() == 0) continue;
    if (metadata.partition_columns.empty()) {
      if (out.empty()) out.emplace_back();
      out[0].pieces.push_back({i, nullptr, batches[i]->num_rows()});
    } else {
      TRY(add_pieces(metadata, *batches[i], i, groups, out));
    }
  }
  return out;
}

Result<BatchPtr> rows_of(const PartitionRows::Piece& piece, const Batches& batches,
                         const std::vector<int>& columns) {
  BatchPtr chosen = TRY_ARROW(batches[piece.batch]->SelectColumns(columns));
  if (!piece.rows) return chosen;
  auto taken = TRY_ARROW(arrow::compute::Take(arrow::Datum(chosen), arrow::Datum(piece.rows)));
  return taken.record_batch();
}

}  // namespace ticklake::delta
