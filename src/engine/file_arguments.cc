#include "file_arguments.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"

namespace ticklake::engine {
namespace {

using formats::FileFormat;

Error refused(Code code, std::string message) {
  return {code, "read_files: " + std::move(message)};
}

Error bad_value(const std::string& name, const std::string& value, std::string_view expected) {
  return refused(Code::Invalid,
                 fmt::format("{} is '{}'; {} is expected", name, printable(value), expected));
}

Result<bool> flag(const std::string& name, const std::string& value) {
  if (equal_ignoring_case(value, "true")) return true;
  if (equal_ignoring_case(value, "false")) return false;
  return bad_value(name, value, "true or false");
}

Result<int64_t> count(const std::string& name, const std::string& value) {
  int64_t number = 0;
  auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size() || number < 1) {
    return bad_value(name, value, "a number of at least 1");
  }
  return number;
}

// "10g", "512 MB", "1000".
Result<int64_t> byte_count(const std::string& name, const std::string& value) {
  size_t digits = 0;
  while (digits < value.size() && value[digits] >= '0' && value[digits] <= '9') ++digits;
  std::string unit = lowered(trimmed(std::string_view(value).substr(digits)));
  if (unit.size() == 2 && unit[1] == 'b') unit.pop_back();
  size_t power = std::string_view("bkmgt").find(unit.empty() ? "b" : unit);
  if (digits > 15 || power == std::string_view::npos || unit.size() > 1) {
    return bad_value(name, value, "a size such as 512m or 10g");
  }
  int64_t number = TRY(count(name, value.substr(0, digits)));
  int64_t bytes = 0;
  if (__builtin_mul_overflow(number, int64_t{1} << (10 * power), &bytes)) {
    return bad_value(name, value, "a smaller size");
  }
  return bytes;
}

// One byte; '' is none.
Result<char> one_char(const std::string& name, const std::string& value) {
  if (value.size() > 1) return bad_value(name, value, "one ASCII character");
  return value.empty() ? '\0' : value[0];
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '\\' && i + 1 < text.size();
    char next = escape ? text[++i] : '\0';
    out += !escape ? text[i] : next == 't' ? '\t' : next == 'n' ? '\n' : next == 'r' ? '\r' : next;
  }
  return out;
}

std::vector<std::string> names_in(const std::string& value) {
  std::vector<std::string> out;
  for (auto& part : split(value, ',')) {
    std::string name(trimmed(part));
    if (!name.empty()) out.push_back(std::move(name));
  }
  return out;
}

Result<std::optional<int64_t>> instant_ms(const std::string& name, const std::string& value) {
  auto parsed = parse_timestamp(value);
  if (!parsed) return bad_value(name, value, "a time such as 2026-01-05T10:00:00Z");
  return std::optional(parsed->micros / kMicrosPerMilli);
}

Result<FileFormat::Form> form_of(const std::string& value) {
  using Form = FileFormat::Form;
  static const std::map<std::string, Form> forms = {{"csv", Form::Csv},
                                                    {"json", Form::Json},
                                                    {"text", Form::Text},
                                                    {"parquet", Form::Parquet},
                                                    {"binaryfile", Form::BinaryFile}};
  std::string name = lowered(value);
  auto found = forms.find(name);
  if (found != forms.end()) return found->second;
  std::string known = "there are csv, json, text, parquet and binaryFile";
  bool later = name == "avro" || name == "orc" || name == "xml" || name == "file";
  if (later) {
    return refused(Code::Unsupported,
                   fmt::format("format {} is not available; {}", printable(value), known));
  }
  return refused(Code::Invalid, fmt::format("unknown format '{}'; {}", printable(value), known));
}

Result<FileFormat::Mode> mode_of(const std::string& name, const std::string& value) {
  std::string word = uppered(value);
  if (word == "PERMISSIVE") return FileFormat::Mode::Permissive;
  if (word == "DROPMALFORMED") return FileFormat::Mode::DropMalformed;
  if (word == "FAILFAST") return FileFormat::Mode::FailFast;
  return bad_value(name, value, "PERMISSIVE, DROPMALFORMED or FAILFAST");
}

Result<FileArguments::Evolution> evolution_of(const std::string& name, const std::string& value) {
  using Evolution = FileArguments::Evolution;
  std::string word = lowered(value);
  if (word == "addnewcolumns") return Evolution::AddNewColumns;
  if (word == "rescue") return Evolution::Rescue;
  if (word == "failonnewcolumns") return Evolution::FailOnNewColumns;
  if (word == "none") return Evolution::None;
  return bad_value(name, value, "addNewColumns, rescue, failOnNewColumns or none");
}

// What an option does with its value. `name` is as written.
using Setter = std::function<Result<void>(FileArguments& out, const std::string& name,
                                          const std::string& value)>;

