#include "tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "file_flow.h"
#include "graph_flows.h"
#include "rows.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

std::string type_of(const Field& field) { return field.name + " " + to_sql(field.type); }

// What keeps `stored` from being `wanted`; "" where nothing does.
std::string difference(const Schema& stored, const Schema& wanted) {
  for (const auto& field : wanted.fields) {
    int index = stored.find(field.name);
    if (index < 0) return fmt::format("the statement has {}, the table does not", type_of(field));
    const auto& other = stored.fields[static_cast<size_t>(index)];
    if (to_sql(other.type) != to_sql(field.type)) {
      return fmt::format("the statement has {}, the table {}", type_of(field), type_of(other));
    }
  }
  for (const auto& field : stored.fields) {
    if (wanted.find(field.name) < 0) {
      return fmt::format("the table has {}, the statement does not", type_of(field));
    }
  }
  for (size_t i = 0; i < wanted.fields.size(); ++i) {
    if (!equal_ignoring_case(stored.fields[i].name, wanted.fields[i].name)) {
      return "the columns are in another order";
    }
  }
  return "";
}

delta::Metadata metadata_of(const Context& context, const Table& table, const Dataset* dataset) {
  delta::Metadata out;
  out.name = table.name;
  out.schema = table.schema;
  out.created_ms = context.world.clock.now_ms();
  if (dataset == nullptr) return out;
  out.description = dataset->statement.comment;
  out.partition_columns = dataset->statement.partition_columns;
  out.configuration = dataset->statement.properties;
  return out;
}

const Dataset* dataset_of(const Context& context, const std::string& name) {
  for (const auto& dataset : context.graph.datasets) {
    if (dataset.table == name) return &dataset;
  }
  return nullptr;
}

Result<std::set<std::string>> to_refresh(const Context& context) {
  std::set<std::string> out;
  std::vector<std::string> names;
  for (const auto& dataset : context.graph.datasets) names.push_back(dataset.table);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const auto& wanted : context.options.full_refresh) {
    if (equal_ignoring_case(wanted, "all")) {
      out.insert(names.begin(), names.end());
      continue;
    }
    const Table* table = context.graph.find(context.project, split(wanted, '.'));
    if (table == nullptr || dataset_of(context, table->name) == nullptr) {
      std::string near = nearest(wanted, names);
      return Error{Code::Invalid,
                   fmt::format("--full-refresh {}: no such table in this project; {}", wanted,
                               near.empty() ? "it makes: " + joined(names, ", ")
                                            : "did you mean " + near + "?")};
    }
    out.insert(table->name);
  }
  // What AUTO CDC fills is made of its events anew, and they of the source; windows of joined rows.
  for (const auto& dataset : context.graph.datasets) {
    if (dataset.inputs.empty()) continue;
    bool joins = dataset.inputs[0] == dataset.flow + std::string(kRowsSuffix);
    if ((dataset.changes || joins) && out.contains(dataset.table)) out.insert(dataset.inputs[0]);
  }
  return out;
}

// A table that streams from one that is emptied would see its rows go.
Result<void> check_downstream(const Context& context, const std::set<std::string>& refreshed) {
  std::map<std::string, std::string> emptied;  // to the table that asks for it
  for (const auto& dataset : context.graph.datasets) {
    if (!refreshed.contains(dataset.table)) continue;
    emptied[dataset.table] = dataset.table;
    for (const auto& beside : {dataset.quarantine, dataset.late}) {
      if (beside) emptied[*beside] = dataset.table;
    }
  }
  for (const auto& dataset : context.graph.datasets) {
    if (!dataset.plan.streaming || refreshed.contains(dataset.table)) continue;
    for (const auto& read : dataset.plan.inputs) {
      const std::string& input = read.table;
      auto cause = emptied.find(input);
      bool is_joined = !read.streaming && !dataset.changes;  // and met again as it then is
      if (cause == emptied.end() || is_joined) continue;
      return Error{Code::Invalid,
                   fmt::format("--full-refresh of {} empties {}, and {} streams from "
                               "it; refresh both: --full-refresh {},{}",
                               cause->second, cause->second == input ? "it" : input, dataset.table,
                               cause->second, dataset.table)};
    }
  }
  return {};
}

// Empties the table in one version, which also tells readers of progress to begin anew.
Result<void> empty(Context& context, const Table& table, const Dataset* dataset,
                   const delta::Snapshot& snapshot) {
  delta::Transaction transaction;
  transaction.operation = "FULL REFRESH";
  int64_t now_ms = context.world.clock.now_ms();
  for (const auto& file : snapshot.files()) {
    transaction.removes.push_back({.path = file.path, .deleted_ms = now_ms});
  }
  delta::Metadata metadata = metadata_of(context, table, dataset);
  metadata.id = snapshot.metadata().id;
  metadata.created_ms = snapshot.metadata().created_ms;
  transaction.metadata = std::move(metadata);
  std::string id = generation_id(context, table.name);
  auto before = snapshot.txn(id);
  transaction.txns[id] = before.value_or(0) + 1;
  transaction.expected_txns[id] = before;
  transaction.reads_table = true;
  TRY(delta::commit(context.world.files, context.world.clock, snapshot, std::move(transaction)));
  return {};
}

