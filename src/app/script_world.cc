#include "app/script_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "app/project.h"
#include "base/text.h"
#include "formats/formats.h"

namespace ticklake::app {
namespace {

constexpr int kIdleStepsMax = 100'000;

// A file system in memory where there is one: nothing here outlives the test, so no disk need be
// waited for.
std::string scratch_parent() {
  const char* chosen = std::getenv("TMPDIR");
  if (chosen != nullptr && *chosen == '/') return chosen;
  const char* in_memory = "/dev/shm";
  return ::access(in_memory, W_OK | X_OK) == 0 ? in_memory : "/tmp";
}

Result<io::Path> make_folder() {
  std::string pattern = io::join(scratch_parent(), "ticklake_test_XXXXXX");
  if (::mkdtemp(pattern.data()) == nullptr) {
    return Error{Code::Unavailable,
                 fmt::format("no folder for the test can be made in {}; set TMPDIR to a directory "
                             "that can be written",
                             scratch_parent())};
  }
  return pattern;
}

// A registry is somewhere else, and tests reach nothing that is.
std::shared_ptr<io::Http> no_network() {
  return std::make_shared<io::MemoryHttp>([](const io::HttpRequest&) -> Result<io::HttpResponse> {
    return Error{Code::Unsupported, "ticklake test uses no network"};
  });
}

std::string in_backticks(const std::string& name) {
  std::string out = "`";
  for (char c : name) out += c == '`' ? "``" : std::string(1, c);
  return out + "`";
}

std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// Files hold any value where the table would hold none.
Schema nullable(Schema schema) {
  for (auto& field : schema.fields) {
    field.nullable = true;
    field.comment.clear();
    field.metadata.clear();
  }
  return schema;
}

// A test that gives no file has an empty directory, which a statement may read.
void make_directory(const io::Path& folder, const std::map<std::string, std::string>& arguments) {
  auto path = arguments.find("path");
  if (path == arguments.end()) return;
  std::string_view name = std::string_view(path->second).substr(path->second.rfind('/') + 1);
  bool is_plain = path->second.find_first_of("*?[{:") == std::string::npos &&
                  path->second.find("..") == std::string::npos;
  if (!is_plain || path->second.starts_with('/') || name.find('.') != std::string::npos) return;
  std::error_code ignored;  // what reads it says that it is not there
  std::filesystem::create_directories(io::join(folder, path->second), ignored);
}

std::string folder_of(const std::string& table) { return "given/" + table; }

// The statement that fills the table from files of its rows.
Result<sql::Statement> filled_from_files(const engine::Table& table) {
  bool is_view = table.kind == engine::Table::Kind::MaterializedView;
  std::vector<std::string> name;
  for (const auto& part : name_parts(table.name)) name.push_back(in_backticks(part));
  std::string text = fmt::format(
      "CREATE {} {} AS SELECT * FROM {}read_files({}, format => 'json', mode => 'FAILFAST', "
      "partitionColumns => '', schema => {})",
      is_view ? "MATERIALIZED VIEW" : "STREAMING TABLE", joined(name, "."),
      is_view ? "" : "STREAM ", in_quotes(folder_of(table.name)),
      in_quotes(to_ddl(nullable(table.schema))));
  auto statements = TRY(sql::parse(text, "given " + table.name));
  return std::move(statements.front());
}

}  // namespace

ScriptWorld::ScriptWorld(Environment& environment, ProjectOptions options, io::Path folder)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      environment_{environment.files, clock_, environment.http, environment.out, environment.err} {}

Result<std::unique_ptr<ScriptWorld>> ScriptWorld::open(Environment& environment,
                                                       const ProjectOptions& project) {
  io::Path folder = TRY(make_folder());
  std::unique_ptr<ScriptWorld> world(new ScriptWorld(environment, project, folder));
  world->topics_ =
      TRY(broker::open("embedded", io::join(folder, "storage/topics"), {}, world->clock_));
  return world;
}

ScriptWorld::~ScriptWorld() {
  topics_.reset();
  std::error_code ignored;
  if (!kept_) std::filesystem::remove_all(folder_, ignored);
}

void ScriptWorld::set(const std::string& setting) {
  options_.settings.push_back(setting);
  loaded_.reset();
}

// Variables of the environment that are not set are empty: who runs the tests need not know the
// passwords of a broker that no test reaches.
Result<engine::Project> ScriptWorld::load() {
  auto variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
  };
  engine::LoadOptions load_options{.target = options_.target,
                                   .overrides = TRY(key_values(options_.settings, "set")),
                                   .environment = variable,
                                   .http = no_network()};
  auto& files = environment_.files;
  auto project = TRY(engine::load_project(files, options_.directory, load_options));
  environment_.secrets.add(project.secrets);
  project.directory = folder_;
  project.storage = io::join(folder_, "storage");
  project.warehouse = io::join(project.storage, "tables");
  project.topics = io::join(project.storage, "topics");
  auto columns = engine::file_columns(files, project.directory, project.storage);
  project.file_columns = [columns, folder = folder_](const auto& arguments, bool streaming) {
    make_directory(folder, arguments);
    return columns(arguments, streaming);
  };
  return project;
}

