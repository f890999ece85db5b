#include "file_shape.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time.h"
#include "file_listing.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kInferFilesMax = 1'000;
// Marks an input's field that is in the files' path.
constexpr const char* kInPath = R"({"ticklake.in_path":true})";
constexpr int64_t kInferBytesMax = 64 << 20;

Type metadata_type() {
  return Type::structure({{"file_path", Kind::String},
                          {"file_name", Kind::String},
                          {"file_size", Kind::Long},
                          {"file_block_start", Kind::Long},
                          {"file_block_length", Kind::Long},
                          {"file_modification_time", Kind::Timestamp}});
}

// The part of a file's path that may name partitions.
std::string below_base(const FileArguments& arguments, const io::Path& path) {
  size_t pattern = arguments.path.find_first_of("*?[{");
  size_t base = pattern == std::string::npos ? arguments.path.size()
                                             : arguments.path.rfind('/', pattern);
  return path.size() > base && base != std::string::npos ? path.substr(base) : "";
}

formats::SourceFile text_file(const std::string& text) {
  auto bytes = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text));
  return {.bytes = bytes, .size = static_cast<int64_t>(text.size()), .name = "the path", .uri = ""};
}

// Values of partitions are read, and their types inferred, as cells of a CSV file are.
std::string partition_line(const FileArguments& arguments, const io::Path& path,
                           const std::vector<std::string>& names) {
  std::string below = below_base(arguments, path);
  std::string line;
  for (const auto& name : names) {
    if (!line.empty() || &name != &names.front()) line += ',';
    auto value = partition_value(below, name);
    if (!value) continue;
    line += '"';
    for (char c : *value) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

formats::FileFormat partition_format(const FileArguments& arguments) {
  formats::FileFormat out;
  out.escape = '"';
  out.infer_types = arguments.format.infer_types;
  return out;
}

Result<Schema> inferred_partitions(const FileArguments& arguments,
                                   const std::vector<io::FileInfo>& sample) {
  std::vector<std::string> names;
  if (arguments.partition_columns) {
    names = *arguments.partition_columns;
  } else if (!sample.empty()) {
    names = partition_names(below_base(arguments, sample.front().path));
    for (const auto& file : sample) {
      auto theirs = partition_names(below_base(arguments, file.path));
      std::erase_if(names, [&](const auto& name) {
        return std::find(theirs.begin(), theirs.end(), name) == theirs.end();
      });
    }
  }
  if (names.empty()) return Schema();
  std::string text;
  for (const auto& file : sample) text += partition_line(arguments, file.path, names);
  auto inference = formats::SchemaInference::make(partition_format(arguments));
  TRY(inference->add(text_file(text), INT64_MAX));
  Schema types = inference->schema();
  Schema out;
  for (size_t i = 0; i < names.size(); ++i) {
    Type type = i < types.fields.size() ? types.fields[i].type : Type(Kind::String);
    out.fields.push_back({names[i], type});
  }
  return out;
}

Result<FileShape> inferred(io::FileStore& files, const FileArguments& arguments) {
  // Types are those of the oldest files; what is in paths any files tell.
  FileListing listing(files, arguments);
  auto sample = arguments.schema ? TRY(listing.next(kInferFilesMax))
                                 : TRY(all_files(files, arguments));
  using Form = formats::FileFormat::Form;
  bool fixed =
      arguments.format.form == Form::Text || arguments.format.form == Form::BinaryFile;
  if (sample.empty() && !fixed && !arguments.schema) {
    return Error{Code::Invalid,
                 fmt::format("read_files: there is no file at {} to learn the columns from; put "
                             "one there, or give schema => 'a INT, b STRING'",
                             arguments.path)};
  }
  if (std::ssize(sample) > kInferFilesMax) sample.resize(kInferFilesMax);
  FileShape out;
  if (arguments.schema) {
    out.data = *arguments.schema;
  } else {
    auto inference = formats::SchemaInference::make(arguments.format);
    int64_t bytes = kInferBytesMax;
    for (const auto& file : sample) {
      if (bytes <= 0) break;
      auto opened = files.open(file.path);
      if (!opened && opened.error().code == Code::NotFound) continue;
      auto added = inference->add(source_file(file, TRY(std::move(opened))), bytes);
      bool passed = !added && added.error().code == Code::Corrupt && arguments.ignore_corrupt;
      if (!added && !passed) return prefixed("read_files", added.error());
      bytes -= file.size;
    }
    out.data = inference->schema();
  }
  out.partitions = TRY(inferred_partitions(arguments, sample));
  return out;
}

// Declared columns that are in the path take their types from the declaration.
void move_declared(FileShape& shape) {
  for (Field& field : shape.partitions.fields) {
    int at = shape.data.find(field.name);
    if (at < 0) continue;
    field.type = shape.data.fields[static_cast<size_t>(at)].type;
    shape.data.fields.erase(shape.data.fields.begin() + at);
  }
}

void apply_hints(FileShape& shape, const Schema& hints) {
  for (const Field& hint : hints.fields) {
    int at = shape.data.find(hint.name);
    int partition = shape.partitions.find(hint.name);
    if (at < 0 && partition < 0) {
      shape.data.fields.push_back(hint);
      continue;
    }
    Field& field = at >= 0 ? shape.data.fields[static_cast<size_t>(at)]
                           : shape.partitions.fields[static_cast<size_t>(partition)];
    field.type = hint.type;
  }
}

io::Path record_directory(const io::Path& storage, const FileArguments& arguments) {
  return io::join(storage, "file_schemas/" + arguments.key);
}

Result<std::optional<FileShape>> recorded(io::FileStore& files, const io::Path& storage,
                                          const FileArguments& arguments) {
  auto found = TRY(files.list(record_directory(storage, arguments)));
  if (found.empty()) return std::optional<FileShape>();
  const io::Path& path = found.back().path;
  std::string text = TRY(files.read(path));
  auto json = nlohmann::json::parse(text, nullptr, false);
  bool whole = json.is_object() && json.contains("data") && json.contains("partitions");
  if (!whole) {
    return Error{Code::Corrupt, fmt::format("{}: the recorded schema is damaged; restore it, or "
                                            "remove it to have the schema inferred anew",
                                            path)};
  }
  FileShape out;
  out.data = TRY(schema_from_delta_json(json["data"].dump()));
  out.partitions = TRY(schema_from_delta_json(json["partitions"].dump()));
  return std::optional(out);
}

// Adds what `found` has beyond `fields`; true: there was something.
bool add_missing(std::vector<Field>& fields, const std::vector<Field>& found) {
  bool any = false;
  for (const Field& field : found) {
    auto same = std::find_if(fields.begin(), fields.end(), [&](const Field& one) {
      return equal_ignoring_case(one.name, field.name);
    });
    if (same == fields.end()) {
      fields.push_back(field);
      any = true;
      continue;
    }
    bool structs = same->type.kind == Kind::Struct && field.type.kind == Kind::Struct;
    if (!structs) continue;
    std::vector<Field> children = *same->type.children;
    if (!add_missing(children, *field.type.children)) continue;
    same->type = Type::structure(std::move(children));
    any = true;
  }
  return any;
}

bool add_missing(FileShape& shape, Schema found) {
  std::erase_if(found.fields,
                [&](const Field& field) { return shape.partitions.find(field.name) >= 0; });
  return add_missing(shape.data.fields, found.fields);
}

Result<void> record(io::FileStore& files, const io::Path& storage, const FileArguments& arguments,
                    const FileShape& shape, size_t version) {
  nlohmann::json json;
  json["data"] = nlohmann::json::parse(to_delta_json(shape.data));
  json["partitions"] = nlohmann::json::parse(to_delta_json(shape.partitions));
  io::Path path =
      io::join(record_directory(storage, arguments), fmt::format("{:06}.json", version));
  auto stored = files.put_if_absent(path, json.dump() + "\n");
  if (!stored && stored.error().code != Code::Conflict) return stored.error();
  return {};
}

Result<std::shared_ptr<arrow::Scalar>> metadata_scalar(const io::FileInfo& info) {
  auto type = to_arrow(metadata_type());
  size_t slash = info.path.rfind('/');
  std::string name = slash == std::string::npos ? info.path : info.path.substr(slash + 1);
  arrow::ScalarVector values = {
      arrow::MakeScalar(uri_of(info.path)),
      arrow::MakeScalar(name),
      arrow::MakeScalar(info.size),
      arrow::MakeScalar(int64_t{0}),
      arrow::MakeScalar(info.size),
      std::make_shared<arrow::TimestampScalar>(info.modified_ms * kMicrosPerMilli,
                                               type->field(5)->type())};
  return std::shared_ptr<arrow::Scalar>(std::make_shared<arrow::StructScalar>(values, type));
}

}  // namespace

Schema FileShape::read(const FileArguments& arguments) const {
  Schema out = data;
  const std::string& rescued = arguments.format.rescued;
  if (!rescued.empty() && out.find(rescued) < 0) out.fields.push_back({rescued, Kind::String});
  return out;
}

Schema FileShape::input(const FileArguments& arguments) const {
  Schema out = data;
  for (Field field : partitions.fields) {
    field.metadata = kInPath;
    out.fields.push_back(std::move(field));
  }
  const std::string& rescued = arguments.format.rescued;
  if (!rescued.empty() && out.find(rescued) < 0) out.fields.push_back({rescued, Kind::String});
  if (has_metadata()) out.fields.push_back({kMetadataColumn, metadata_type()});
  return out;
}

Result<FileShape> file_shape(io::FileStore& files, const io::Path& storage,
                             const FileArguments& arguments) {
  std::optional<FileShape> out;
  if (!storage.empty() && !arguments.schema) out = TRY(recorded(files, storage, arguments));
  if (!out) out = TRY(inferred(files, arguments));
  move_declared(*out);
  apply_hints(*out, arguments.hints);
  return *std::move(out);
}

FileShape shape_of(const Schema& input, const FileArguments& arguments) {
  FileShape out;
  for (const Field& field : input.fields) {
    bool metadata = &field == &input.fields.back() && field.name == kMetadataColumn;
    bool in_path = field.metadata == kInPath;
    bool rescued = !arguments.format.rescued.empty() && field.name == arguments.format.rescued;
    if (in_path) out.partitions.fields.push_back({field.name, field.type});
    else if (!rescued && !metadata) out.data.fields.push_back(field);
  }
  return out;
}

Result<void> record_shape(io::FileStore& files, const io::Path& storage,
                          const FileArguments& arguments, const FileShape& shape) {
  if (arguments.schema) return {};
  auto before = TRY(recorded(files, storage, arguments));
  return before ? Result<void>() : record(files, storage, arguments, shape, 0);
}

bool has_more(const FileShape& shape, const Schema& found) {
  FileShape copy = shape;
  return add_missing(copy, found);
}

Result<void> record_more(io::FileStore& files, const io::Path& storage,
                         const FileArguments& arguments, const Schema& found) {
  auto before = TRY(recorded(files, storage, arguments));
  FileShape shape = before.value_or(FileShape());
  if (!add_missing(shape, found)) return {};
  auto versions = TRY(files.list(record_directory(storage, arguments), ""));
  return record(files, storage, arguments, shape, versions.size());
}

formats::SourceFile source_file(const io::FileInfo& info,
                                std::shared_ptr<arrow::io::RandomAccessFile> bytes) {
  return {.bytes = std::move(bytes),
          .size = info.size,
          .name = info.path,
          .uri = uri_of(info.path),
          .modified_us = info.modified_ms * kMicrosPerMilli};
}

Result<OpenFile> open_file(io::FileStore& files, const FileArguments& arguments,
                           const FileShape& shape, const Schema& input, const io::FileInfo& info,
                           formats::FilePlace from) {
  OpenFile out{.info = info, .reader = nullptr, .constants = {}};
  auto bytes = TRY(files.open(info.path));
  int64_t size = TRY_ARROW(bytes->GetSize());
  if (size != info.size) {
    return Error{Code::Unavailable, info.path + ": the file changed while it was being opened"};
  }
  Schema read = shape.read(arguments);
  BatchPtr values;  // of the path: one row, or none where all are NULL
  if (!shape.partitions.fields.empty()) {
    std::vector<std::string> names;
    for (const Field& field : shape.partitions.fields) names.push_back(field.name);
    std::string line = partition_line(arguments, info.path, names);
    auto reader = TRY(formats::FileReader::open(text_file(line), partition_format(arguments),
                                                shape.partitions));
    values = TRY(reader->next(1, INT64_MAX)).batch;
  }
  for (const Field& field : input.fields) {
    auto& constant = out.constants.emplace_back();
    int partition = shape.partitions.find(field.name);
    if (read.find(field.name) >= 0 && partition < 0) continue;
    if (partition >= 0) {
      constant = values && values->num_rows() > 0
                     ? TRY_ARROW(values->column(partition)->GetScalar(0))
                        : arrow::MakeNullScalar(to_arrow(field.type));
    } else {
      constant = TRY(metadata_scalar(info));
    }
  }
  out.reader = TRY(formats::FileReader::open(source_file(info, std::move(bytes)), arguments.format,
                                             std::move(read), from));
  return out;
}

Result<BatchPtr> completed(const OpenFile& file, const Schema& input, const BatchPtr& read) {
  arrow::ArrayVector columns;
  for (size_t i = 0; i < input.fields.size(); ++i) {
    if (file.constants[i]) {
      columns.push_back(
          TRY_ARROW(arrow::MakeArrayFromScalar(*file.constants[i], read->num_rows())));
      continue;
    }
    int at = read->schema()->GetFieldIndex(input.fields[i].name);
    CHECK(at >= 0, "the reader gives the shape's columns");
    columns.push_back(read->column(at));
  }
  return arrow::RecordBatch::Make(to_arrow(input), read->num_rows(), std::move(columns));
}

}  // namespace ticklake::engine
