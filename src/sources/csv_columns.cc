#include "sources/csv_columns.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ticklake::sources {

Result<CsvColumns> CsvColumns::from_header(const CsvSpec& spec,
                                           const std::vector<std::string>& names,
                                           const std::string& path) {
  CsvColumns out(spec);
  out.width_ = names.size();
  for (const Field& field : spec.schema.fields) {
    auto same = [&](const std::string& name) {
      return equal_ignoring_case(trimmed(name), field.name);
    };
    auto found = std::find_if(names.begin(), names.end(), same);
    if (found == names.end()) {
      return Error{Code::Invalid,
                   fmt::format("{}: the column \"{}\" is missing; the header has: {}", path,
                               field.name, printable(joined(names, ", "), 400))};
    }
    if (std::find_if(found + 1, names.end(), same) != names.end()) {
      return Error{Code::Invalid,
                   fmt::format("{}: the header has the column \"{}\" twice", path, field.name)};
    }
    out.places_.push_back(static_cast<size_t>(found - names.begin()));
  }
  return out;
}

CsvColumns CsvColumns::from_schema(const CsvSpec& spec) {
  CsvColumns out(spec);
  out.width_ = spec.schema.fields.size();
  for (size_t i = 0; i < out.width_; ++i) out.places_.push_back(i);
  return out;
}

CsvRow CsvColumns::row(const formats::CsvRecord& record) const {
  CsvRow out;
  out.problem = record.problem;
  if (!out.problem.empty()) return out;
  if (record.fields.size() != width_) {
    out.problem = fmt::format("{} columns where {} are expected", record.fields.size(), width_);
    return out;
  }
  out.json.push_back('{');
  for (size_t i = 0; i < places_.size(); ++i) {
    const Field& field = spec_->schema.fields[i];
    const std::string& cell = record.fields[places_[i]];
    if (i > 0) out.json += ',';
    formats::append_json_string(out.json, field.name);
    out.json += ':';
    if (cell.empty() && !field.nullable) {
      out.problem = fmt::format("{}: empty, but the column is NOT NULL", field.name);
      return out;
    }
    std::string reason = formats::append_cell_as_json(out.json, field.type, cell);
    if (!reason.empty()) {
      out.problem = fmt::format("{}: {}", field.name, reason);
      return out;
    }
    if (field.name == spec_->key && !cell.empty()) out.key = cell;
  }
  out.json += '}';
  return out;
}

}  // namespace ticklake::sources
