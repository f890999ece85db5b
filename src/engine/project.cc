#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/secrets.h"
#include "base/text.h"
#include "engine/engine.h"
#include "payload_functions.h"
#include "settings.h"
#include "spec.h"
#include "sql_pieces.h"

namespace ticklake::engine {
namespace {

constexpr int kSubstitutionDepthMax = 8;
constexpr std::string_view kDeltaPath = "delta.";

// Answers for ${...}. Configuration values may themselves refer to others.
class Substitution {
 public:
  Substitution(io::FileStore& files, io::Path directory, Lookup environment)
      : files_(files), directory_(std::move(directory)), environment_(std::move(environment)) {}

  std::map<std::string, std::string> variables;  // of the bundle: ${var.NAME}
  std::map<std::string, Located> configuration;
  Secrets secrets;  // of what was put in so far

  std::optional<std::string> find(const std::string& name, int depth = 0) const {
    if (name.starts_with("env:")) {
      return environment_ ? environment_(name.substr(4)) : std::optional<std::string>();
    }
    if (name.starts_with("file:")) {
      std::string path = name.substr(5);
      if (!path.starts_with("/")) path = io::join(directory_, path);
      auto text = files_.read(path);
      if (!text) return {};
      while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
      return *text;
    }
    auto value = written(name);
    if (!value || depth >= kSubstitutionDepthMax) return {};
    auto deeper =
        substituted(*value, [&](const std::string& inner) { return find(inner, depth + 1); });
    if (!deeper.unknown.empty()) return {};
    return deeper.text;
  }

  // Invalid, naming the place of the first unknown name.
  Result<std::string> apply(const Located& value) {
    auto out = substituted(value.text, [&](const std::string& name) {
      used_.insert(name);
      return find(name);
    });
    if (!out.unknown.empty()) return unknown(out.unknown.front(), value);
    for (const auto& name : secret_references(value.text)) secrets.add(find(name).value_or(""));
    return std::move(out.text);
  }
  // The same for SQL, where a value inside quotes cannot end them.
  Result<std::string> apply_in_sql(std::string text, const std::string& file) {
    Located value{.text = std::move(text), .file = file};
    std::string out;
    for (const auto& piece : sql_pieces(value.text)) {
      auto part = substituted(piece.text, [&](const std::string& name) {
        used_.insert(name);
        auto found = find(name);
        return found ? quoted_value(*std::move(found), piece.quote) : found;
      });
      if (!part.unknown.empty()) return unknown(part.unknown.front(), value);
      out += part.text;
    }
    for (const auto& name : secret_references(value.text)) secrets.add(find(name).value_or(""));
    return out;
  }

  // The same, but ${env:NAME} and ${file:PATH} stay: a text that is to be parsed, and shown where
  // it is wrong, is no place for secrets.
  Result<std::string> apply_but_secrets(std::string text, const std::string& file) {
    Located value{.text = std::move(text), .file = file};
    auto out = substituted(value.text, [&](const std::string& name) {
      used_.insert(name);
      bool secret = name.starts_with("env:") || name.starts_with("file:");
      return secret ? std::optional<std::string>("${" + name + "}") : find(name);
    });
    if (out.unknown.empty()) return std::move(out.text);
    return unknown(out.unknown.front(), value);
  }

  // The names that were asked for so far.
  const std::set<std::string>& used() const { return used_; }

 private:
  std::optional<std::string> written(const std::string& name) const {
    if (name.starts_with("var.")) {
      auto found = variables.find(name.substr(4));
      return found == variables.end() ? std::optional<std::string>() : found->second;
    }
    auto found = configuration.find(name);
    return found == configuration.end() ? std::optional<std::string>() : found->second.text;
  }

