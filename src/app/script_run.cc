#include "app/script_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "app/project.h"
#include "app/script_rows.h"
#include "app/script_world.h"
#include "app/sql_inputs.h"
#include "base/text.h"
#include "base/time.h"

namespace ticklake::app {
namespace {

using Step = ScriptStep::Kind;

Result<int64_t> time_of(const std::string& text) {
  auto time = parse_timestamp(text);
  if (time) return time->micros;
  return Error{Code::Invalid,
               fmt::format("{} is not a time; write it as 2026-01-05T14:30:00Z", printable(text))};
}

Result<int32_t> number_of(const std::string& option, const std::string& text) {
  bool digits = !text.empty() && text.size() <= 6 &&
                text.find_first_not_of("0123456789") == std::string::npos;
  if (digits) return std::stoi(text);
  return Error{Code::Invalid, fmt::format("{}={}: a number is expected", option, printable(text))};
}

// A row's order counts where the query itself says one: not in a subquery, a window or a text.
bool is_ordered(const std::string& query) {
  std::string outside;
  int depth = 0;
  char quote = '\0';
  for (size_t i = 0; i < query.size(); ++i) {
    char c = query[i];
    if (quote != '\0') {
      if (c == '\\') ++i;
      if (c == quote) quote = '\0';
      continue;
    }
    if (c == '\'' || c == '"' || c == '`') quote = c;
    if (query.compare(i, 2, "--") == 0) i = std::min(query.find('\n', i), query.size() - 1);
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth == 0) outside += std::isspace(static_cast<unsigned char>(c)) != 0 ? ' ' : c;
  }
  std::string words = lowered(outside);
  for (size_t at = words.find("order"); at != std::string::npos; at = words.find("order", at + 1)) {
    if (trimmed(std::string_view(words).substr(at + 5)).starts_with("by")) return true;
  }
  return false;
}

std::string lines_text(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

Schema counters_schema(const engine::FlowStatus& flow) {
  Schema schema;
  for (const auto* name :
       {"rows_in", "rows_out", "dropped", "late", "undecodable", "quarantined"}) {
    schema.fields.push_back({.name = name, .type = Type{Kind::Long}});
  }
  for (const auto& count : flow.expectations) {
    schema.fields.push_back({.name = count.name, .type = Type{Kind::Long}});
  }
  return schema;
}

class ScriptRun {
 public:
  ScriptRun(const Script& script, const ScriptOptions& options, const Signals& signals)
      : script_(script), options_(options), signals_(signals) {}

  ScriptOutcome go(Environment& environment) {
    auto world = ScriptWorld::open(environment, options_.project);
    if (!world) {
      add_problem(1, world.error().message);
      return std::move(outcome_);
    }
    world_ = std::move(*world);
    for (const auto& step : script_.steps) {
      if (step.kind == Step::Given) world_->declare_given(step.argument);
    }
    for (const auto& step : script_.steps) {
      auto done = take(step);
      if (done) continue;
      const std::string& message = done.error().message;
      bool has_place = message.starts_with(script_.file) || message.starts_with(step.directive);
      add_problem(step.line, has_place ? message : step.directive + ": " + message);
      break;
    }
    if (!outcome_.problems.empty() && options_.keep) outcome_.kept = world_->keep();
    update();
    return std::move(outcome_);
  }

 private:
  struct Update {
    int first;  // line; the first is 1
    size_t count;
    std::vector<std::string> lines;
  };

  void add_problem(int line, const std::string& message) {
    std::string begin = fmt::format("{}:{}: ", script_.file, line);
    // What the project itself says wrong names its own file.
    std::string text = message.starts_with(script_.file) ? message : begin + message;
    if (world_) text = world_->environment().secrets.masked(text);
    outcome_.problems.push_back({line, std::move(text)});
  }

  Result<void> take(const ScriptStep& step) {
    switch (step.kind) {
      case Step::Set: world_->set(step.argument); return {};
      case Step::Now: return set_clock(step);
      case Step::Wait: return wait(step);
      case Step::Topic: return make_topic(step);
      case Step::Produce: return produce(step);
      case Step::File: return write_file(step);
      case Step::Given: return give(step);
      case Step::Run: ran_ = true; return world_->run({}, signals_);
      case Step::FullRefresh: ran_ = true; return world_->run({step.argument}, signals_);
      case Step::RunFails: return run_fails(step);
      case Step::Table: return check_table(step);
      case Step::Flow: return check_flow(step);
      case Step::Query: return check_query(step);
      case Step::QueryFails: return query_fails(step);
    }
    CHECK(false, "no such step");
  }

  // ---- what is given

  Result<void> set_clock(const ScriptStep& step) {
    int64_t time = TRY(time_of(step.argument));
    if (time < 0) return Error{Code::Invalid, "the clock shows times from 1970 on"};
    if (ran_ && time < world_->clock().now_us()) {
      return Error{Code::Invalid, fmt::format("it is {} already, and time does not go back",
                                              format_instant(world_->clock().now_us()))};
    }
    world_->clock().set(time);
    return {};
  }

  Result<void> wait(const ScriptStep& step) {
    auto duration_ms = delta::interval_ms(step.argument);
    if (!duration_ms) {
      return Error{Code::Invalid, fmt::format("{} is not a time; write it as '10 minutes'",
                                              printable(step.argument))};
    }
    world_->clock().advance_us(*duration_ms * kMicrosPerMilli);
    return {};
  }

  // A record that no flow reads is a slip of the pen.
  Result<void> check_topic(const std::string& name) {
    std::vector<std::string> names;
    const auto* loaded = TRY(world_->loaded());
    for (const auto& dataset : loaded->graph.datasets) {
      for (const auto& input : dataset.plan.inputs) {
        auto topic = input.kafka.find("subscribe");
        if (topic != input.kafka.end()) names.push_back(topic->second);
      }
    }
    if (std::ranges::find(names, name) != names.end()) return {};
    std::string near = nearest(name, names);
    std::string advice = near.empty() ? "the project's flows read " + joined(names, ", ")
                                      : fmt::format("did you mean {}?", near);
    if (names.empty()) advice = "the project's flows read none, or they are given";
    return Error{Code::Invalid,
                 fmt::format("nothing reads a topic {}; {}", printable(name), advice)};
  }

  Result<void> make_topic(const ScriptStep& step) {
    TRY(check_topic(step.argument));
    auto partitions = step.options.find("partitions");
    broker::TopicOptions options{.partitions = 1};
    if (partitions != step.options.end()) {
      options.partitions = TRY(number_of("partitions", partitions->second));
    }
    return world_->topics().create(step.argument, options);
  }

  Result<void> produce(const ScriptStep& step) {
    TRY(check_topic(step.argument));
    auto made = world_->topics().create(step.argument, {.partitions = 1});
    if (!made && made.error().code != Code::Conflict) return made;
    int64_t time_us = world_->clock().now_us();
    std::optional<Partition> partition;
    std::optional<std::string> key;
    for (const auto& [name, value] : step.options) {
      if (name == "at") time_us = TRY(time_of(value));
      if (name == "partition") partition = Partition(TRY(number_of(name, value)));
      if (name == "key") key = value;
    }
    auto writer = TRY(world_->topics().write(step.argument));
    for (const auto& line : step.block) {
      if (line.empty()) continue;
      broker::Record record{.key = key,
                            .value = step.options.contains("escaped") ? unescaped(line) : line,
                            .timestamp_ms = floor_to(time_us, kMicrosPerMilli) / kMicrosPerMilli};
      TRY(writer->append(std::move(record), partition));
    }
    return writer->flush();
  }

  Result<void> write_file(const ScriptStep& step) {
    std::string bytes = lines_text(step.block);
    if (step.options.contains("escaped")) bytes = unescaped(bytes);
    return world_->write_file(step.argument, bytes);
  }

  // The blank lines before it make the numbers of its lines those of the script.
  Result<void> give(const ScriptStep& step) {
    std::string above(static_cast<size_t>(step.block_line - 1), '\n');
    return world_->give(step.argument, above + lines_text(step.block));
  }

  // ---- what is expected

  static Result<void> check_words(const std::vector<std::string>& words, const Result<void>& result,
                                  std::string_view what) {
    if (result) return Error{Code::Invalid, fmt::format("{} did not fail", what)};
    for (const auto& line : words) {
      std::string expected(trimmed(line));
      if (result.error().message.find(expected) != std::string::npos) continue;
      return Error{Code::Invalid,
                   fmt::format("it failed with other words\n  expected  {}\n  found  "
                               "   {}",
                               expected, result.error().message)};
    }
    return {};
  }

  Result<void> run_fails(const ScriptStep& step) {
    ran_ = true;
    return check_words(step.block, world_->run({}, signals_), "the run");
  }

  Result<CellRows> ask(const std::string& query, int line) {
    const auto* loaded = TRY(world_->loaded());
    auto& environment = world_->environment();
    // The blank lines make its positions those of the script.
    std::string text = std::string(static_cast<size_t>(line - 1), '\n') + query;
    auto statements = TRY(sql::parse(text, script_.file));
    if (statements.size() != 1 || statements[0].kind != sql::Statement::Kind::Query) {
      return Error{Code::Invalid, "one SELECT is expected"};
    }
    std::optional<Error> problem;
    auto catalog = catalog_over(environment.files, loaded->project, loaded->graph, problem);
    auto plan = sql::analyze(statements[0], catalog,
                             {.file = script_.file, .now_us = world_->clock().now_us()});
    if (!plan) return problem ? *problem : plan.error();
    auto rows = rows_of(environment, loaded->project, script_.file, *plan);
    if (!rows && rows.error().code == Code::NotFound) {
      return Error{Code::NotFound, "the table has not been made; put a line 'run' above this one"};
    }
    if (!rows) return rows.error();
    return cell_rows(plan->output, *rows);
  }

  Result<void> query_fails(const ScriptStep& step) {
    auto block = cut_block(step);
    if (!block.is_cut) {
      return Error{Code::Invalid, "a line ---- is expected between the query and the words"};
    }
    if (trimmed(lines_text(block.expected)).empty()) {
      return Error{Code::Invalid, "words of the error are expected below ----"};
    }
    auto rows = ask(lines_text(block.query), step.block_line);
    return check_words(block.expected, rows ? Result<void>() : Result<void>(rows.error()),
                       "the query");
  }

  Result<void> check_query(const ScriptStep& step) {
    auto block = cut_block(step);
    if (!block.is_cut && !options_.update) {
      return Error{Code::Invalid, "a line ---- is expected between the query and its rows"};
    }
    std::string query = lines_text(block.query);
    auto found = TRY(ask(query, step.block_line));
    if (!block.is_cut) {
      updates_.push_back({block.expected_line - 1, 0, {step.indent + "----"}});
    }
    return check(step, block.expected, block.expected_line + (block.is_cut ? 0 : -1), found,
                 is_ordered(query));
  }

  // The columns that the test names, else all.
  static std::string column_list(const std::vector<std::string>& columns) {
    std::string list;
    for (const auto& column : columns) {
      list += list.empty() ? "`" : ", `";
      for (char c : column) list += c == '`' ? "``" : std::string(1, c);
      list += "`";
    }
    return list.empty() ? "*" : list;
  }

  Result<std::vector<std::string>> named_columns(const ScriptStep& step) {
    if (step.block.empty() && options_.update) return std::vector<std::string>();
    auto expected = parse_rows(step.block, step.block_line, script_.file);
    if (!expected) return expected.error();
    return expected->columns;
  }

  Result<void> check_table(const ScriptStep& step) {
    auto columns = TRY(named_columns(step));
    std::string query = fmt::format("SELECT {} FROM {}", column_list(columns), step.argument);
    auto found = ask(query, step.line);
    // Its position is in a query that nobody wrote.
    if (!found) {
      std::string message = found.error().message;
      size_t end = message.starts_with(script_.file) ? message.find(": ") : std::string::npos;
      return Error{found.error().code,
                   end == std::string::npos ? message : message.substr(end + 2)};
    }
    return check(step, step.block, step.block_line, *found, false);
  }

  Result<void> check_flow(const ScriptStep& step) {
    const engine::FlowStatus* flow = nullptr;
    std::vector<std::string> names;
    for (const auto& one : world_->flows()) {
      names.push_back(name_parts(one.name).back());
      bool is_it = equal_ignoring_case(one.name, step.argument) ||
                   equal_ignoring_case(names.back(), step.argument);
      if (is_it) flow = &one;
    }
    if (flow == nullptr) {
      std::string near = nearest(step.argument, names);
      if (near.empty()) near = joined(names, ", ");
      return Error{Code::NotFound, names.empty()
                                       ? "nothing has run; put a line 'run' above this one"
                                       : "no flow ran with this name; there is " + near};
    }
    CellRows all{.schema = counters_schema(*flow), .rows = {{}}};
    for (int64_t count : {flow->rows_in, flow->rows_out, flow->rows_dropped, flow->rows_late,
                          flow->rows_undecodable, flow->rows_quarantined}) {
      all.rows[0].push_back(std::to_string(count));
    }
    for (const auto& count : flow->expectations) {
      all.rows[0].push_back(std::to_string(count.failed));
    }
    auto columns = TRY(named_columns(step));
    if (columns.empty()) return check(step, step.block, step.block_line, all, false);
    CellRows found{.schema = {}, .rows = {{}}};
    for (const auto& column : columns) {
      int at = all.schema.find(column);
      if (at < 0) {
        std::vector<std::string> known;
        for (const auto& field : all.schema.fields) known.push_back(field.name);
        return Error{Code::Invalid, fmt::format("no counter {}; there are {}", printable(column),
                                                joined(known, ", "))};
      }
      found.schema.fields.push_back(all.schema.fields[static_cast<size_t>(at)]);
      found.rows[0].push_back(all.rows[0][static_cast<size_t>(at)]);
    }
    return check(step, step.block, step.block_line, found, false);
  }

  // A difference is no reason to stop: what comes later does not depend on what was expected.
  Result<void> check(const ScriptStep& step, const std::vector<std::string>& block, int first_line,
                     const CellRows& found, bool ordered) {
    std::string differs;
    if (!block.empty() || !options_.update) {
      auto expected = TRY(parse_rows(block, first_line, script_.file));
      std::vector<std::string> names;
      for (const auto& field : found.schema.fields) names.push_back(field.name);
      if (names != expected.columns) {
        differs = fmt::format("the columns are {}; expected are {}", joined(names, " | "),
                              joined(expected.columns, " | "));
      } else {
        differs = difference(expected, found, ordered);
      }
      if (differs.empty()) return {};
    }
    if (!options_.update) {
      while (differs.ends_with('\n')) differs.pop_back();
      add_problem(step.line, fmt::format("{}: {}", step.directive, differs));
      return {};
    }
    CellRows sorted = found;
    if (!ordered) std::ranges::sort(sorted.rows);
    auto lines = drawn_rows(sorted);
    for (auto& line : lines) line.insert(0, step.indent);
    updates_.push_back({first_line, block.size(), std::move(lines)});
    return {};
  }

  void update() {
    if (updates_.empty()) return;
    auto lines = script_.lines;
    for (auto one = updates_.rbegin(); one != updates_.rend(); ++one) {
      auto first = lines.begin() + (one->first - 1);
      auto at = lines.erase(first, first + static_cast<std::ptrdiff_t>(one->count));
      lines.insert(at, one->lines.begin(), one->lines.end());
    }
    outcome_.updated = joined(lines, "\n");
  }

  const Script& script_;
  const ScriptOptions& options_;
  const Signals& signals_;
  std::unique_ptr<ScriptWorld> world_;
  ScriptOutcome outcome_;
  std::vector<Update> updates_;  // from the first line to the last
  bool ran_ = false;
};

}  // namespace

ScriptOutcome run_script(Environment& environment, const Script& script,
                         const ScriptOptions& options, const Signals& signals) {
  auto begin = std::chrono::steady_clock::now();
  ScriptOutcome outcome = ScriptRun(script, options, signals).go(environment);
  auto spent = std::chrono::steady_clock::now() - begin;
  outcome.duration_us = std::chrono::duration_cast<std::chrono::microseconds>(spent).count();
  return outcome;
}

}  // namespace ticklake::app