// Progress is kept under the pipeline's name: under another one all input would be read again.
Result<void> check_pipeline_name(const Context& context, const Table& table,
                                 const delta::Snapshot& snapshot) {
  const std::string start = "ticklake/";
  std::string other;
  for (const auto& [id, value] : snapshot.txns()) {
    if (id.starts_with(start + context.project.name + "/")) return {};
    if (!id.starts_with(start)) continue;
    other = id.substr(start.size(), id.find('/', start.size()) - start.size());
  }
  if (other.empty()) return {};
  return Error{Code::Invalid, fmt::format("it was filled under another pipeline name ({}); restore "
                                          "'name: {}' or rebuild it with --full-refresh {}",
                                          printable(other), printable(other), table.name)};
}

// What the statement's TBLPROPERTIES say now. Properties that others set stay.
Result<void> set_properties(Context& context, const Dataset& dataset,
                            const delta::Snapshot& snapshot) {
  delta::Metadata metadata = snapshot.metadata();
  for (const auto& [name, value] : dataset.statement.properties) {
    metadata.configuration[name] = value;
  }
  if (metadata.configuration == snapshot.metadata().configuration) return {};
  delta::Transaction transaction;
  transaction.operation = "SET TBLPROPERTIES";
  transaction.metadata = std::move(metadata);
  TRY(delta::commit(context.world.files, context.world.clock, snapshot, std::move(transaction)));
  return {};
}

// New columns of files: rows that are there have NULL in them.
Result<void> add_columns(Context& context, const Table& table, const delta::Snapshot& snapshot) {
  delta::Transaction transaction;
  transaction.operation = "ADD COLUMNS";
  delta::Metadata metadata = snapshot.metadata();
  metadata.schema = table.schema;
  transaction.metadata = std::move(metadata);
  TRY(delta::commit(context.world.files, context.world.clock, snapshot, std::move(transaction)));
  return {};
}

Result<void> prepare_table(Context& context, const Table& table, const Dataset* dataset,
                           bool refresh, bool grows) {
  auto snapshot = delta::open(context.world.files, table.path);
  if (!snapshot && snapshot.error().code == Code::NotFound) {
    auto made = delta::create(context.world.files, context.world.clock, table.path,
                              metadata_of(context, table, dataset));
    if (made) return {};
    return made.error();
  }
  if (!snapshot) return snapshot.error();
  if (refresh) return empty(context, table, dataset, *snapshot);
  TRY(check_pipeline_name(context, table, *snapshot));
  std::string differs = difference(snapshot->schema(), table.schema);
  if (!differs.empty() && grows && grows_into(snapshot->schema().fields, table.schema.fields)) {
    return add_columns(context, table, *snapshot);
  }
  if (!differs.empty()) {
    return Error{Code::Invalid, fmt::format("the stored schema differs: {}; rebuild it with "
                                            "--full-refresh {}, or restore the statement",
                                            differs, table.name)};
  }
  std::vector<std::string> partitions;
  if (dataset != nullptr) partitions = dataset->statement.partition_columns;
  if (snapshot->metadata().partition_columns != partitions) {
    return Error{Code::Invalid,
                 fmt::format("the table is stored PARTITIONED BY ({}), the statement says ({}); "
                             "remove the table's folder {} or restore the statement",
                             joined(snapshot->metadata().partition_columns, ", "),
                             joined(partitions, ", "), table.path)};
  }
  return dataset != nullptr ? set_properties(context, *dataset, *snapshot) : Result<void>();
}

// New columns of what it reads become its own.
bool brings_columns(const Project& project, const Dataset& dataset,
                    const std::set<std::string>& growing) {
  const auto& payloads = dataset.plan.payload_functions;
  return adds_columns(project, dataset) ||
         std::any_of(payloads.begin(), payloads.end(),
                     [](const auto& payload) { return payload.writers != nullptr; }) ||
         std::any_of(dataset.inputs.begin(), dataset.inputs.end(),
                     [&](const auto& input) { return growing.contains(input); });
}

}  // namespace

Result<void> prepare_tables(Context& context) {
  auto refreshed = TRY(to_refresh(context));
  TRY(check_downstream(context, refreshed));
  std::set<std::string> growing;  // what reads files or subjects whose new columns become its own
  const auto& datasets = context.graph.datasets;
  for (auto first = datasets.begin(); first != datasets.end();) {
    auto last = std::find_if(first, datasets.end(),
                             [&](const auto& other) { return other.table != first->table; });
    bool refresh = refreshed.contains(first->table);
    bool grows = std::any_of(first, last, [&](const auto& dataset) {
      return brings_columns(context.project, dataset, growing);
    });
    if (grows) growing.insert(first->table);
    // Those beside it first: killed in between, the table's old progress still fits their rows.
    std::vector<std::string> names;
    std::string late;
    for (auto dataset = first; dataset != last; ++dataset) late += dataset->late.value_or("");
    if (first->quarantine) names.push_back(*first->quarantine);
    if (!late.empty()) names.push_back(late);
    names.push_back(first->table);
    for (const auto& name : names) {
      const Table* table = context.graph.find(context.project, split(name, '.'));
      CHECK(table != nullptr, "the graph lists every table");
      const Dataset* own = name == first->table ? &*first : nullptr;
      auto prepared = prepare_table(context, *table, own, refresh, grows && (own || name == late));
      if (!prepared) return prefixed("table " + name, prepared.error());
    }
    first = last;
  }
  return {};
}

}  // namespace ticklake::engine
