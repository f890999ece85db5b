#include "app/project.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"

namespace ticklake::app {

namespace {

constexpr std::string_view kKafkaPrefix = "kafka.";
constexpr std::string_view kBootstrap = "kafka.bootstrap";

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return {};
  return std::string(value);
}

io::Path state_directory() {
  auto state = environment_variable("XDG_STATE_HOME");
  if (state && state->starts_with('/')) return io::join(*state, "ticklake");
  auto home = environment_variable("HOME");
  if (home && home->starts_with('/')) return io::join(*home, ".local/state/ticklake");
  return {};
}

io::Path without_end_slash(io::Path path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

Result<bool> has_log(io::FileStore& files, const io::Path& root) {
  return !TRY(files.list(io::join(root, "_delta_log"))).empty();
}

bool makes_table(const sql::Statement& statement) {
  using Kind = sql::Statement::Kind;
  return statement.kind != Kind::TemporaryView && statement.kind != Kind::Flow;
}

Error unknown_table(const engine::Project& project, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& statement : project.statements) {
    if (makes_table(statement)) {
      names.push_back(statement.name.back());
    }
  }
  std::string near = nearest(name_parts(name).back(), names);
  return Error{Code::NotFound,
               fmt::format("no table {} in project {}{}", printable(name), project.name,
                           near.empty() ? "" : fmt::format("; did you mean {}?", near))};
}

}  // namespace

Result<engine::Project> load(Environment& environment, const ProjectOptions& options) {
  engine::LoadOptions load_options{.target = options.target,
                                   .overrides = TRY(key_values(options.settings, "--set")),
                                   .environment = environment_variable};
  auto project = TRY(engine::load_project(environment.files, options.directory, load_options));
  environment.secrets.add(project.secrets);
  return project;
}

namespace {

constexpr std::string_view kRegistryPrefix = "registry.";

bool needs_no_project(const TopicOptions& options) {
  return !options.directory.empty() ||
         (!options.bootstrap.empty() && options.bootstrap != "embedded");
}

// Of ${env:NAME} and ${file:PATH}.
std::optional<std::string> value_outside(Environment& environment, const io::Path& directory,
                                         const std::string& name) {
  if (name.starts_with("env:")) return environment_variable(name.substr(4));
  if (!name.starts_with("file:")) return {};
  std::string path = name.substr(5);
  if (!path.starts_with('/')) path = io::join(directory, path);
  auto text = environment.files.read(path);
  if (!text) return {};
  return std::string(trimmed(*text));
}

// --set where there is no project: only what says how to reach a broker.
Result<std::map<std::string, std::string>> broker_settings(Environment& environment,
                                                           const ProjectOptions& options) {
  auto settings = TRY(key_values(options.settings, "--set"));
  auto lookup = [&](const std::string& name) { return value_outside(environment, ".", name); };
  for (auto& [key, value] : settings) {
    if (!key.starts_with(kKafkaPrefix) && !key.starts_with(kRegistryPrefix)) {
      return Error{Code::Invalid, fmt::format("--set {}: with --bootstrap or --directory only "
                                              "kafka.* and registry.* can be set",
                                              printable(key))};
    }
    auto replaced = substituted(value, lookup);
    if (!replaced.unknown.empty()) {
      return Error{Code::Invalid,
                   fmt::format("--set {}: '${{{}}}' has no value; write ${{env:NAME}} of a "
                               "variable that is set, or ${{file:PATH}} of a file that can be read",
                               printable(key), printable(replaced.unknown.front()))};
    }
    value = replaced.text;
    if (names_secret(key)) environment.secrets.add(value);
  }
  return settings;
}

}  // namespace

Result<std::vector<sources::SourceSpec>> source_specs(Environment& environment,
                                                      const engine::Project& project) {
  std::vector<sources::SourceSpec> specs;
  auto secrets = [&](const std::string& name) {
    return value_outside(environment, project.directory, name);
  };
  for (const auto& file : project.sources) {
    for (const auto& name : secret_references(file.text)) {
      environment.secrets.add(secrets(name).value_or(""));
    }
    specs.push_back(TRY(sources::parse_spec(file.text, file.path, secrets)));
  }
  return specs;
}

Result<sources::OpenOptions> source_options(Environment& environment,
                                            const engine::Project& project, bool once) {
  return sources::OpenOptions{.project_directory = project.directory,
                              .lease_directory = io::join(project.storage, "sources"),
                              .http = &environment.http,
                              .registry = TRY(project_registry(environment, project)),
                              .state_directory = state_directory(),
                              .once = once};
}

Result<std::shared_ptr<broker::SchemaRegistry>> project_registry(Environment& environment,
                                                                 const engine::Project& project) {
  auto settings = broker::registry_settings(project.configuration);
  if (settings.url.empty()) return std::shared_ptr<broker::SchemaRegistry>();
  if (!settings.ca_file.empty() && !settings.ca_file.starts_with('/')) {
    settings.ca_file = io::join(project.directory, settings.ca_file);
  }
  // The environment outlives all that it is used for.
  std::shared_ptr<io::Http> http(&environment.http, [](io::Http*) {});
  return broker::SchemaRegistry::make(std::move(settings), std::move(http));
}

