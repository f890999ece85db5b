// Market functions. ticklake_ema_rows(statement, x ORDER BY ..) OVER (..) gathers the rows of a
// partition as a series and gives its number; ticklake_ema(statement, series, row number, period)
// gives the indicator's value at the row. DuckDB fills a window's aggregate by several threads, so
// the order is in the aggregate itself, where DuckDB sorts before it calls.
//
// Invariant: for the same reason all rows of an update belong to one state. The order must
// therefore never be one that DuckDB can leave out: the printed text ends it with ticklake_tie(x).
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "query/by_row.h"
#include "query/errors.h"
#include "query/functions.h"

namespace ticklake::query {
namespace {

struct MarketFunction {
  const Registry& registry;
  const Indicator& indicator;

  // In DuckDB, which destroys it.
  static MarketFunction* make(const Registry& registry, const Indicator& indicator) {
    return std::make_unique<MarketFunction>(MarketFunction{registry, indicator}).release();
  }
  static void destroy(void* pointer) { delete static_cast<MarketFunction*>(pointer); }
};

// Rows of a partition so far, as DuckDB holds them in its own memory.
struct Gathered {
  std::shared_ptr<State> state;  // of the statement
  std::vector<double> rows;
};
struct Slot {
  Gathered* gathered;
};

Slot* slot_of(duckdb_aggregate_state state) { return reinterpret_cast<Slot*>(state); }

// What the slot held; it is empty then.
std::unique_ptr<Gathered> taken(duckdb_aggregate_state state) {
  return std::unique_ptr<Gathered>(std::exchange(slot_of(state)->gathered, nullptr));
}

const MarketFunction& function_of(duckdb_function_info info) {
  return *static_cast<MarketFunction*>(duckdb_aggregate_function_get_extra_info(info));
}

idx_t state_size(duckdb_function_info) { return sizeof(Slot); }

void begin(duckdb_function_info, duckdb_aggregate_state state) {
  slot_of(state)->gathered = std::make_unique<Gathered>().release();
}

void end(duckdb_aggregate_state* states, idx_t count) {
  for (idx_t i = 0; i < count; ++i) taken(states[i]);
}

double value_at(duckdb_vector column, idx_t row) {
  if (!duckdb_validity_row_is_valid(duckdb_vector_get_validity(column), row))
    return std::numeric_limits<double>::quiet_NaN();
  return static_cast<const double*>(duckdb_vector_get_data(column))[row];
}

// DuckDB forgets the states of an update that fails, so what they hold goes first.
void fail_update(duckdb_function_info info, duckdb_aggregate_state state, Error error) {
  auto gathered = taken(state);
  duckdb_aggregate_function_set_error(info, marked(error.message).c_str());
  if (gathered->state) gathered->state->fail(std::move(error));
}

void update(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state* states) {
  idx_t count = duckdb_data_chunk_get_size(input);
  if (count == 0) return;
  const MarketFunction& function = function_of(info);
  Gathered& gathered = *slot_of(states[0])->gathered;
  if (!gathered.state) {
    auto number = Column<int64_t>::get(duckdb_data_chunk_get_vector(input, 0), 0);
    gathered.state = function.registry.find(number);
  }
  if (!gathered.state) {
    return fail_update(info, states[0],
                       {Code::Corrupt, "a market function outlived its statement"});
  }
  size_t inputs = function.indicator.inputs;
  size_t taken_a_row = (inputs + function.indicator.width()) * sizeof(double);
  if (!gathered.state->series.reserve(static_cast<int64_t>(count * taken_a_row))) {
    auto message = fmt::format(
        "the rows of {}() take more than {} MiB of memory; ask for fewer of them with WHERE, or "
        "for "
        "candles in place of ticks",
        function.indicator.name, gathered.state->series.bytes_max() >> 20);
    return fail_update(info, states[0], {Code::Unavailable, std::move(message)});
  }
  std::array<duckdb_vector, 3> columns = {};
  for (size_t i = 0; i < inputs; ++i) columns[i] = duckdb_data_chunk_get_vector(input, i + 1);
  for (idx_t row = 0; row < count; ++row) {
    for (size_t i = 0; i < inputs; ++i) gathered.rows.push_back(value_at(columns[i], row));
  }
}

// Only for completeness: rows come when they are sorted, by one caller a partition.
void combine(duckdb_function_info, duckdb_aggregate_state* sources, duckdb_aggregate_state* targets,
             idx_t count) {
  for (idx_t i = 0; i < count; ++i) {
    Gathered& source = *slot_of(sources[i])->gathered;
    Gathered& target = *slot_of(targets[i])->gathered;
    if (!target.state) target.state = source.state;
    target.rows.insert(target.rows.end(), source.rows.begin(), source.rows.end());
  }
}

void finish(duckdb_function_info, duckdb_aggregate_state* states, duckdb_vector result, idx_t count,
            idx_t offset) {
  for (idx_t i = 0; i < count; ++i) {
    Gathered& gathered = *slot_of(states[i])->gathered;
    if (gathered.state) {
      auto number = gathered.state->series.add(std::exchange(gathered.rows, {}));
      Column<int64_t>::put(result, offset + i, number);
    } else {
      set_null(result, offset + i);
    }
  }
}

// The values of the series that a vector's rows are of: mostly the same one.
class Lookup {
 public:
  Lookup(const Indicator& indicator, duckdb_data_chunk input)
      : indicator_(indicator),
        series_(duckdb_data_chunk_get_vector(input, 1)),
        rows_(duckdb_data_chunk_get_vector(input, 2)) {
    for (size_t i = 0; i < indicator.parameters.size(); ++i)
      parameters_.push_back(value_at(duckdb_data_chunk_get_vector(input, 3 + i), 0));
  }

