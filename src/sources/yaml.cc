#include "sources/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace ticklake::sources {
namespace {

constexpr int kDepthMax = 16;

Error at_line(const std::string& file, int line, std::string_view message) {
  return {Code::Invalid, fmt::format("{}:{}: {}", file, line, message)};
}

Result<Yaml> convert(const YAML::Node& node, const std::string& file, int depth) {
  Yaml out;
  out.line = node.Mark().line + 1;
  if (depth > kDepthMax) return at_line(file, out.line, "nested too deep");
  if (node.IsScalar()) {
    out.kind = Yaml::Kind::Scalar;
    out.text = node.Scalar();
  } else if (node.IsSequence()) {
    out.kind = Yaml::Kind::List;
    for (const auto& item : node) out.items.push_back(TRY(convert(item, file, depth + 1)));
  } else if (node.IsMap()) {
    out.kind = Yaml::Kind::Map;
    for (const auto& entry : node) {
      int line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) return at_line(file, line, "a key must be a plain word");
      std::string key = entry.first.Scalar();
      if (out.find(key)) return at_line(file, line, fmt::format("\"{}\" is given twice", key));
      auto value = TRY(convert(entry.second, file, depth + 1));
      value.line = std::max(value.line, line);
      out.entries.emplace_back(std::move(key), std::move(value));
    }
  }
  return out;
}

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<Yaml> parse_yaml(std::string_view text, const std::string& file) {
  try {
    return convert(YAML::Load(std::string(text)), file, 0);
  } catch (const YAML::Exception& e) {
    return at_line(file, e.mark.line + 1, "not YAML: " + e.msg);
  }
}

}  // namespace ticklake::sources
