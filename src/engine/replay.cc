// Rows leave a quarantine for their table in three commits, of which each may be the last before a
// kill. N is the replay's number, one more than any before.
//
//   quarantine: rows that pass now are put into files of their own, tagged N; those that fail get
//               their new reasons; txn = N
//   table:      the rows made of the files tagged N; txn = N
//   quarantine: the files tagged N go
//
// Invariant: rows in files tagged N are in the table exactly if the table's txn is N. So they are
// removed first, by whoever opens the quarantine next (settle_replay), and no new number is given
// before. A file tagged with another number holds quarantined rows as any other.
#include "replay.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/engine.h"
#include "flow.h"
#include "kept_rows.h"
#include "lease.h"
#include "quarantine.h"
#include "row_edits.h"
#include "rows.h"
#include "stateless_rows.h"
#include "table_reader.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

constexpr const char* kFileColumn = "__file";
constexpr const char* kPlaceColumn = "__place";
// Beside kReplayTag: whose query the rows have passed. Another flow's is not to go on with them.
constexpr const char* kFlowTag = "ticklake.replayFlow";

// The rows of files of the quarantine that are looked at, and what their query says to them now.
struct Judged {
  NumberedFiles files;
  Batches rows;                         // with file and place
  std::vector<std::string> reasons;     // of each row; "": it passes
  Made made;                            // of all that could be read
  bool all_pass() const {
    return std::all_of(reasons.begin(), reasons.end(), [](auto& text) { return text.empty(); });
  }
};

// A row that would stop a flow stays where it is.
Dataset keeping_aside(Dataset dataset) {
  for (auto& expectation : dataset.statement.expectations) {
    bool fails = expectation.on_violation == sql::Expectation::OnViolation::FailUpdate;
    if (fails) expectation.on_violation = sql::Expectation::OnViolation::DropRow;
  }
  return dataset;
}

class ReplayImpl final : public Replay {
 public:
  ReplayImpl(std::unique_ptr<Lease> lease, std::unique_ptr<Context> context, Dataset dataset,
             TableWriter table, TableWriter quarantine, sql::Plan chosen)
      : lease_(std::move(lease)),
        context_(std::move(context)),
        dataset_(keeping_aside(std::move(dataset))),
        id_(replay_id(*context_, *dataset_.quarantine)),
        table_(std::move(table)),
        quarantine_(std::move(quarantine)),
        chosen_(std::move(chosen)) {}

  Result<void> prepare();
  Result<StepReport> step() override;
  ReplayCounts counts() const override { return counts_; }
  std::string table() const override { return dataset_.table; }

 private:
  Result<Judged> judge(std::vector<delta::AddFile> files, const sql::Plan* chosen);
  Result<void> judge_rows(const arrow::RecordBatch& rows, Judged& out);
  Result<std::optional<Version>> put_apart(const Judged& judged);
  Result<delta::Transaction> without(const delta::AddFile& file, std::vector<int64_t> gone,
                                     std::vector<Piece> added);
  Result<Version> add(const Judged& judged, int64_t number);
  KnownPartitions known_partitions(const std::vector<Piece>& pieces) const;
  StepReport worked(Version version) const {
    return {.kind = StepReport::Kind::Worked, .flow = dataset_.name, .version = version};
  }

  std::unique_ptr<Lease> lease_;
  std::unique_ptr<Context> context_;
  Dataset dataset_;
  std::string id_;
  TableWriter table_, quarantine_;
  sql::Plan chosen_;  // the rows that are asked for
  std::optional<StatelessRows> rows_;
  std::optional<KeptRowsReader> kept_;
  std::set<std::string> seen_;  // files of the quarantine, by path
  ReplayCounts counts_;
};

Result<void> ReplayImpl::prepare() {
  Settings settings =
      TRY(settings_of(context_->project.configuration, dataset_.statement.properties));
  settings.quarantine.errors = true;
  settings.quarantine.expectations = true;
  rows_ = TRY(StatelessRows::open(*context_, dataset_, settings));
  kept_ = TRY(KeptRowsReader::open(*context_, dataset_));
  return {};
}