  // Those of the row; empty where there is no such row.
  std::span<const double> at(State& state, idx_t row) {
    int64_t number = Column<int64_t>::get(series_, row);
    if (!values_ || number != number_) {
      auto series = state.series.find(number);
      if (!series) return {};
      values_ = series->values(indicator_, parameters_);
      number_ = number;
    }
    size_t width = indicator_.width();
    auto begin = static_cast<size_t>(Column<int64_t>::get(rows_, row) - 1) * width;
    if (begin + width > values_->size()) return {};
    return std::span(*values_).subspan(begin, width);
  }

 private:
  const Indicator& indicator_;
  duckdb_vector series_;
  duckdb_vector rows_;
  std::vector<double> parameters_;
  Series::Values values_;
  int64_t number_ = 0;
};

void put(duckdb_vector column, idx_t row, double value) {
  if (std::isfinite(value)) {
    Column<double>::put(column, row, value);
  } else {
    set_null(column, row);
  }
}

void look_up(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  idx_t count = duckdb_data_chunk_get_size(input);
  if (count == 0) return;
  const auto& function = *static_cast<MarketFunction*>(duckdb_scalar_function_get_extra_info(info));
  auto number = Column<int64_t>::get(duckdb_data_chunk_get_vector(input, 0), 0);
  auto state = function.registry.find(number);
  if (!state)
    return duckdb_scalar_function_set_error(info, "a market function outlived its statement");
  Lookup lookup(function.indicator, input);
  bool nested = function.indicator.width() > 1;
  for (idx_t row = 0; row < count; ++row) {
    auto values = lookup.at(*state, row);
    if (values.empty())
      return duckdb_scalar_function_set_error(info, "a market function has no such row");
    for (size_t i = 0; i < values.size(); ++i)
      put(nested ? duckdb_struct_vector_get_child(output, i) : output, row, values[i]);
  }
}

void register_rows(duckdb_connection connection, const Registry& registry,
                   const Indicator& indicator, const std::string& name) {
  AggregateFunctionHandle function(duckdb_create_aggregate_function());
  auto number = logical_type(Kind::Long);
  auto value = logical_type(Kind::Double);
  duckdb_aggregate_function_set_name(function.get(), (name + "_rows").c_str());
  duckdb_aggregate_function_add_parameter(function.get(), number.get());
  for (size_t i = 0; i < indicator.inputs; ++i)
    duckdb_aggregate_function_add_parameter(function.get(), value.get());
  duckdb_aggregate_function_set_return_type(function.get(), number.get());
  duckdb_aggregate_function_set_special_handling(function.get());
  duckdb_aggregate_function_set_extra_info(
      function.get(), MarketFunction::make(registry, indicator), MarketFunction::destroy);
  duckdb_aggregate_function_set_functions(function.get(), state_size, begin, update, combine,
                                          finish);
  duckdb_aggregate_function_set_destructor(function.get(), end);
  auto done = duckdb_register_aggregate_function(connection, function.get());
  CHECK(done == DuckDBSuccess, name);
}

void register_lookup(duckdb_connection connection, const Registry& registry,
                     const Indicator& indicator, const std::string& name) {
  ScalarFunctionHandle function(duckdb_create_scalar_function());
  auto number = logical_type(Kind::Long);
  auto parameter = logical_type(Kind::Double);
  auto result = logical_type(indicator.type());
  duckdb_scalar_function_set_name(function.get(), name.c_str());
  for (int i = 0; i < 3; ++i) duckdb_scalar_function_add_parameter(function.get(), number.get());
  for (size_t i = 0; i < indicator.parameters.size(); ++i)
    duckdb_scalar_function_add_parameter(function.get(), parameter.get());
  duckdb_scalar_function_set_return_type(function.get(), result.get());
  duckdb_scalar_function_set_special_handling(function.get());
  duckdb_scalar_function_set_extra_info(function.get(), MarketFunction::make(registry, indicator),
                                        MarketFunction::destroy);
  duckdb_scalar_function_set_function(function.get(), look_up);
  auto done = duckdb_register_scalar_function(connection, function.get());
  CHECK(done == DuckDBSuccess, name);
}

// A number for each double, of which equal ones mean that rows are the same to an indicator.
int64_t tie(double value) { return std::bit_cast<int64_t>(value); }

}  // namespace

std::vector<Native> market_natives() { return {by_row<tie>("ticklake_tie")}; }

void register_market_functions(duckdb_connection connection, const Registry& registry) {
  for (const Indicator& indicator : indicators()) {
    std::string name = "ticklake_" + std::string(indicator.name);
    register_rows(connection, registry, indicator, name);
    register_lookup(connection, registry, indicator, name);
  }
}

}  // namespace ticklake::query