Setter sets_flag(bool FileFormat::*member) {
  return [member](FileArguments& out, const std::string& name, const std::string& value) {
    auto parsed = flag(name, value);
    if (parsed) out.format.*member = *parsed;
    return parsed ? Result<void>() : Result<void>(parsed.error());
  };
}

Setter sets_flag(bool FileArguments::*member) {
  return [member](FileArguments& out, const std::string& name, const std::string& value) {
    auto parsed = flag(name, value);
    if (parsed) out.*member = *parsed;
    return parsed ? Result<void>() : Result<void>(parsed.error());
  };
}

Setter sets_char(char FileFormat::*member) {
  return [member](FileArguments& out, const std::string& name, const std::string& value) {
    auto parsed = one_char(name, value);
    if (parsed) out.format.*member = *parsed;
    return parsed ? Result<void>() : Result<void>(parsed.error());
  };
}

Setter sets_text(std::string FileFormat::*member) {
  return [member](FileArguments& out, const std::string&, const std::string& value) {
    out.format.*member = value;
    return Result<void>();
  };
}

#define SETS(body)                                                                         \
  [](FileArguments& out, const std::string& name, const std::string& value) -> Result<void> { \
    static_cast<void>(name);                                                               \
    static_cast<void>(out);                                                                \
    body;                                                                                  \
    return {};                                                                             \
  }

// By the name that Databricks spells.
std::map<std::string, Setter> setters() {
  return {
      {"format", SETS(out.format.form = TRY(form_of(value)))},
      {"schema", SETS(out.schema = TRY(parse_ddl(value)))},
      {"schemaHints", SETS(out.hints = TRY(parse_ddl(value)))},
      {"schemaEvolutionMode", SETS(out.evolution = TRY(evolution_of(name, value)))},
      {"rescuedDataColumn", sets_text(&FileFormat::rescued)},
      {"columnNameOfCorruptRecord", sets_text(&FileFormat::corrupt)},
      {"inferColumnTypes", sets_flag(&FileFormat::infer_types)},
      {"inferSchema", sets_flag(&FileFormat::infer_types)},
      {"readerCaseSensitive", sets_flag(&FileFormat::case_sensitive)},
      {"mode", SETS(out.format.mode = TRY(mode_of(name, value)))},
      {"multiLine", sets_flag(&FileFormat::multi_line)},
      {"header", sets_flag(&FileFormat::header)},
      {"delimiter", SETS(out.format.delimiter = unescaped(value))},
      {"sep", SETS(out.format.delimiter = unescaped(value))},
      {"quote", sets_char(&FileFormat::quote)},
      {"escape", sets_char(&FileFormat::escape)},
      {"comment", sets_char(&FileFormat::comment)},
      {"nullValue", sets_text(&FileFormat::null_value)},
      {"emptyValue", sets_text(&FileFormat::empty_value)},
      {"ignoreLeadingWhiteSpace", sets_flag(&FileFormat::trim_leading)},
      {"ignoreTrailingWhiteSpace", sets_flag(&FileFormat::trim_trailing)},
      {"lineSep", SETS(out.format.line_separator = unescaped(value))},
      {"wholeText", sets_flag(&FileFormat::whole_text)},
      {"dateFormat", sets_text(&FileFormat::date_format)},
      {"timestampFormat", sets_text(&FileFormat::timestamp_format)},
      {"inferTimestamp", sets_flag(&FileFormat::infer_timestamp)},
      {"primitivesAsString", sets_flag(&FileFormat::primitives_as_string)},
      {"prefersDecimal", sets_flag(&FileFormat::prefers_decimal)},
      {"encoding", SETS(if (!equal_ignoring_case(value, "UTF-8")) return refused(
                       Code::Unsupported, fmt::format("{} {}: files are read as UTF-8; convert "
                                                      "them", name, printable(value))))},
      {"maxFilesPerTrigger", SETS(out.files_max = TRY(count(name, value)))},
      {"maxBytesPerTrigger", SETS(out.bytes_max = TRY(byte_count(name, value)))},
      {"includeExistingFiles", sets_flag(&FileArguments::include_existing)},
      {"allowOverwrites", sets_flag(&FileArguments::allow_overwrites)},
      {"ignoreMissingFiles", sets_flag(&FileArguments::ignore_missing)},
      {"ignoreCorruptFiles", sets_flag(&FileArguments::ignore_corrupt)},
      {"recursiveFileLookup", sets_flag(&FileArguments::recursive)},
      {"pathGlobFilter", SETS(out.name_pattern = value)},
      {"fileNamePattern", SETS(out.name_pattern = value)},
      {"modifiedAfter", SETS(out.modified_after_ms = TRY(instant_ms(name, value)))},
      {"modifiedBefore", SETS(out.modified_before_ms = TRY(instant_ms(name, value)))},
      {"partitionColumns", SETS(out.partition_columns = names_in(value))},
  };
}

#undef SETS