  Error unknown(const std::string& name, const Located& value) const {
    Located place = value.at(value.text.find("${" + name + "}"));
    std::string advice;
    if (name.starts_with("env:")) {
      advice = fmt::format("set the environment variable {}", name.substr(4));
    } else if (name.starts_with("file:")) {
      advice = fmt::format("the file {} cannot be read", name.substr(5));
    } else {
      std::vector<std::string> names;
      for (const auto& entry : configuration) names.push_back(entry.first);
      std::string near = nearest(name, names);
      advice = near.empty() ? "add it to 'configuration' in spark-pipeline.yml or give --set " +
                                  name + "=VALUE"
                            : fmt::format("did you mean '{}'?", near);
    }
    return {Code::Invalid,
            fmt::format("{}: '${{{}}}' has no value; {}", place.where(), printable(name), advice)};
  }

  io::FileStore& files_;
  io::Path directory_;
  Lookup environment_;
  std::set<std::string> used_;
};

Result<std::string> read_spec_file(io::FileStore& files, const io::Path& directory,
                                   std::string& name) {
  auto yml = files.read(io::join(directory, "spark-pipeline.yml"));
  auto yaml = files.read(io::join(directory, "spark-pipeline.yaml"));
  if (yml && yaml) {
    return Error{Code::Invalid, fmt::format("{} has both spark-pipeline.yml and "
                                            "spark-pipeline.yaml; keep one",
                                            directory)};
  }
  name = yaml ? "spark-pipeline.yaml" : "spark-pipeline.yml";
  if (yml) return std::move(*yml);
  if (yaml) return std::move(*yaml);
  if (yml.error().code != Code::NotFound) return yml.error();
  return Error{Code::NotFound,
               fmt::format("{} is no project: it has no spark-pipeline.yml; 'ticklake init' makes "
                           "one",
                           directory)};
}

// The paths of one library, relative to the project.
Result<std::vector<std::string>> expand(io::FileStore& files, const io::Path& directory,
                                        const Located& library) {
  std::string pattern = library.text;
  auto refuse = [&](Code code, std::string_view what) {
    return Error{code, fmt::format("{}: library '{}' {}", library.where(), pattern, what)};
  };
  if (!pattern.ends_with("/**")) {
    if (pattern.find_first_of("*?[{") != std::string::npos) {
      return refuse(Code::Unsupported, "is not a plain path or a folder ending in /**");
    }
    auto found = files.info(io::join(directory, pattern));
    if (!found && found.error().code == Code::NotFound) {
      return refuse(Code::Invalid, "is not there");
    }
    if (!found) return found.error();
    return std::vector<std::string>{pattern};
  }
  std::string folder = pattern.substr(0, pattern.size() - 3);
  if (folder.find_first_of("*?[{") != std::string::npos) {
    return refuse(Code::Unsupported, "is not a plain path or a folder ending in /**");
  }
  io::Path root = io::join(directory, folder);
  std::vector<std::string> out;
  for (const auto& info : TRY(files.list_all(root))) {
    std::string relative = info.path.substr(root.size());
    while (relative.starts_with("/")) relative.erase(0, 1);
    bool hidden = relative.starts_with(".") || relative.find("/.") != std::string::npos ||
                  relative.find("__pycache__/") != std::string::npos;
    if (!hidden) out.push_back(folder + "/" + relative);
  }
  if (out.empty()) return refuse(Code::Invalid, "holds no files");
  return out;
}

Result<std::vector<std::string>> library_files(io::FileStore& files, const io::Path& directory,
                                               const Spec& spec) {
  std::set<std::string> found;
  for (const auto& library : spec.libraries) {
    for (auto& path : TRY(expand(files, directory, library))) {
      if (path.ends_with(".py")) {
        return Error{Code::Unsupported,
                     fmt::format("{}: ticklake runs SQL only; write this dataset as CREATE "
                                 "STREAMING TABLE or CREATE MATERIALIZED VIEW",
                                 path)};
      }
      if (!path.ends_with(".sql")) {
        return Error{Code::Invalid,
                     fmt::format("{}: a library is a .sql file; move others out of '{}'", path,
                                 library.text)};
      }
      found.insert(std::move(path));
    }
  }
  return std::vector<std::string>(found.begin(), found.end());
}

// A local folder from what 'storage' or 'ticklake.warehouse' says.
Result<io::Path> resolved(const io::Path& directory, std::string text, const std::string& where) {
  if (text.starts_with("file:")) {
    text.erase(0, 5);
    while (text.starts_with("//")) text.erase(0, 1);
  } else if (text.find("://") != std::string::npos) {
    return Error{Code::Unsupported, fmt::format("{}: '{}' is an object store, which is not "
                                                "available yet; use a local folder",
                                                where, text)};
  }
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  while (text.starts_with("./")) text.erase(0, 2);
  if (text.empty()) return Error{Code::Invalid, where + ": the folder's name is empty"};
  return text.starts_with("/") ? text : io::join(directory, text);
}

Result<std::vector<ProjectFile>> read_sources(io::FileStore& files, const io::Path& directory,
                                              Substitution& substitution) {
  std::vector<ProjectFile> out;
  for (const auto& info : TRY(files.list(io::join(directory, "sources")))) {
    if (!info.path.ends_with(".yml") && !info.path.ends_with(".yaml")) continue;
    std::string name = "sources/" + info.path.substr(info.path.rfind('/') + 1);
    std::string text = TRY(files.read(info.path));
    std::string with_values = TRY(substitution.apply_but_secrets(text, name));
    out.push_back({name, std::move(with_values)});
  }
  return out;
}

Result<void> read_bundle(io::FileStore& files, const io::Path& directory, const std::string& target,
                         Substitution& substitution) {
  auto text = files.read(io::join(directory, "databricks.yml"));
  if (!text && text.error().code == Code::NotFound) {
    if (target.empty()) return {};
    return Error{Code::Invalid, fmt::format("--target {}: {} has no databricks.yml, which names "
                                            "the targets",
                                            target, directory)};
  }
  if (!text) return text.error();
  Bundle bundle = TRY(parse_bundle(*text, "databricks.yml", target));
  substitution.variables = std::move(bundle.variables);
  for (auto& [key, value] : bundle.configuration) substitution.configuration[key] = value;
  return {};
}

// An override that nothing reads is a slip of the pen.
Result<void> check_overrides(const std::map<std::string, std::string>& overrides,
                             const std::map<std::string, Located>& written,
                             const std::set<std::string>& used) {
  static const std::vector<std::string> read_by_us = {"kafka.", "pipelines.", "registry.", "spark.",
                                                      "ticklake."};
  for (const auto& entry : overrides) {
    const std::string& key = entry.first;
    bool known = written.contains(key) || used.contains(key) ||
                 std::any_of(read_by_us.begin(), read_by_us.end(),
                             [&](const auto& prefix) { return key.starts_with(prefix); });
    if (known) continue;
    std::vector<std::string> names(used.begin(), used.end());
    for (const auto& [name, value] : written) names.push_back(name);
    std::string near = nearest(key, names);
    return Error{Code::Invalid,
                 fmt::format("--set {}: nothing in the project reads it; {}", printable(key),
                             near.empty() ? fmt::format("use it as ${{{}}} or leave it out", key)
                                          : fmt::format("did you mean '{}'?", near))};
  }
  return {};
}

}  // namespace

bool is_delta_path(const std::vector<std::string>& name) {
  return name.size() == 2 && equal_ignoring_case(name[0], "delta") &&
         name[1].find('/') != std::string::npos;
}

std::optional<io::Path> path_of_table(const std::string& canonical) {
  bool is_path = canonical.starts_with(kDeltaPath) && canonical.find('/') != std::string::npos;
  return is_path ? std::optional(canonical.substr(kDeltaPath.size())) : std::nullopt;
}

std::string Project::canonical(const std::vector<std::string>& parts) const {
  CHECK(!parts.empty() && parts.size() <= 3, "a name has one to three parts");
  if (is_delta_path(parts)) return std::string(kDeltaPath) + parts[1];
  if (parts.size() == 1) return catalog + "." + database + "." + parts[0];
  if (parts.size() == 2) return catalog + "." + parts[0] + "." + parts[1];
  return parts[0] + "." + parts[1] + "." + parts[2];
}

io::Path Project::table_path(const std::string& canonical_name) const {
  if (auto outside = path_of_table(canonical_name)) {
    bool whole = outside->starts_with("/") || outside->find("://") != std::string::npos;
    return whole ? *outside : io::join(directory, *outside);
  }
  io::Path path = warehouse;
  for (const auto& part : split(canonical_name, '.')) path = io::join(path, part);
  return path;
}

namespace {

Result<Project> load_with(io::FileStore& files, const io::Path& directory,
                          const LoadOptions& options, Substitution& substitution) {
  std::string file;
  std::string text = TRY(read_spec_file(files, directory, file));
  Spec spec = TRY(parse_spec(text, file));

  substitution.configuration = spec.configuration;
  TRY(read_bundle(files, directory, options.target, substitution));
  const auto of_project = substitution.configuration;
  for (const auto& [key, value] : options.overrides) {
    substitution.configuration[key] = {.text = value, .file = "--set " + key, .line = 0};
  }

  Project project;
  project.directory = directory;
  project.name = TRY(substitution.apply(spec.name));
  for (const auto& [key, value] : substitution.configuration) {
    project.configuration[key] = TRY(substitution.apply(value));
    if (names_secret(key)) substitution.secrets.add(project.configuration[key]);
    if (key == "registry.login") {  // its password alone, too
      const auto& login = project.configuration[key];
      substitution.secrets.add(login.substr(login.find(':') + 1));
    }
  }
  for (const auto& [key, place] : substitution.configuration) {
    auto checked = check_configuration({{key, project.configuration[key]}});
    if (!checked) return prefixed(place.where(), checked.error());
  }
  if (spec.catalog) project.catalog = TRY(substitution.apply(*spec.catalog));
  if (spec.database) project.database = TRY(substitution.apply(*spec.database));
  std::string storage = TRY(substitution.apply(spec.storage));
  project.storage = TRY(resolved(directory, storage, spec.storage.where()));
  project.topics = io::join(project.storage, "topics");
  project.file_columns = file_columns(files, directory, project.storage);
  project.payload_functions = payload_functions(project.configuration, directory, options.http);
  project.delta_columns = [&files](const io::Path& path) -> Result<Schema> {
    auto snapshot = TRY(delta::open(files, path));
    return snapshot.schema();
  };
  auto warehouse = project.configuration.find("ticklake.warehouse");
  project.warehouse = io::join(project.storage, "tables");
  if (warehouse != project.configuration.end()) {
    project.warehouse = TRY(resolved(directory, warehouse->second,
                                     substitution.configuration["ticklake.warehouse"].where()));
  }

  for (const auto& path : TRY(library_files(files, directory, spec))) {
    std::string written = TRY(files.read(io::join(directory, path)));
    std::string with_values = TRY(substitution.apply_in_sql(written, path));
    auto statements = TRY(sql::parse(with_values, path));
    for (auto& statement : statements) project.statements.push_back(std::move(statement));
  }
  project.sources = TRY(read_sources(files, directory, substitution));
  TRY(check_overrides(options.overrides, of_project, substitution.used()));
  project.secrets = std::move(substitution.secrets);
  return project;
}

}  // namespace

Result<Project> load_project(io::FileStore& files, const io::Path& directory,
                             const LoadOptions& options) {
  Substitution substitution(files, directory, options.environment);
  auto project = load_with(files, directory, options, substitution);
  if (project) return project;
  const Error& error = project.error();
  return Error{error.code, substitution.secrets.masked(error.message)};
}

}  // namespace ticklake::engine