Result<void> ScriptWorld::replace_given(engine::Project& project) {
  auto graph = TRY(engine::build_graph(project, clock_.now_us()));
  for (const auto& name : given_) {
    auto parts = name_parts(name);
    const engine::Table* table = parts.size() > 3 ? nullptr : graph.find(project, parts);
    if (table == nullptr || table->kind >= engine::Table::Kind::Quarantine) {
      std::vector<std::string> names;
      for (const auto& candidate : graph.tables) {
        names.push_back(name_parts(candidate.name).back());
      }
      std::string near = nearest(parts.back(), names);
      return Error{Code::NotFound,
                   fmt::format("given {}: the project has no such table{}", printable(name),
                               near.empty() ? "" : fmt::format("; did you mean {}?", near))};
    }
    auto filled = TRY(filled_from_files(*table));
    std::erase_if(project.statements, [&](const sql::Statement& statement) {
      bool is_flow = statement.kind == sql::Statement::Kind::Flow;
      const auto& fills = is_flow ? statement.target : statement.name;
      return equal_ignoring_case(project.canonical(fills), table->name);
    });
    project.statements.push_back(std::move(filled));
    given_schemas_[table->name] = nullable(table->schema);
    std::error_code problem;
    std::filesystem::create_directories(io::join(folder_, folder_of(table->name)), problem);
  }
  return {};
}

Result<void> ScriptWorld::check_files(const Loaded& loaded) const {
  for (const auto& dataset : loaded.graph.datasets) {
    for (const auto& input : dataset.plan.inputs) {
      auto outside = engine::path_of_table(input.table);
      bool is_here = !outside || (outside->find("..") == std::string::npos &&
                                  loaded.project.table_path(input.table).starts_with(folder_));
      if (!is_here) {
        return Error{Code::Unsupported,
                     fmt::format("{} reads the table {}, which is outside the test; read it in a "
                                 "materialized view of its own, and give that one its rows: given "
                                 "NAME",
                                 dataset.table, printable(*outside))};
      }
      auto path = input.files.find("path");
      if (path == input.files.end()) continue;
      bool is_inside = path->second.find(':') == std::string::npos &&
                       !path->second.starts_with('/') &&
                       path->second.find("..") == std::string::npos;
      if (is_inside) continue;
      return Error{Code::Unsupported,
                   fmt::format("{} reads {}, which is outside the test; make the path a value of "
                               "the project's configuration, and give the test one of its own: set "
                               "KEY=in",
                               dataset.table, printable(path->second))};
    }
  }
  return {};
}

Result<const ScriptWorld::Loaded*> ScriptWorld::loaded() {
  if (!loaded_) {
    auto project = TRY(load());
    TRY(replace_given(project));
    auto graph = TRY(engine::build_graph(project, clock_.now_us()));
    Loaded loaded{std::move(project), std::move(graph)};
    TRY(check_files(loaded));
    loaded_ = std::move(loaded);
  }
  return &*loaded_;
}

Result<void> ScriptWorld::give(const std::string& table, const std::string& json_lines) {
  const Loaded* now = TRY(loaded());
  std::string name = now->project.canonical(name_parts(table));
  auto schema = std::ranges::find_if(
      given_schemas_, [&](const auto& entry) { return equal_ignoring_case(entry.first, name); });
  CHECK(schema != given_schemas_.end(), "a given table was declared");
  auto rows = formats::from_json_lines(json_lines, schema->second);
  if (!rows) return rows.error();
  return write_file(fmt::format("{}/{:06}.json", folder_of(schema->first), ++steps_given_),
                    json_lines);
}

Result<void> ScriptWorld::write_file(const std::string& path, const std::string& bytes) {
  bool is_inside = !path.starts_with('/') && path.find("..") == std::string::npos;
  if (!is_inside) {
    return Error{Code::Invalid, fmt::format("file {}: its path is relative to the project, without "
                                            "..",
                                            printable(path))};
  }
  io::Path whole = io::join(folder_, path);
  TRY(environment_.files.put(whole, bytes));
  timespec time{.tv_sec = clock_.now_us() / 1'000'000,
                .tv_nsec = clock_.now_us() % 1'000'000 * 1'000};
  timespec times[] = {time, time};
  if (::utimensat(AT_FDCWD, whole.c_str(), times, 0) == 0) return {};
  return Error{Code::Unavailable, whole + ": its time cannot be set"};
}

Result<void> ScriptWorld::make_topics(const engine::Graph& graph) {
  for (const auto& dataset : graph.datasets) {
    for (const auto& input : dataset.plan.inputs) {
      auto topic = input.kafka.find("subscribe");
      if (topic == input.kafka.end()) continue;
      auto made = topics_->create(topic->second, {.partitions = 1});
      if (!made && made.error().code != Code::Conflict) return made;
    }
  }
  return {};
}

Result<void> ScriptWorld::run(const std::vector<std::string>& full_refresh,
                              const Signals& signals) {
  const Loaded* now = TRY(loaded());
  TRY(make_topics(now->graph));
  engine::World world{
      .files = environment_.files,
      .clock = clock_,
      .topics = [this](const auto&, const auto&) -> Result<std::shared_ptr<broker::Topics>> {
        return topics_;
      }};
  engine::RunOptions options{.once = true, .full_refresh = full_refresh};
  auto pipeline = TRY(engine::Pipeline::open(now->project, std::move(world), std::move(options)));
  auto result = step_to_end(*pipeline, signals);
  flows_ = pipeline->status();
  return result;
}

Result<void> ScriptWorld::step_to_end(engine::Pipeline& pipeline, const Signals& signals) {
  std::string problem;
  for (int idle = 0; idle < kIdleStepsMax;) {
    if (signals.stopping()) return Error{Code::Unavailable, "stopped by a signal"};
    auto report = TRY(pipeline.step());
    if (!report.problem.empty()) problem = fmt::format("flow {}: {}", report.flow, report.problem);
    if (report.kind == engine::StepReport::Kind::Finished) return {};
    if (report.kind == engine::StepReport::Kind::Worked) continue;
    ++idle;
    clock_.advance_us(std::max<int64_t>(report.wait_us, 1'000));
  }
  return Error{Code::Unavailable,
               "the run does not come to its end" + (problem.empty() ? "" : "; " + problem)};
}

}  // namespace ticklake::app
