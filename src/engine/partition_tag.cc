#include "partition_tag.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace ticklake::engine {
namespace {

// nlohmann's accessors throw on a wrong type; this does not.
bool read_entry(const nlohmann::json& entry, PartitionTag& tag) {
  if (!entry.is_object()) return false;
  auto number = entry.find("p");
  if (number == entry.end() || !number->is_number_integer()) return false;
  Partition partition(number->get<int32_t>());
  tag.partitions.insert(partition);
  auto rows = entry.find("rows");
  if (rows != entry.end()) {
    if (!rows->is_number_integer() || rows->get<int64_t>() < 0) return false;
    tag.runs.push_back({partition, rows->get<int64_t>()});
  }
  auto idle = entry.find("idle");
  if (idle != entry.end()) {
    if (!idle->is_boolean()) return false;
    if (idle->get<bool>()) tag.idle.insert(partition);
  }
  auto ended = entry.find("ended");
  if (ended != entry.end()) {
    if (!ended->is_boolean()) return false;
    if (ended->get<bool>()) tag.ended.insert(partition);
  }
  return true;
}

}  // namespace

std::string to_json(const PartitionTag& tag) {
  nlohmann::json out = nlohmann::json::array();
  std::set<Partition> told;
  auto add = [&](Partition partition, int64_t rows) {
    nlohmann::json entry = {{"p", partition.value}, {"rows", rows}};
    if (tag.idle.contains(partition)) entry["idle"] = true;
    if (tag.ended.contains(partition)) entry["ended"] = true;
    out.push_back(std::move(entry));
    told.insert(partition);
  };
  for (const auto& run : tag.runs) add(run.partition, run.rows);
  for (Partition partition : tag.partitions) {
    if (!told.contains(partition)) add(partition, 0);
  }
  return out.dump();
}

Result<PartitionTag> parse_partition_tag(const std::string& json) {
  auto parsed = nlohmann::json::parse(json, nullptr, false);
  PartitionTag tag;
  bool good = parsed.is_array();
  for (size_t i = 0; good && i < parsed.size(); ++i) good = read_entry(parsed[i], tag);
  if (!good) {
    return Error{Code::Corrupt, std::string("the tag ") + kPartitionsTag +
                                    " of a data file is damaged: " + printable(json)};
  }
  return tag;
}

Result<int64_t> rows_told_by(const delta::AddFile& file) {
  if (auto rows = file.records()) return *rows;
  return Error{Code::Unsupported, fmt::format("file {} does not tell how many rows it has; write "
                                              "them again with statistics (numRecords), and remove "
                                              "it",
                                              file.path)};
}

Result<PartitionTag> partition_tag_of(const delta::AddFile& file) {
  auto text = file.tags.find(kPartitionsTag);
  if (text != file.tags.end()) return parse_partition_tag(text->second);
  return PartitionTag{
      .runs = {{Partition(0), INT64_MAX}}, .partitions = {Partition(0)}, .idle = {}};
}

}  // namespace ticklake::engine
