// ticklake export spark: the project as one that Apache Spark runs, with pyspark 4.2 and
// delta-spark 4.4.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "app/commands.h"
#include "app/project.h"
#include "app/spark_sql.h"
#include "app/spark_text.h"
#include "base/text.h"

namespace ticklake::app {
namespace {

using Kind = sql::Statement::Kind;

constexpr std::string_view kHeader =
    "Written by ticklake export spark; docs/export_spark.md says what it does.";

bool is_plain(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The sources as temporary views in Python: one for each distinct call.
class SourceViews {
 public:
  SourceViews(Environment& environment, const engine::Project& project)
      : environment_(environment), project_(project) {}

  Result<std::string> view(const SourceCall& call) {
    std::string body = call.input.kafka.empty() ? TRY(files(call)) : TRY(kafka(call));
    for (const auto& [name, known] : views_) {
      if (known == body) return name;
    }
    std::string name = new_name(call);
    views_.emplace_back(name, std::move(body));
    return name;
  }

  std::string python() const {
    std::string text = fmt::format("# {}\n", kHeader);
    text += "import os\n\nfrom pyspark import pipelines as dp\n";
    for (const auto& [name, body] : views_) {
      text += fmt::format("\n\n@dp.temporary_view\ndef {}():\n    return (\n        {}\n    )\n",
                          name, body);
    }
    return text;
  }
  bool empty() const { return views_.empty(); }
  bool reads_kafka() const { return reads_kafka_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  // A value, or where it is found: what is secret here is secret there.
  std::string value(const std::string& option, const std::string& value) {
    if (environment_.secrets.masked(value) == value) return json_text(value);
    std::string variable = uppered(option);
    std::ranges::replace_if(
        variable, [](char c) { return !is_plain(c); }, '_');
    // Sources may have secrets of their own under one option.
    std::string first = variable;
    for (int number = 2; variables_.try_emplace(variable, value).first->second != value; ++number) {
      variable = fmt::format("{}_{}", first, number);
    }
    notes_.push_back(
        fmt::format("{} is a secret: set the environment variable {}", option, variable));
    return fmt::format("os.environ[{}]", json_text(variable));
  }

  std::string option(const std::string& name, const std::string& text) {
    return fmt::format("\n        .option({}, {})", json_text(name), value(name, text));
  }

  Result<std::string> kafka(const SourceCall& call) {
    const auto& arguments = call.input.kafka;
    auto bootstrap = arguments.find("bootstrapServers");
    if (bootstrap == arguments.end() || bootstrap->second == "embedded") {
      return not_for_spark(call.statement,
                           "it reads the embedded log, which Spark cannot; export "
                           "with the address of a Kafka: --set "
                           "kafka.bootstrap=HOST:PORT");
    }
    reads_kafka_ = true;
    std::string body = "spark.readStream.format(\"kafka\")";
    for (const auto& [name, text] : arguments) {
      if (name.starts_with("ticklake.")) continue;
      body += option(name == "bootstrapServers" ? "kafka.bootstrap.servers" : name, text);
    }
    bool headers = std::ranges::find(call.input.columns, "headers") != call.input.columns.end();
    if (headers) body += option("includeHeaders", "true");
    return body + "\n        .load()";
  }

  Result<std::string> files(const SourceCall& call) {
    static const std::set<std::string> ours = {"path",
                                               "format",
                                               "schema",
                                               "schemahints",
                                               "infercolumntypes",
                                               "schemaevolutionmode",
                                               "rescueddatacolumn",
                                               "readercasesensitive",
                                               "partitioncolumns"};
    static const std::set<std::string> refused = {"includeexistingfiles", "allowoverwrites"};
    const auto& arguments = call.input.files;
    std::string path = arguments.at("path");
    if (!path.starts_with('/') && path.find(':') == std::string::npos) {
      path = std::filesystem::absolute(io::join(project_.directory, path)).lexically_normal();
    }
    std::string format;
    std::string options;
    for (const auto& [name, text] : arguments) {
      std::string key = lowered(name);
      if (key == "format") format = lowered(text);
      if (refused.contains(key)) {
        return not_for_spark(call.statement, fmt::format("Spark's files have no option {}", name));
      }
      if (!ours.contains(key)) options += option(name, text);
    }
    if (format == "binaryfile") {
      return not_for_spark(call.statement,
                           "files of the format binaryFile have other columns in "
                           "Spark");
    }
    Schema schema = call.input.schema;
    std::erase_if(schema.fields, [](const Field& field) { return field.name == "_metadata"; });
    if (schema.find("_rescued_data") >= 0) {
      return not_for_spark(call.statement,
                           "Spark's files have no rescued data; declare the schema, "
                           "or say schemaEvolutionMode => 'none'");
    }
    bool by_directory = call.input.files.contains("recursiveFileLookup");
    if (!by_directory) options += option("recursiveFileLookup", "true");
    bool metadata = std::ranges::find(call.input.columns, "_metadata") != call.input.columns.end();
    return fmt::format("spark.{}.format({}).schema({}){}\n        .load({}){}",
                       call.input.streaming ? "readStream" : "read", json_text(format),
                       json_text(to_ddl(schema)), options, json_text(path),
                       metadata ? "\n        .select(\"*\", \"_metadata\")" : "");
  }

  std::string new_name(const SourceCall& call) const {
    auto topic = call.input.kafka.find("subscribe");
    std::string name = topic == call.input.kafka.end() ? "files_of_" + call.statement.name.back()
                                                       : "topic_" + topic->second;
    std::ranges::replace_if(
        name, [](char c) { return !is_plain(c); }, '_');
    auto taken = [&](const std::string& text) {
      auto same = [&](const std::string& other) { return equal_ignoring_case(other, text); };
      return std::ranges::any_of(views_, [&](const auto& view) { return same(view.first); }) ||
             std::ranges::any_of(project_.statements, [&](const auto& statement) {
               return same(statement.name.back());
             });
    };
    std::string candidate = name;
    for (int i = 2; taken(candidate); ++i) candidate = fmt::format("{}_{}", name, i);
    return candidate;
  }

  Environment& environment_;
  const engine::Project& project_;
  std::vector<std::pair<std::string, std::string>> views_;  // name, what it returns
  std::map<std::string, std::string> variables_;            // of the environment, with secrets
  std::vector<std::string> notes_;
  bool reads_kafka_ = false;
};

std::string spec_text(const engine::Project& project, const std::string& folder) {
  return fmt::format(
      "# {}\nname: {}\n# Where Spark keeps its checkpoints: an absolute path.\n"
      "storage: file://{}/pipeline-storage\n# A database of Spark's catalog that is there "
      "already.\n"
      "database: default\nlibraries:\n  - glob:\n      include: transformations/**\n"
      "configuration:\n  spark.sql.session.timeZone: UTC\n  spark.sql.ansi.enabled: \"true\"\n"
      "  spark.sql.sources.default: delta\n",
      kHeader, json_text(project.name), folder);
}

std::string settings_text(bool kafka, const std::string& folder) {
  return fmt::format(
      "# {}\n# For one machine; on a cluster these are the cluster's own.\n"
      "spark.jars.packages io.delta:delta-spark_4.2_2.13:4.4.0{}\n"
      "spark.sql.sources.default delta\n"
      "spark.sql.extensions io.delta.sql.DeltaSparkSessionExtension\n"
      "spark.sql.catalog.spark_catalog org.apache.spark.sql.delta.catalog.DeltaCatalog\n"
      "spark.sql.warehouse.dir {}/warehouse\nspark.sql.catalogImplementation hive\n"
      "spark.hadoop.javax.jdo.option.ConnectionURL "
      "jdbc:derby:;databaseName={}/metastore;create=true\n",
      kHeader, kafka ? ",org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0" : "", folder, folder);
}

std::string readme_text(const engine::Project& project, const std::vector<std::string>& notes) {
  std::string text = fmt::format(
      "# {} for Apache Spark\n\n{}\n\n```\npip install \"pyspark[pipelines]==4.2.0\"\n"
      "SPARK_CONF_DIR=$PWD/conf spark-pipelines --remote \"local[*]\" run\n```\n",
      project.name, kHeader);
  if (notes.empty()) return text;
  text += "\n## What differs\n";
  for (const auto& note : notes) text += "- " + note + "\n";
  return text;
}

std::string exported_path(const std::string& path) {
  return path.starts_with("transformations/") ? path : "transformations/" + path;
}

class Export {
 public:
  // `without`: canonical names.
  Export(Environment& environment, const engine::Project& project, const engine::Graph& graph,
         std::set<std::string> without)
      : environment_(environment),
        project_(project),
        graph_(graph),
        without_(std::move(without)),
        now_us_(environment.clock.now_us()),
        views_(environment, project) {}

  Result<void> add_all() {
    for (const auto& statement : project_.statements) TRY(add(statement));
    return check_paths();
  }

  // A project's SQL may lie anywhere, an exported one's below one folder.
  Result<void> check_paths() const {
    std::map<std::string, std::string> from;
    for (const auto& [path, text] : sql_) {
      if (("/" + path + "/").find("/../") != std::string::npos) {
        return Error{Code::Unsupported,
                     path + ": it lies outside the project; put it into transformations/"};
      }
      auto [other, is_new] = from.emplace(exported_path(path), path);
      if (is_new) continue;
      return Error{Code::Unsupported, fmt::format("{} and {} would both become {}; rename one",
                                                  other->second, path, other->first)};
    }
    return {};
  }

  // Path below the folder, and text.
  std::map<std::string, std::string> files(const std::string& folder) const {
    std::map<std::string, std::string> out;
    for (const auto& [path, text] : sql_) {
      out[exported_path(path)] = fmt::format("-- {}\n", kHeader) + text;
    }
    if (!views_.empty()) out["transformations/sources.py"] = views_.python();
    out["spark-pipeline.yml"] = spec_text(project_, folder);
    out["conf/spark-defaults.conf"] = settings_text(views_.reads_kafka(), folder);
    out["README.md"] = readme_text(project_, notes());
    return out;
  }

  std::vector<std::string> notes() const {
    auto all = notes_;
    all.insert(all.end(), views_.notes().begin(), views_.notes().end());
    return all;
  }

 private:
  Result<void> add(const sql::Statement& statement) {
    bool is_flow = statement.kind == Kind::Flow;
    if (without_.contains(project_.canonical(is_flow ? statement.target : statement.name))) {
      return {};
    }
    for (const auto& reference : sql::references(statement)) {
      if (reference.name.empty()) continue;
      if (!without_.contains(project_.canonical(reference.name))) continue;
      return not_for_spark(statement, fmt::format("it reads {}, which is left out; leave this one "
                                                  "out, too",
                                                  reference.name.back()));
    }
    if (statement.kind == Kind::Flow && statement.cdc) return {};  // its target's view
    auto changes = changes_of(statement);
    bool is_target = statement.kind == Kind::StreamingTable && !changes.empty();
    if (changes.size() > 1) {
      return not_for_spark(*changes[1], "several AUTO CDC flows into one table cannot be exported; "
                                        "put their changes into one streaming table");
    }
    auto view = [this](const SourceCall& call) { return views_.view(call); };
    auto made = is_target ? spark_changes(project_, graph_, statement, *changes[0])
                          : spark_statement(project_, graph_, statement, now_us_, view);
    if (!made) return made.error();
    if (environment_.secrets.masked(made->text) != made->text) {
      return not_for_spark(statement,
                           "a secret stands in its SQL, which would be written in clear");
    }
    // A comment at its end would hide the semicolon.
    size_t last_line = made->text.rfind('\n') + 1;
    bool has_comment = made->text.find("--", last_line) != std::string::npos;
    sql_[statement.file] += "\n" + made->text + (has_comment ? "\n;\n" : ";\n");
    notes_.insert(notes_.end(), made->notes.begin(), made->notes.end());
    return {};
  }

  // The AUTO CDC that fills a table, its own and that of flows.
  std::vector<const sql::Statement*> changes_of(const sql::Statement& table) const {
    std::vector<const sql::Statement*> out;
    if (table.cdc) out.push_back(&table);
    for (const auto& one : project_.statements) {
      bool fills =
          one.kind == Kind::Flow && one.cdc &&
          equal_ignoring_case(project_.canonical(one.target), project_.canonical(table.name));
      if (fills) out.push_back(&one);
    }
    return out;
  }

  Environment& environment_;
  const engine::Project& project_;
  const engine::Graph& graph_;
  std::set<std::string> without_;
  int64_t now_us_;
  SourceViews views_;
  std::map<std::string, std::string> sql_;  // by file
  std::vector<std::string> notes_;
};

}  // namespace

Result<void> export_spark(Environment& environment, const ExportOptions& options) {
  auto project = TRY(load(environment, options.project));
  auto graph = TRY(engine::build_graph(project, environment.clock.now_us()));
  if (!TRY(environment.files.list_all(options.directory)).empty()) {
    return Error{Code::Conflict,
                 fmt::format("--to {}: it is not empty; give a new directory", options.directory)};
  }
  std::set<std::string> without;
  for (const auto& name : options.without) {
    auto parts = name_parts(name);
    const auto* table = parts.size() > 3 ? nullptr : graph.find(project, parts);
    if (table == nullptr) {
      return Error{Code::NotFound,
                   fmt::format("--without {}: the project has no such table", printable(name))};
    }
    without.insert(table->name);
  }
  Export exported(environment, project, graph, std::move(without));
  TRY(exported.add_all());
  std::string folder = std::filesystem::absolute(options.directory).lexically_normal();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  for (const auto& [path, text] : exported.files(folder)) {
    TRY(environment.files.put_if_absent(io::join(options.directory, path), text));
  }
  for (const auto& note : exported.notes()) fmt::print(environment.err, "note: {}\n", note);
  fmt::print(environment.err, "wrote {}; how to run it: {}/README.md\n", options.directory,
             options.directory);
  return {};
}

}  // namespace ticklake::app