// Options that only say how an inferred table is read, not what is inferred.
const std::set<std::string>& not_in_key() {
  static const std::set<std::string> names = {
      "schemaHints",          "schemaEvolutionMode", "maxFilesPerTrigger", "maxBytesPerTrigger",
      "includeExistingFiles", "allowOverwrites",     "ignoreMissingFiles", "ignoreCorruptFiles",
      "modifiedAfter",        "modifiedBefore",      "mode",               "rescuedDataColumn"};
  return names;
}

Result<io::Path> local_path(const std::string& written, const io::Path& directory) {
  std::string path = written;
  size_t scheme = path.find(':');
  if (scheme != std::string::npos && scheme < path.find('/')) {
    std::string name = lowered(path.substr(0, scheme));
    if (name != "file") {
      return refused(Code::Unsupported,
                     fmt::format("'{}': paths of {}: are not available; copy the files to a local "
                                 "directory",
                                 printable(written), printable(name)));
    }
    path.erase(0, scheme + 1);
    while (path.starts_with("//")) path.erase(0, 1);
  }
  if (path.empty()) return refused(Code::Invalid, "the path is empty");
  return normalized(path.starts_with('/') ? path : io::join(directory, path));
}

Error unknown_option(const std::string& name, const std::map<std::string, Setter>& known) {
  std::vector<std::string> names;
  for (const auto& entry : known) names.push_back(entry.first);
  std::string near = nearest(name, names);
  return refused(Code::Invalid,
                 fmt::format("unknown option {}; {}", printable(name),
                             near.empty() ? "there are " + joined(names, ", ")
                                          : fmt::format("did you mean {}?", near)));
}

void set_defaults(FileArguments& out, const std::set<std::string>& given) {
  using Evolution = FileArguments::Evolution;
  bool declared = out.schema.has_value();
  if (!given.contains("schemaEvolutionMode")) {
    out.evolution = declared ? Evolution::None : Evolution::AddNewColumns;
  }
  bool rescues = !declared && out.evolution != Evolution::None;
  bool fixed = out.format.form == FileFormat::Form::Text ||
               out.format.form == FileFormat::Form::BinaryFile;
  if (fixed) out.evolution = Evolution::None;
  if (!given.contains("rescuedDataColumn") && rescues && !fixed) {
    out.format.rescued = "_rescued_data";
  }
  // A declared schema names the columns of a CSV file in their order, as in Spark.
  out.format.by_name = out.format.header && (!declared || !out.format.rescued.empty());
  if (out.format.form == FileFormat::Form::Parquet) {
    out.format.by_name = !out.format.rescued.empty();
  }
}

}  // namespace

io::Path normalized(const io::Path& path) {
  std::vector<std::string> parts;
  for (auto& part : split(path, '/')) {
    bool up = part == ".." && !parts.empty() && parts.back() != "..";
    if (up) parts.pop_back();
    else if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  return (path.starts_with('/') ? "/" : "") + joined(parts, "/");
}

Result<FileArguments> file_arguments(const Arguments& arguments, const io::Path& directory) {
  FileArguments out;
  const auto known = setters();
  std::set<std::string> given;
  std::string inferred_from;
  for (const auto& [name, value] : arguments) {
    if (name == "path") continue;
    auto same = [&](const auto& entry) { return equal_ignoring_case(entry.first, name); };
    auto found = std::find_if(known.begin(), known.end(), same);
    if (found == known.end()) return unknown_option(name, known);
    if (!given.insert(found->first).second) {
      return refused(Code::Invalid, fmt::format("{} is given twice", found->first));
    }
    auto set = found->second(out, found->first, value);
    if (!set) {
      bool ours = set.error().message.starts_with("read_files: ");
      return ours ? set.error() : prefixed("read_files: " + found->first, set.error());
    }
    if (!not_in_key().contains(found->first)) inferred_from += found->first + "=" + value + "\n";
  }
  auto path = arguments.find("path");
  if (path == arguments.end()) {
    return refused(Code::Invalid, "the path is missing: read_files('/data/in', format => 'csv')");
  }
  if (!given.contains("format")) {
    return refused(Code::Invalid, "format is missing: csv, json, text, parquet or binaryFile");
  }
  out.path = TRY(local_path(path->second, directory));
  auto formats_checked = formats::check_time_formats(out.format);
  if (!formats_checked) return prefixed("read_files", formats_checked.error());
  set_defaults(out, given);
  bool adds = out.evolution == FileArguments::Evolution::AddNewColumns;
  if (out.schema && adds) {
    return refused(Code::Invalid,
                   "schemaEvolutionMode addNewColumns is for inferred schemas; give schemaHints "
                   "instead of schema, or another mode");
  }
  out.key = fmt::format("{:016x}", fnv1a(path->second + "\n" + inferred_from));
  return out;
}

}  // namespace ticklake::engine