Result<std::shared_ptr<broker::SchemaRegistry>> open_registry(Environment& environment,
                                                              const TopicOptions& options) {
  engine::Project project{.directory = "."};
  if (needs_no_project(options)) {
    project.configuration = TRY(broker_settings(environment, options.project));
  } else {
    project = TRY(load(environment, options.project));
  }
  auto registry = TRY(project_registry(environment, project));
  if (registry) return registry;
  return Error{Code::Invalid, "records with a schema need a schema registry: set registry.url in "
                              "the configuration of spark-pipeline.yml, or give --set "
                              "registry.url=ADDRESS"};
}

std::vector<std::string> name_parts(const std::string& name) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (char byte : name) {
    if (byte == '`') {
      quoted = !quoted;
    } else if (byte == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += byte;
    }
  }
  return parts;
}

Result<io::Path> table_root(Environment& environment, const ProjectOptions& options,
                            const std::string& path_or_name) {
  auto parts = name_parts(path_or_name);
  if (parts.size() == 2 && equal_ignoring_case(parts[0], "delta")) return parts[1];
  io::Path path = without_end_slash(path_or_name);
  bool is_path = path.find('/') != std::string::npos || path.starts_with('.');
  if (is_path || TRY(has_log(environment.files, path))) return path;
  engine::Project project = TRY(load(environment, options));
  if (parts.size() > 3) {
    return Error{Code::Invalid, fmt::format("{}: a table's name has at most three parts",
                                            printable(path_or_name))};
  }
  std::string name = project.canonical(parts);
  io::Path root = project.table_path(name);
  if (TRY(has_log(environment.files, root))) return root;
  for (const auto& statement : project.statements) {
    if (makes_table(statement) && project.canonical(statement.name) == name) {
      return Error{Code::NotFound,
                   fmt::format("table {} has not been made yet; run: ticklake run --project {} "
                               "--once",
                               name, options.directory)};
    }
  }
  return unknown_table(project, path_or_name);
}

std::optional<int64_t> row_count(const delta::Snapshot& snapshot) {
  int64_t rows = 0;
  for (const auto& file : snapshot.files()) {
    auto records = file.records();
    if (!records) return {};
    rows += *records;
  }
  return rows;
}

std::map<std::string, std::string> kafka_settings(const engine::Project& project) {
  std::map<std::string, std::string> settings;
  for (const auto& [key, value] : project.configuration) {
    bool is_client = key.starts_with(kKafkaPrefix) && key != kBootstrap;
    if (is_client) settings[key.substr(kKafkaPrefix.size())] = value;
  }
  return broker::kafka_paths_in(project.directory, std::move(settings));
}

Result<std::string> kafka_bootstrap(const engine::Project& project) {
  auto bootstrap = project.configuration.find(std::string(kBootstrap));
  if (bootstrap != project.configuration.end()) return bootstrap->second;
  auto profile = project.configuration.find("kafka.profile");
  if (profile == project.configuration.end()) return std::string("embedded");
  return Error{Code::Invalid,
               fmt::format("kafka.profile is {}, but kafka.bootstrap, the broker's host:port, is "
                           "missing in the project's configuration",
                           printable(profile->second))};
}

Result<std::unique_ptr<broker::Topics>> project_topics(Environment& environment,
                                                       const engine::Project& project) {
  auto bootstrap = TRY(kafka_bootstrap(project));
  return broker::open(bootstrap, project.topics, kafka_settings(project), environment.clock);
}

Result<std::unique_ptr<broker::Topics>> open_topics(Environment& environment,
                                                    const TopicOptions& options) {
  if (!needs_no_project(options)) {
    engine::Project project = TRY(load(environment, options.project));
    if (!options.bootstrap.empty()) project.configuration[std::string(kBootstrap)] = "embedded";
    return project_topics(environment, project);
  }
  std::string bootstrap = options.bootstrap.empty() ? "embedded" : options.bootstrap;
  engine::Project none{.directory = "."};
  none.configuration = TRY(broker_settings(environment, options.project));
  return broker::open(bootstrap, options.directory, kafka_settings(none), environment.clock);
}

Result<std::map<std::string, std::string>> key_values(const std::vector<std::string>& texts,
                                                      const std::string& option) {
  std::map<std::string, std::string> map;
  for (const auto& text : texts) {
    size_t at = text.find('=');
    if (at == std::string::npos || at == 0) {
      return Error{Code::Invalid,
                   fmt::format("{} {}: write it as KEY=VALUE", option, printable(text))};
    }
    map[text.substr(0, at)] = text.substr(at + 1);
  }
  return map;
}

}  // namespace ticklake::app