Result<StepReport> ReplayImpl::step() {
  const auto& clock = context_->world.clock;
  auto settled = TRY(settle_replay(clock, quarantine_, id_, table_.txns()));
  if (settled) return worked(*settled);
  int64_t number = quarantine_.snapshot().txn(id_).value_or(0);
  auto files = TableReader::in_order(quarantine_.snapshot().files());
  std::vector<delta::AddFile> apart;
  std::copy_if(files.begin(), files.end(), std::back_inserter(apart),
               [&](const auto& file) {
                 auto flow = file.tags.find(kFlowTag);
                 bool is_own = flow != file.tags.end() && flow->second == dataset_.name;
                 return is_own && is_of_replay(file, number);
               });
  if (!apart.empty()) {
    Judged judged = TRY(judge(std::move(apart), nullptr));
    // Else the query is another one than when they were put apart.
    if (judged.all_pass()) return worked(TRY(add(judged, number)));
  }
  for (const auto& file : files) {
    if (!seen_.insert(file.path).second) continue;
    Judged judged = TRY(judge({file}, &chosen_));
    auto version = TRY(put_apart(judged));
    if (version) return worked(*version);
  }
  return StepReport{.kind = StepReport::Kind::Finished, .flow = dataset_.name};
}

// Without `chosen`: all rows of the files.
Result<Judged> ReplayImpl::judge(std::vector<delta::AddFile> files, const sql::Plan* chosen) {
  Judged out{.files = {.snapshot = quarantine_.snapshot(), .files = std::move(files)}};
  auto input = out.files.input(context_->world.files, kFileColumn, kPlaceColumn);
  if (chosen != nullptr) {
    query::Request request{.sql = chosen->duckdb_sql, .output = chosen->output};
    request.inputs[chosen->inputs[0].id] = std::move(input);
    auto statement = TRY(context_->database->prepare(std::move(request)));
    out.rows = TRY(statement->run({})).batches;
  } else {
    for (const auto& open : TRY(input.parts(names_of(input.schema)))) {
      auto reader = TRY(open());
      for (BatchPtr batch;;) {
        TRY_STATUS(reader->ReadNext(&batch));
        if (!batch) break;
        if (batch->num_rows() > 0) out.rows.push_back(std::move(batch));
      }
    }
  }
  for (const auto& batch : out.rows) TRY(judge_rows(*batch, out));
  return out;
}

Result<void> ReplayImpl::judge_rows(const arrow::RecordBatch& rows, Judged& out) {
  auto first = out.reasons.size();
  out.reasons.resize(first + static_cast<size_t>(rows.num_rows()));
  KeptRows kept = TRY(kept_->read(rows));
  for (auto& [row, reason] : kept.unreadable) {
    out.reasons[first + static_cast<size_t>(row)] = std::move(reason);
  }
  Made made = TRY(rows_->make(kept.pieces, RowPlaces(kept.pieces)));
  CHECK(!made.fatal, "no row stops a replay");
  for (auto& [row, bad] : made.bad) {
    auto at = static_cast<size_t>(row);
    out.reasons[first + static_cast<size_t>(kept.numbers[at])] = kept.lines[at] + bad.reason;
  }
  for (auto& piece : made.pieces) out.made.pieces.push_back(std::move(piece));
  out.made.rows_out += made.rows_out;
  out.made.joined_with = std::move(made.joined_with);
  return {};
}

// The file written anew, without the rows at some places and with others.
Result<delta::Transaction> ReplayImpl::without(const delta::AddFile& file,
                                               std::vector<int64_t> gone,
                                               std::vector<Piece> added) {
  std::sort(gone.begin(), gone.end());
  const auto& world = context_->world;
  std::vector<Piece> rows;
  auto reader = TRY(delta::read(world.files, quarantine_.snapshot(), file));
  int64_t place = 0;
  for (BatchPtr batch;; place += batch->num_rows()) {
    TRY_STATUS(reader->ReadNext(&batch));
    if (!batch) break;
    std::vector<bool> keep;
    for (int64_t row = place; row < place + batch->num_rows(); ++row) {
      keep.push_back(!std::binary_search(gone.begin(), gone.end(), row));
    }
    rows.push_back({Partition(0), TRY(filtered(batch, keep))});
  }
  for (auto& piece : added) rows.push_back(std::move(piece));
  std::erase_if(rows, [](const Piece& piece) { return piece.rows->num_rows() == 0; });
  delta::Transaction out;
  out.adds = TRY(quarantine_.write(rows, {.all = {Partition(0)}}));
  out.removes.push_back({.path = file.path, .deleted_ms = world.clock.now_ms()});
  return out;
}

