// DuckDB asks in this order, the last three at each run:
//
//   bind        which input, its columns
//   init        the columns in use -> parts to be claimed
//   local init  once a thread: nothing claimed yet
//   scan        rows of the claimed part, then claims the next; no rows: there is none left
#include "query/input.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <atomic>
#include <charconv>

#include "base/check.h"

namespace ticklake::query {
namespace {

using Parts = std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>;

struct Binding {
  std::shared_ptr<State> state;
  const TableInput* input;
};

// One run of one input, shared by its threads.
struct Scan {
  std::vector<size_t> columns;  // fields in use; one past the last is "__row"
  Parts parts;                  // empty for the batch input
  std::atomic<size_t> next = 0;
};

// What one thread reads.
struct Cursor {
  std::shared_ptr<arrow::RecordBatchReader> reader;
  BatchPtr batch;
  int64_t at = 0;         // rows of the batch that were shown
  int64_t first_row = 0;  // number of the batch's first row
};

template <typename T>
void destroy(void* pointer) {
  delete static_cast<T*>(pointer);
}

void bind(duckdb_bind_info info) {
  auto* registry = static_cast<const Registry*>(duckdb_bind_get_extra_info(info));
  ValueHandle parameter(duckdb_bind_get_parameter(info, 0));
  char* text = duckdb_get_varchar(parameter.get());
  std::string name = text == nullptr ? "" : text;
  duckdb_free(text);
  int64_t number = 0;
  auto slash = std::min(name.find('/'), name.size());
  std::from_chars(name.data(), name.data() + slash, number);
  auto state = registry->find(number);
  if (state) name.erase(0, slash + 1);
  if (!state || !state->inputs.contains(name)) {
    duckdb_bind_set_error(info, fmt::format("there is no input '{}'", name).c_str());
    return;
  }
  const auto& input = state->inputs.at(name);
  for (const auto& field : input.schema.fields) {
    auto type = logical_type(field.type);
    duckdb_bind_add_result_column(info, field.name.c_str(), type.get());
  }
  if (input.is_batch) {
    auto type = logical_type(Kind::Long);
    duckdb_bind_add_result_column(info, "__row", type.get());
  }
  if (input.source.rows) {
    duckdb_bind_set_cardinality(info, static_cast<idx_t>(*input.source.rows), false);
  }
  duckdb_bind_set_bind_data(info, new Binding{std::move(state), &input}, destroy<Binding>);
}

void init(duckdb_init_info info) {
  auto& binding = *static_cast<Binding*>(duckdb_init_get_bind_data(info));
  auto scan = std::make_unique<Scan>();
  std::vector<std::string> names;
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    auto column = static_cast<size_t>(duckdb_init_get_column_index(info, i));
    scan->columns.push_back(column);
    if (column < binding.input->schema.fields.size()) {
      names.push_back(binding.input->schema.fields[column].name);
    }
  }
  size_t parts = binding.input->is_batch ? binding.state->batches->size() : 0;
  if (!binding.input->is_batch) {
    auto opened = binding.input->source.parts(names);
    if (!opened) {
      duckdb_init_set_error(info, opened.error().message.c_str());
      binding.state->fail(std::move(opened).error());
      return;
    }
    scan->parts = *std::move(opened);
    parts = scan->parts.size();
  }
  duckdb_init_set_max_threads(info, std::max<idx_t>(parts, 1));
  duckdb_init_set_init_data(info, scan.release(), destroy<Scan>);
}

void local_init(duckdb_init_info info) {
  duckdb_init_set_init_data(info, new Cursor, destroy<Cursor>);
}

Result<void> check_columns(const TableInput& input, const Scan& scan,
                           const arrow::RecordBatch& batch) {
  int at = 0;
  for (size_t column : scan.columns) {
    if (column >= input.schema.fields.size()) continue;
    const auto& field = input.schema.fields[column];
    int index = input.is_batch ? static_cast<int>(column) : at++;
    if (index >= batch.num_columns() ||
        !same_layout(*batch.column(index)->type(), *to_arrow(field.type))) {
      return Error{Code::Invalid,
                   fmt::format("column '{}' of an input came as {}, not as {}", field.name,
                               index < batch.num_columns() ? batch.column(index)->type()->ToString()
                                                           : "nothing",
                               to_sql(field.type))};
    }
    TRY(check_text(*batch.column(index), field.name));
  }
  return {};
}

// The next batch with rows for this thread; false: there is none.
Result<bool> advance(const Binding& binding, Scan& scan, Cursor& cursor) {
  cursor.at = 0;
  if (binding.input->is_batch) {
    do {
      size_t claimed = scan.next++;
      if (claimed >= binding.state->batches->size()) return false;
      cursor.batch = (*binding.state->batches)[claimed];
      cursor.first_row = binding.state->first_rows[claimed];
    } while (cursor.batch->num_rows() == 0);
    TRY(check_columns(*binding.input, scan, *cursor.batch));
    return true;
  }
  while (true) {
    if (!cursor.reader) {
      size_t claimed = scan.next++;
      if (claimed >= scan.parts.size()) return false;
      cursor.reader = TRY(scan.parts[claimed]());
    }
    cursor.batch = TRY_ARROW(cursor.reader->Next());
    if (!cursor.batch) {
      cursor.reader = nullptr;
    } else if (cursor.batch->num_rows() > 0) {
      TRY(check_columns(*binding.input, scan, *cursor.batch));
      return true;
    }
  }
}

void show_row_numbers(int64_t first, int64_t count, duckdb_vector vector) {
  auto* numbers = static_cast<int64_t*>(duckdb_vector_get_data(vector));
  for (int64_t i = 0; i < count; ++i) numbers[i] = first + i;
}

Result<int64_t> fill(const Binding& binding, Scan& scan, Cursor& cursor, duckdb_data_chunk output) {
  if (!cursor.batch || cursor.at == cursor.batch->num_rows()) {
    bool more = TRY(advance(binding, scan, cursor));
    if (!more) {
      cursor.batch = nullptr;
      return int64_t{0};
    }
  }
  const auto& input = *binding.input;
  int64_t count = std::min<int64_t>(cursor.batch->num_rows() - cursor.at,
                                    static_cast<int64_t>(duckdb_vector_size()));
  if (input.is_batch) {
    count = std::min(count, binding.state->rows_at_once);
    binding.state->shown = cursor.first_row + cursor.at + count;
  }
  int position = 0;
  for (size_t i = 0; i < scan.columns.size(); ++i) {
    auto* vector = duckdb_data_chunk_get_vector(output, i);
    size_t column = scan.columns[i];
    if (column >= input.schema.fields.size()) {
      show_row_numbers(cursor.first_row + cursor.at, count, vector);
      continue;
    }
    int index = input.is_batch ? static_cast<int>(column) : position++;
    TRY(input.columns[column].show(cursor.batch->column(index), cursor.at, count, vector));
  }
  cursor.at += count;
  return count;
}

void scan_rows(duckdb_function_info info, duckdb_data_chunk output) {
  auto& binding = *static_cast<Binding*>(duckdb_function_get_bind_data(info));
  auto& scan = *static_cast<Scan*>(duckdb_function_get_init_data(info));
  auto& cursor = *static_cast<Cursor*>(duckdb_function_get_local_init_data(info));
  auto count = fill(binding, scan, cursor, output);
  if (!count) {
    duckdb_function_set_error(info, count.error().message.c_str());
    binding.state->fail(std::move(count).error());
    return;
  }
  duckdb_data_chunk_set_size(output, static_cast<idx_t>(*count));
}

}  // namespace

void register_input(duckdb_connection connection, const Registry& registry) {
  TableFunctionHandle function(duckdb_create_table_function());
  auto text = logical_type(Kind::String);
  duckdb_table_function_set_name(function.get(), kInputFunction);
  duckdb_table_function_add_parameter(function.get(), text.get());
  duckdb_table_function_set_extra_info(function.get(), const_cast<Registry*>(&registry), nullptr);
  duckdb_table_function_set_bind(function.get(), bind);
  duckdb_table_function_set_init(function.get(), init);
  duckdb_table_function_set_local_init(function.get(), local_init);
  duckdb_table_function_set_function(function.get(), scan_rows);
  duckdb_table_function_supports_projection_pushdown(function.get(), true);
  auto done = duckdb_register_table_function(connection, function.get());
  CHECK(done == DuckDBSuccess, "DuckDB takes the function");
}

}  // namespace ticklake::query
