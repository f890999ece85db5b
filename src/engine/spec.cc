#include "spec.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <functional>
#include <set>

#include "base/text.h"

namespace ticklake::engine {
namespace {

Located located(const std::string& file, const YAML::Mark& mark) {
  if (mark.is_null()) return {.file = file};
  return {.file = file, .line = mark.line + 1, .column = mark.column + 1};
}

Located place_of(const std::string& file, const YAML::Node& node) {
  return located(file, node.Mark());
}

Error refused(const Located& place, std::string_view what) {
  return {Code::Invalid, fmt::format("{}: {}", place.where(), what)};
}

// yaml-cpp throws; nothing of it may leave this file.
template <typename T>
Result<T> guarded(const std::string& file, const std::function<Result<T>()>& work) {
  try {
    return work();
  } catch (const YAML::Exception& error) {
    return refused(located(file, error.mark), "not valid YAML: " + error.msg);
  }
}

Result<Located> scalar(const std::string& file, const std::string& key, const YAML::Node& node) {
  if (!node.IsScalar()) {
    return refused(place_of(file, node), fmt::format("'{}' must be a single value", key));
  }
  Located out = place_of(file, node);
  out.text = node.Scalar();
  // yaml-cpp gives quoted scalars this tag; their mark is the quote.
  if (node.Tag() == "!") out.column += 1;
  return out;
}

Result<std::vector<Located>> libraries_of(const std::string& file, const YAML::Node& node) {
  if (!node.IsSequence()) {
    return refused(place_of(file, node),
                   "'libraries' must be a list, such as \"- glob: {include: transformations/**}\"");
  }
  std::vector<Located> out;
  for (const auto& item : node) {
    const YAML::Node glob = item.IsMap() ? item["glob"] : YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node include =
        glob.IsDefined() && glob.IsMap() ? glob["include"] : YAML::Node(YAML::NodeType::Undefined);
    if (!include.IsDefined() || item.size() != 1 || glob.size() != 1) {
      return refused(place_of(file, item),
                     "a library is written \"- glob: {include: <file or folder/**>}\"");
    }
    out.push_back(TRY(scalar(file, "include", include)));
  }
  return out;
}

// The YAML library would take the last one.
Error twice(const std::string& file, const std::string& key, const YAML::Node& node) {
  return refused(place_of(file, node), fmt::format("'{}' stands here twice: keep one", key));
}

Result<std::map<std::string, Located>> configuration_of(const std::string& file,
                                                        const YAML::Node& node) {
  std::map<std::string, Located> out;
  if (node.IsNull()) return out;
  if (!node.IsMap()) {
    return refused(place_of(file, node), "'configuration' must be a map of names to values");
  }
  for (const auto& entry : node) {
    std::string key = entry.first.Scalar();
    if (out.contains(key)) return twice(file, key, entry.first);
    out[key] = TRY(scalar(file, key, entry.second));
  }
  return out;
}

const std::vector<std::string>& spec_keys() {
  static const std::vector<std::string> keys = {"name",     "libraries", "storage",      "catalog",
                                                "database", "schema",    "configuration"};
  return keys;
}

Result<void> read_entry(const std::string& file, const std::string& key, const YAML::Node& node,
                        const Located& place, Spec& spec) {
  if (key == "libraries") {
    spec.libraries = TRY(libraries_of(file, node));
  } else if (key == "configuration") {
    spec.configuration = TRY(configuration_of(file, node));
  } else if (key == "name") {
    spec.name = TRY(scalar(file, key, node));
  } else if (key == "storage") {
    spec.storage = TRY(scalar(file, key, node));
  } else if (key == "catalog") {
    spec.catalog = TRY(scalar(file, key, node));
  } else if (key == "database" || key == "schema") {
    if (spec.database) {
      return refused(place, "'database' and 'schema' are two names of one key: keep one");
    }
    spec.database = TRY(scalar(file, key, node));
  } else {
    std::string near = nearest(key, spec_keys());
    std::string advice = near.empty() ? "known keys: " + joined(spec_keys(), ", ")
                                      : fmt::format("did you mean '{}'?", near);
    return refused(place, fmt::format("unknown key '{}'; {}", key, advice));
  }
  return {};
}

Result<Spec> spec_of(const std::string& file, const YAML::Node& root) {
  if (!root.IsMap())
    return refused({.file = file}, "the file must be a map with name, storage, libraries");
  Spec spec;
  std::set<std::string> keys;
  for (const auto& entry : root) {
    std::string key = entry.first.Scalar();
    if (!keys.insert(key).second) return twice(file, key, entry.first);
    TRY(read_entry(file, key, entry.second, place_of(file, entry.first), spec));
  }
  if (spec.name.text.empty()) return refused({.file = file}, "'name' is missing");
  if (spec.storage.text.empty()) {
    return refused({.file = file}, "'storage' is missing: the folder that holds tables and topics");
  }
  if (spec.libraries.empty()) {
    return refused({.file = file},
                   "'libraries' is missing, such as \"- glob: {include: transformations/**}\"");
  }
  return spec;
}

// A child of a map, undefined where there is none.
YAML::Node child(const YAML::Node& node, const std::string& key) {
  return node.IsDefined() && node.IsMap() ? node[key] : YAML::Node(YAML::NodeType::Undefined);
}

void collect_variables(const YAML::Node& variables, std::map<std::string, std::string>& out) {
  if (!variables.IsDefined() || !variables.IsMap()) return;
  for (const auto& entry : variables) {
    const YAML::Node value = entry.second.IsMap() ? child(entry.second, "default") : entry.second;
    if (value.IsDefined() && value.IsScalar()) out[entry.first.Scalar()] = value.Scalar();
  }
}

Result<void> collect_configuration(const std::string& file, const YAML::Node& pipelines,
                                   std::map<std::string, Located>& out) {
  if (!pipelines.IsDefined() || !pipelines.IsMap()) return {};
  if (pipelines.size() > 1) {
    return refused(place_of(file, pipelines), "a project has one pipeline, here are several");
  }
  for (const auto& pipeline : pipelines) {
    const YAML::Node configuration = child(pipeline.second, "configuration");
    if (!configuration.IsDefined()) continue;
    auto entries = TRY(configuration_of(file, configuration));
    for (auto& [key, value] : entries) out[key] = std::move(value);
  }
  return {};
}

Result<YAML::Node> target_of(const std::string& file, const YAML::Node& root, Bundle& bundle) {
  const YAML::Node targets = child(root, "targets");
  std::vector<std::string> names;
  YAML::Node found(YAML::NodeType::Undefined);
  if (targets.IsDefined() && targets.IsMap()) {
    for (const auto& entry : targets) {
      names.push_back(entry.first.Scalar());
      const YAML::Node marked = child(entry.second, "default");
      bool is_default = marked.IsDefined() && marked.as<bool>(false);
      if (bundle.target == names.back() || (bundle.target.empty() && is_default)) {
        found.reset(entry.second);
        bundle.target = names.back();
      }
    }
  }
  if (!bundle.target.empty() && !found.IsDefined()) {
    std::string near = nearest(bundle.target, names);
    return Error{Code::Invalid,
                 fmt::format("{} has no target '{}'; {}", file, bundle.target,
                             near.empty() ? "it has: " + joined(names, ", ")
                                          : fmt::format("did you mean '{}'?", near))};
  }
  return found;
}

}  // namespace

std::string Located::where() const {
  return line > 0 ? fmt::format("{}:{}:{}", file, line, column) : file;
}

Located Located::at(size_t offset) const {
  Located out{.file = file, .line = line, .column = column};
  for (size_t i = 0; i < offset && line > 0; ++i) {
    out.column = text[i] == '\n' ? 1 : out.column + 1;
    out.line += text[i] == '\n' ? 1 : 0;
  }
  return out;
}

Result<Spec> parse_spec(const std::string& text, const std::string& file) {
  return guarded<Spec>(file, [&]() -> Result<Spec> { return spec_of(file, YAML::Load(text)); });
}

Result<Bundle> parse_bundle(const std::string& text, const std::string& file,
                            const std::string& target) {
  return guarded<Bundle>(file, [&]() -> Result<Bundle> {
    const YAML::Node root = YAML::Load(text);
    Bundle bundle{.target = target, .variables = {}, .configuration = {}};
    const YAML::Node chosen = TRY(target_of(file, root, bundle));
    collect_variables(child(root, "variables"), bundle.variables);
    collect_variables(child(chosen, "variables"), bundle.variables);
    TRY(collect_configuration(file, child(child(root, "resources"), "pipelines"),
                              bundle.configuration));
    TRY(collect_configuration(file, child(child(chosen, "resources"), "pipelines"),
                              bundle.configuration));
    return bundle;
  });
}

}  // namespace ticklake::engine