// Of one file: rows that pass into files of their own, the others with their new reasons. Nothing
// where nothing changes.
Result<std::optional<Version>> ReplayImpl::put_apart(const Judged& judged) {
  std::vector<int64_t> gone;
  std::vector<Piece> passing, rest;
  size_t number = 0;
  for (const auto& batch : judged.rows) {
    std::vector<bool> passes, fails_anew;
    arrow::StringBuilder reasons;
    for (int64_t row = 0; row < batch->num_rows(); ++row, ++number) {
      const std::string& reason = judged.reasons[number];
      bool is_known = text_at(*batch->GetColumnByName("reason"), row) == reason;
      passes.push_back(reason.empty());
      fails_anew.push_back(!reason.empty() && !is_known);
      TRY_STATUS(reasons.Append(reason));
      counts_.rows += 1;
      counts_.kept += reason.empty() ? 0 : 1;
      if (!reason.empty() && is_known) continue;
      gone.push_back(*number_at(*batch->GetColumnByName(kPlaceColumn), row));
    }
    int width = batch->num_columns() - 2;  // without file and place
    BatchPtr plain = TRY(first_columns(batch, width));
    passing.push_back({Partition(0), TRY(filtered(plain, passes))});
    int at = plain->schema()->GetFieldIndex("reason");
    std::shared_ptr<arrow::Array> texts;
    TRY_STATUS(reasons.Finish(&texts));
    BatchPtr told = TRY_ARROW(plain->SetColumn(at, plain->schema()->field(at), texts));
    rest.push_back({Partition(0), TRY(filtered(told, fails_anew))});
  }
  if (gone.empty()) return std::optional<Version>();
  std::erase_if(passing, [](const Piece& piece) { return piece.rows->num_rows() == 0; });
  auto transaction = TRY(without(judged.files.files[0], std::move(gone), std::move(rest)));
  int64_t next = std::max(quarantine_.snapshot().txn(id_).value_or(0),
                          table_.snapshot().txn(id_).value_or(0)) +
                 1;
  for (auto& file : TRY(quarantine_.write(passing, {.all = {Partition(0)}}))) {
    file.tags[kReplayTag] = std::to_string(next);
    file.tags[kFlowTag] = dataset_.name;
    transaction.adds.push_back(std::move(file));
  }
  for (const auto& file : transaction.adds) seen_.insert(file.path);
  transaction.operation = "REPLAY";
  transaction.txns[id_] = next;
  Version version = TRY(quarantine_.commit(std::move(transaction)));
  return std::optional(version);
}

// As the newest rows of the table tell them: replayed ones say nothing new about partitions.
KnownPartitions ReplayImpl::known_partitions(const std::vector<Piece>& pieces) const {
  auto files = TableReader::in_order(table_.snapshot().files());
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    if (!file->tags.contains(kPartitionsTag)) continue;
    auto tag = partition_tag_of(*file);
    if (!tag) continue;
    return {.all = tag->partitions, .idle = tag->idle, .ended = tag->ended};
  }
  KnownPartitions out;
  for (const auto& piece : pieces) out.all.insert(piece.partition);
  return out;
}

Result<Version> ReplayImpl::add(const Judged& judged, int64_t number) {
  std::vector<Piece> pieces = judged.made.pieces;
  for (auto& piece : pieces) {
    piece.partition = table_.stage().partition_of(dataset_.name, piece.partition);
  }
  auto known = known_partitions(pieces);
  for (auto& piece : pieces) {
    // One that the readers do not know would hold back their watermark for ever.
    if (!known.all.contains(piece.partition)) piece.partition = *known.all.begin();
  }
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.parameters = {
      {"outputMode", "Append"}, {"flow", dataset_.flow}, {"replayOf", *dataset_.quarantine}};
  if (!judged.made.joined_with.empty()) {
    transaction.parameters["joinedVersions"] = to_json(judged.made.joined_with);
  }
  transaction.adds = TRY(table_.write(pieces, known));
  transaction.txns[id_] = number;
  Version version = TRY(table_.commit(std::move(transaction)));
  counts_.taken += std::ssize(judged.reasons);
  counts_.rows_added += judged.made.rows_out;
  return version;
}

// ---- opening

Error invalid(std::string text) { return Error{Code::Invalid, std::move(text)}; }

