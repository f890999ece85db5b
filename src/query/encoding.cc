#include "query/encoding.h"

#include <arrow/array.h>

#include "base/check.h"
#include "formats/formats.h"
#include "query/by_row.h"
#include "query/errors.h"

namespace ticklake::query {

std::unique_ptr<EncodeFunction> EncodeFunction::make(duckdb_connection connection,
                                                     const Registry& registry,
                                                     const sql::PayloadFunction& what,
                                                     std::string name) {
  auto out = std::make_unique<EncodeFunction>();
  out->registry_ = &registry;
  out->what_ = what;
  out->name_ = std::move(name);
  ScalarFunctionHandle function(duckdb_create_scalar_function());
  auto number = logical_type(Kind::Long);
  auto value = logical_type(what.type);
  auto result = logical_type(Kind::Binary);
  duckdb_scalar_function_set_name(function.get(), out->name_.c_str());
  duckdb_scalar_function_add_parameter(function.get(), number.get());
  duckdb_scalar_function_add_parameter(function.get(), value.get());
  duckdb_scalar_function_set_return_type(function.get(), result.get());
  duckdb_scalar_function_set_special_handling(function.get());
  // It may fail, so it is not for rows that a filter drops.
  duckdb_scalar_function_set_volatile(function.get());
  duckdb_scalar_function_set_extra_info(function.get(), out.get(), nullptr);
  duckdb_scalar_function_set_function(function.get(), &EncodeFunction::call);
  auto done = duckdb_register_scalar_function(connection, function.get());
  CHECK(done == DuckDBSuccess, out->name_);
  return out;
}

void EncodeFunction::call(duckdb_function_info info, duckdb_data_chunk input,
                          duckdb_vector output) {
  const auto& function = *static_cast<EncodeFunction*>(duckdb_scalar_function_get_extra_info(info));
  if (duckdb_data_chunk_get_size(input) == 0) return;
  const auto* numbers =
      static_cast<const int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0)));
  auto state = function.registry_->find(numbers[0]);
  if (!state) return duckdb_scalar_function_set_error(info, "to_avro outlived its statement");
  auto done = function.encode(input, output);
  if (done) return;
  duckdb_scalar_function_set_error(info, marked(done.error().message).c_str());
  state->fail(std::move(done).error());
}

// As Spark: NULL stays NULL, though the schema may have a branch for it.
Result<void> EncodeFunction::encode(duckdb_data_chunk input, duckdb_vector output) const {
  auto schema = TRY(formats::parse_avro(what_.schema.text));
  auto encoder = TRY(formats::AvroEncoder::make(what_.type, schema));
  auto count = static_cast<int64_t>(duckdb_data_chunk_get_size(input));
  auto values = ColumnWriter::make(what_.type);
  TRY_STATUS(values->append(duckdb_data_chunk_get_vector(input, 1), 0, count));
  auto array = arrow::MakeArray(TRY_ARROW(values->finish()));
  std::string bytes;
  for (int64_t row = 0; row < count; ++row) {
    if (array->IsNull(row)) {
      set_null(output, static_cast<idx_t>(row));
      continue;
    }
    bytes.clear();
    auto done = encoder->encode(*array, row, bytes);
    if (!done) return Error{Code::Invalid, "to_avro(): " + done.error().message};
    Column<Blob>::put(output, static_cast<idx_t>(row), Blob{bytes});
  }
  return {};
}

}  // namespace ticklake::query
