#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>

#include "formats/formats.h"
#include "query/by_row.h"
#include "query/errors.h"
#include "query/functions.h"

namespace ticklake::query {
class FromJsonFunctions::Function {
 public:
  static Result<std::unique_ptr<Function>> make(duckdb_connection connection,
                                                const Registry& registry, const Schema& schema,
                                                std::string name) {
    auto function = std::make_unique<Function>();
    function->registry_ = &registry;
    function->schema_ = schema;
    function->name_ = std::move(name);
    for (const auto& field : schema.fields) {
      function->fields_.push_back(TRY(ColumnImport::make(connection, field.type)));
    }
    function->give_back(TRY(Worker::make(schema)));
    TRY(function->register_at(connection));
    return function;
  }

  const Schema& schema() const { return schema_; }
  const std::string& name() const { return name_; }

 private:
  // What one call needs; kept for the next one, since simdjson's buffers are dear.
  struct Worker {
    std::unique_ptr<formats::JsonDecoder> decoder;
    std::vector<std::string_view> texts;
    std::vector<bool> valid;

    static Result<std::unique_ptr<Worker>> make(const Schema& schema) {
      auto worker = std::make_unique<Worker>();
      worker->decoder = TRY(formats::JsonDecoder::make(schema));
      return worker;
    }
  };

  Result<std::unique_ptr<Worker>> take() {
    {
      std::scoped_lock lock(mutex_);
      if (!workers_.empty()) {
        auto worker = std::move(workers_.back());
        workers_.pop_back();
        return worker;
      }
    }
    return Worker::make(schema_);
  }

  void give_back(std::unique_ptr<Worker> worker) {
    std::scoped_lock lock(mutex_);
    workers_.push_back(std::move(worker));
  }

  Result<void> register_at(duckdb_connection connection) {
    ScalarFunctionHandle function(duckdb_create_scalar_function());
    auto number = logical_type(Kind::Long);
    auto text = logical_type(Kind::String);
    auto result = logical_type(Type::structure(schema_.fields));
    duckdb_scalar_function_set_name(function.get(), name_.c_str());
    duckdb_scalar_function_add_parameter(function.get(), number.get());
    duckdb_scalar_function_add_parameter(function.get(), text.get());
    duckdb_scalar_function_add_parameter(function.get(), number.get());
    duckdb_scalar_function_set_return_type(function.get(), result.get());
    duckdb_scalar_function_set_special_handling(function.get());
    // Else DuckDB computes it once below each filter on its fields.
    duckdb_scalar_function_set_volatile(function.get());
    duckdb_scalar_function_set_extra_info(function.get(), this, nullptr);
    duckdb_scalar_function_set_function(function.get(), &Function::call);
    if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess) {
      return Error{Code::Unsupported, "DuckDB refuses the result type of from_json"};
    }
    return {};
  }

  static void call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    auto& function = *static_cast<Function*>(duckdb_scalar_function_get_extra_info(info));
    if (duckdb_data_chunk_get_size(input) == 0) return;
    auto* numbers =
        static_cast<const int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0)));
    auto state = function.registry_->find(numbers[0]);
    if (!state) return duckdb_scalar_function_set_error(info, "from_json outlived its statement");
    auto done = function.decode(*state, input, output);
    if (!done) {
      duckdb_scalar_function_set_error(info, marked(done.error().message).c_str());
      state->fail(std::move(done).error());
    }
  }

  Result<void> decode(State& state, duckdb_data_chunk input, duckdb_vector output) {
    auto worker = TRY(take());
    auto count = static_cast<int64_t>(duckdb_data_chunk_get_size(input));
    read_texts(input, count, *worker);
    auto rows = TRY(worker->decoder->decode(worker->texts, worker->valid));
    for (size_t i = 0; i < fields_.size(); ++i) {
      auto* child = duckdb_struct_vector_get_child(output, i);
      TRY(fields_[i].show(rows.batch->column(static_cast<int>(i)), 0, count, child));
    }
    mark_nulls(*worker, output);
    if (!rows.failures.empty()) state.add(errors_of(rows.failures, *worker, input));
    give_back(std::move(worker));
    return {};
  }

  static void read_texts(duckdb_data_chunk input, int64_t count, Worker& worker) {
    auto* vector = duckdb_data_chunk_get_vector(input, 1);
    auto* strings = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
    auto* mask = duckdb_vector_get_validity(vector);
    worker.texts.clear();
    worker.valid.clear();
    if (mask != nullptr) worker.valid.assign(static_cast<size_t>(count), true);
    for (int64_t row = 0; row < count; ++row) {
      bool valid = duckdb_validity_row_is_valid(mask, static_cast<idx_t>(row));
      worker.texts.push_back(valid ? view(strings[row]) : std::string_view());
      if (!valid) worker.valid[static_cast<size_t>(row)] = false;
    }
  }

  // As Spark: a text of nothing but blanks and control characters is no struct at all.
  static bool is_blank(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) <= ' '; });
  }

  static void mark_nulls(const Worker& worker, duckdb_vector output) {
    for (size_t row = 0; row < worker.texts.size(); ++row) {
      bool valid = worker.valid.empty() || worker.valid[row];
      if (valid && !is_blank(worker.texts[row])) continue;
      duckdb_vector_ensure_validity_writable(output);
      duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
    }
  }

  static std::vector<DecodeError> errors_of(std::vector<formats::JsonDecoder::Failure>& failures,
                                            const Worker& worker, duckdb_data_chunk input) {
    auto* numbers =
        static_cast<const int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 2)));
    auto* numbered = duckdb_vector_get_validity(duckdb_data_chunk_get_vector(input, 2));
    std::vector<DecodeError> errors;
    for (auto& failure : failures) {
      auto at = static_cast<size_t>(failure.row);
      bool known = duckdb_validity_row_is_valid(numbered, at);
      errors.push_back(
          {known ? numbers[at] : -1, std::string(worker.texts[at]), std::move(failure.reason)});
    }
    return errors;
  }

  const Registry* registry_ = nullptr;
  Schema schema_;
  std::string name_;
  std::vector<ColumnImport> fields_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

FromJsonFunctions::FromJsonFunctions(duckdb_connection connection, const Registry& registry)
    : connection_(connection), registry_(registry) {}
FromJsonFunctions::~FromJsonFunctions() = default;

Result<std::string> FromJsonFunctions::make(const Schema& schema) {
  for (const auto& function : functions_) {
    if (function->schema() == schema) return function->name();
  }
  auto name = fmt::format("ticklake_from_json_s{}", functions_.size());
  functions_.push_back(TRY(Function::make(connection_, registry_, schema, name)));
  return name;
}

}  // namespace ticklake::query
