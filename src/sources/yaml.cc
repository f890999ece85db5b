#include "sources/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace ticklake::sources {
namespace {

constexpr int kDepthMax = 16;

Error at(const std::string& file, const YAML::Mark& mark, std::string_view message) {
  return {Code::Invalid, fmt::format("{}:{}:{}: {}", file, std::max(mark.line, 0) + 1,
                                     std::max(mark.column, 0) + 1, message)};
}

Result<Yaml> convert(const YAML::Node& node, const std::string& file, int depth) {
  Yaml out;
  out.line = node.Mark().line + 1;
  out.column = node.Mark().column + 1;
  if (depth > kDepthMax) return at(file, node.Mark(), "nested too deep");
  if (node.IsScalar()) {
    out.kind = Yaml::Kind::Scalar;
    out.text = node.Scalar();
  } else if (node.IsSequence()) {
    out.kind = Yaml::Kind::List;
    for (const auto& item : node) out.items.push_back(TRY(convert(item, file, depth + 1)));
  } else if (node.IsMap()) {
    out.kind = Yaml::Kind::Map;
    for (const auto& entry : node) {
      const YAML::Mark mark = entry.first.Mark();
      if (!entry.first.IsScalar()) return at(file, mark, "a key must be a plain word");
      std::string key = entry.first.Scalar();
      if (out.find(key)) return at(file, mark, fmt::format("\"{}\" is given twice", key));
      auto value = TRY(convert(entry.second, file, depth + 1));
      value.key_line = mark.line + 1;
      value.key_column = mark.column + 1;
      if (value.line < value.key_line) {  // nothing there
        value.line = value.key_line;
        value.column = value.key_column;
      }
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
    return at(file, e.mark, "not YAML: " + e.msg);
  }
}

}  // namespace ticklake::sources