// The dataset whose rows were put aside.
Result<Dataset> found(const Context& context, const ReplayOptions& options) {
  const auto& project = context.project;
  const Table* table = context.graph.find(project, split(options.table, '.'));
  std::vector<std::string> keeping, flows;
  std::optional<Dataset> out;
  for (const auto& dataset : context.graph.datasets) {
    if (!dataset.quarantine) continue;
    keeping.push_back(*dataset.quarantine);
    bool is_meant = table != nullptr && (dataset.table == table->name ||
                                         dataset.quarantine == table->name ||
                                         dataset.quarantine == table->name + "__quarantine");
    if (!is_meant) continue;
    flows.push_back(dataset.name);
    bool is_named = options.flow.empty() || equal_ignoring_case(options.flow, dataset.name) ||
                    equal_ignoring_case(project.canonical(split(options.flow, '.')), dataset.name);
    if (is_named) out = dataset;
  }
  std::string known = keeping.empty()
                          ? "no table of this project has a quarantine; TBLPROPERTIES"
                            "('ticklake.quarantine' = ..) asks for one"
                          : "the quarantines are: " + joined(keeping, ", ");
  if (table == nullptr) return invalid(fmt::format("no table {}; {}", options.table, known));
  if (flows.empty()) return invalid(fmt::format("{} has no quarantine; {}", table->name, known));
  if (!out) return invalid(fmt::format("no flow {}; {} is filled by: {}", options.flow, table->name,
                                       joined(flows, ", ")));
  if (options.flow.empty() && flows.size() > 1) {
    return invalid(fmt::format("several flows fill {} and its quarantine: say with --flow whose "
                               "query the rows are to go through, and choose its rows with "
                               "--where; the flows are: {}",
                               table->name, joined(flows, ", ")));
  }
  return *std::move(out);
}

Result<void> check_readers(const Context& context, const std::string& quarantine) {
  for (const auto& dataset : context.graph.datasets) {
    for (const auto& input : dataset.plan.inputs) {
      if (!input.streaming || input.table != quarantine) continue;
      return invalid(fmt::format("{} streams from {}, and a stream takes only rows that are added; "
                                 "replay takes rows away. Read it without STREAM first",
                                 dataset.name, quarantine));
    }
  }
  return {};
}

// SELECT of the rows that are meant, with their places.
Result<sql::Plan> chosen_rows(const Context& context, const std::string& name,
                              const Schema& columns, const std::string& where) {
  Schema schema = columns;
  schema.fields.push_back({kFileColumn, Kind::Long});
  schema.fields.push_back({kPlaceColumn, Kind::Long});
  sql::Catalog catalog;
  catalog.find = [&](const std::vector<std::string>&) {
    return std::optional(sql::Relation{.name = name, .schema = schema, .view = nullptr});
  };
  std::string text = "SELECT * FROM quarantine";
  if (!where.empty()) text += " WHERE (" + where + "\n)";
  auto statements = TRY(sql::parse(text, "--where"));
  sql::AnalyzeOptions at{.file = "--where", .now_us = context.world.clock.now_us()};
  auto plan = TRY(sql::analyze(statements.at(0), catalog, at));
  bool is_condition = statements.size() == 1 && plan.inputs.size() == 1;
  if (!is_condition) return invalid("--where: not a condition over the quarantine's columns");
  return plan;
}

}  // namespace

Result<std::unique_ptr<Replay>> Replay::open(Project project, World world, ReplayOptions options) {
  auto lease = TRY(Lease::take(project.storage));
  auto context = TRY(open_context(std::move(project), std::move(world), {.once = true}));
  Dataset dataset = TRY(found(*context, options));
  TRY(check_readers(*context, *dataset.quarantine));
  auto table = TRY(TableWriter::open(*context, dataset.path, dataset.table, dataset.name));
  io::Path root = context->project.table_path(*dataset.quarantine);
  auto quarantine = TRY(TableWriter::open(*context, root, *dataset.quarantine));
  auto chosen = TRY(chosen_rows(*context, *dataset.quarantine, quarantine.snapshot().schema(),
                                options.where));
  auto out = std::make_unique<ReplayImpl>(std::move(lease), std::move(context), std::move(dataset),
                                          std::move(table), std::move(quarantine),
                                          std::move(chosen));
  TRY(out->prepare());
  return std::unique_ptr<Replay>(std::move(out));
}

}  // namespace ticklake::engine
